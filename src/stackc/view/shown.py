"""What a view shows: each project with its releases, and what became known of them."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding
from stackc.upstream.pages import PageOutcome
from stackc.upstream.simple import FileRow
from stackc.view.metadata import Neutral

__all__ = ["ShownProject", "ShownRelease"]


class ShownRelease(Struct):
    """One release as the view shows it: the file behind it, what it needs on the target, and why it cannot be used, if so."""

    version: Version
    file: FileRow
    neutral: Neutral | None = None
    problem: Finding | None = None
    body: bytes | None = None
    waiting: list[Callable[[], None]] | None = None


class ShownProject(Struct):
    """One project as the view shows it. `outcome` is None until its page came; `spelled` are the keys of `releases` as text.

    `known` has what is known of every release that was shown at some time.
    """

    name: NormalizedName
    index: str
    outcome: PageOutcome | None = None
    releases: dict[Version, ShownRelease] = field(default_factory=dict)
    spelled: list[str] = field(default_factory=list)
    known: dict[Version, ShownRelease] = field(default_factory=dict)
    waiting: list[Callable[[], None]] = field(default_factory=list)
