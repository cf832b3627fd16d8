"""What a new project is to be, as flags or a conversation gave it, and the manifest that it comes to."""

from __future__ import annotations

import datetime as dt
import re

from msgspec import Struct

from stackc.errors import ManifestError, UsageError
from stackc.init.offer import CPU, Shop
from stackc.init.scaffold import Scaffold
from stackc.init.trios import TRIO
from stackc.init.wanted import want
from stackc.manifest.decode import decode

__all__ = ["Answers", "draft", "name_for"]

_LONGEST_NAME = 100


class Answers(Struct, frozen=True, kw_only=True):
    """What is wanted: `cuda` is None for the CPU, `python` and `target` None for the usual ones."""

    name: str
    cuda: str | None
    python: str | None = None
    target: str | None = None
    projects: tuple[str, ...] = ()


def draft(answers: Answers, *, shop: Shop, today: dt.date) -> Scaffold:
    """Return what the answers come to.

    Raises UsageError: S011 where the facts do not have it, S012 for a project that is none, and what the manifest's own reader
    says of a name.
    """
    wanted = want(answers.projects)
    python = answers.python or shop.default_python(answers.cuda)
    bounds = {name: wanted[name].versions for name in TRIO if name in wanted}
    offer = shop.offer(cuda=answers.cuda, python=python, bounds=bounds)
    target = answers.target or (CPU if answers.cuda is None else "gpu")
    made = Scaffold(name=answers.name, target=target, offer=offer, wanted=wanted, today=today)
    try:
        decode(made.text(), file=_UNWRITTEN)
    except ManifestError as error:
        raise UsageError(error.findings) from None
    return made


_UNWRITTEN = "the manifest that is not written"


def name_for(folder: str) -> str:
    """Return the name of a stack for a folder's: in lower case, with `-` for what a name may not hold."""
    name = re.sub(r"[^a-z0-9._-]+", "-", folder.lower()).lstrip("._-").rstrip("-")
    return name[:_LONGEST_NAME] or "stack"
