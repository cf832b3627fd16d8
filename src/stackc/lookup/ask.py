"""From what somebody asks for to its page: `NAME`, `NAME==VERSION`, a base image's reference, or a rule's id."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, UsageError
from stackc.lookup.entries import rule_page
from stackc.lookup.knowledge import Knowledge
from stackc.lookup.page import Page
from stackc.lookup.parts import base_page, virtual_page
from stackc.lookup.releases import in_tables, project_page, release_page
from stackc.manifest.model import BaseImage
from stackc.manifest.reference import base_image
from stackc.matrix.model import VIRTUAL, is_virtual
from stackc.matrix.packs import did_you_mean

__all__ = ["look_up", "look_up_rule"]

_PIN = "=="
_OF_IMAGES = frozenset(":/@")


def look_up(text: str, known: Knowledge) -> Page:
    """Return the page of what `text` names. Raises UsageError: S230 to S232."""
    name, pin, version = (part.strip() for part in text.partition(_PIN))
    if pin:
        return _release(_known_name(name, known, asked=text), _version(version, text), known)
    rule = known.rule(text)
    if rule is not None:
        return rule_page(rule, known)
    if _OF_IMAGES & set(text):
        return _base(text, known)
    project = _known_name(text, known, asked=text)
    return virtual_page(project, None, known) if is_virtual(project) else project_page(project, known)


def look_up_rule(name: str, known: Knowledge) -> Page:
    """Return the page of a rule. Raises UsageError (S233) where there is none of that id."""
    rule = known.rule(name)
    if rule is None:
        raise UsageError(_no_rule(name, [rule.id for rule in known.rules()]))
    return rule_page(rule, known)


def _release(name: str, version: Version, known: Knowledge) -> Page:
    return virtual_page(name, version, known) if is_virtual(name) else release_page(name, version, known)


def _base(text: str, known: Knowledge) -> Page:
    image = base_image(text)
    page = base_page(image, known) if isinstance(image, BaseImage) else None
    if page is None or not page.facts:
        raise UsageError(_unread_image(text, known))
    return page


def _known_name(text: str, known: Knowledge, *, asked: str) -> str:
    """Return the normalized name of a project that the matrix knows, real or virtual."""
    name = canonicalize_name(text)
    names = _names(known)
    if name not in names:
        raise UsageError(_unknown(asked, name, [*names, *(rule.id for rule in known.rules())]))
    return name


def _names(known: Knowledge) -> list[str]:
    named = {str(name) for rule in known.rules() for name in rule.names()}
    bases = {f"base-{row.id.rstrip('0123456789.')}" for row in known.facts.distributions.values()}
    return sorted(named | bases | VIRTUAL | set(in_tables(known.facts)))


def _version(text: str, asked: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        finding = Finding(
            code="S231",
            message=f"`{text}` is not a version",
            found=asked,
            hint="write one release, such as `torch==2.5.1`, `python==3.12` or `sm==90`",
        )
        raise UsageError(finding) from None


def _unknown(asked: str, name: str, words: Iterable[str]) -> Finding:
    return Finding(
        code="S230",
        message=f"the matrix knows nothing of `{asked}`: no table and no rule names it",
        hint=did_you_mean(name, words) or "`stackc matrix list` shows the rules and the tables",
    )


def _unread_image(text: str, known: Knowledge) -> Finding:
    families = ", ".join(f"`{repository}`" for repository in sorted(known.facts.families))
    return Finding(
        code="S232",
        message=f"the matrix cannot read the base image `{text}`",
        notes=(f"it reads the tags of {families}",),
        hint="write repository and tag, such as `nvidia/cuda:12.4.1-devel-ubuntu22.04`",
    )


def _no_rule(name: str, words: Iterable[str]) -> Finding:
    return Finding(
        code="S233",
        message=f"there is no rule `{name}`",
        hint=did_you_mean(name, words) or "`stackc matrix list` shows the rules",
    )
