"""The text of a first `stack.toml`: every line that one could wonder about says what it is for."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.init.offer import Offer
from stackc.init.trios import TRIO
from stackc.init.wanted import Wanted

__all__ = ["INDEXES", "Scaffold"]

INDEXES = "https://download.pytorch.org/whl"
"""Where PyTorch's own indexes lie: each in a folder with the label of its builds."""

_NUMPY, _SCIPY = NormalizedName("numpy"), NormalizedName("scipy")
_ORDERED = (_NUMPY, _SCIPY, *TRIO)
_UNBOUNDED = {_NUMPY: "<3", _SCIPY: "<2"}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

_HEAD = """\
# What this image is made of, from the base image to the last project. `stackc compile` makes locks/ of it.
# All of it is yours to change: what does not fit together is refused, with the reason.
"""


class Scaffold(Struct, frozen=True, kw_only=True):
    """What a first manifest is made of. `today` is the day whose beginning, in UTC, the indexes are looked at."""

    name: str
    target: str
    offer: Offer
    wanted: Mapping[NormalizedName, Wanted]
    today: dt.date

    def text(self) -> str:
        """Return the manifest's text; the same values give the same text."""
        parts = (
            self._stack(),
            self._index(),
            self._target(),
            *self._components(),
            self._image(),
            self._policy(),
            self._matrix(),
        )
        return "\n".join([_HEAD, *("".join(f"{line}\n" for line in part) for part in parts)])

    def _stack(self) -> Iterator[str]:
        yield "[stack]"
        yield f"name = {_string(self.name)}"

    def _index(self) -> Iterator[str]:
        label, cuda = self.offer.label, self.offer.cuda
        builds = "builds without CUDA" if cuda is None else f"builds for CUDA {cuda}"
        yield f"[indexes.{label}] # PyTorch's {builds}; PyPI needs no entry"
        yield f"url = {_string(f'{INDEXES}/{label}')}"
        yield f"serves = {_strings(TRIO)} # looked up here and nowhere else; all others on PyPI"

    def _target(self) -> Iterator[str]:
        base = self.offer.base
        gives = [] if self.offer.cuda is None else [f"CUDA {self.offer.cuda}"]
        gives += [f"glibc {base.distribution.glibc}", *([f"Python {self.offer.python}"] if base.own else [])]
        yield f"[targets.{_key(self.target)}] # one lock and one Dockerfile, in locks/{self.target}/"
        yield f"python = {_string(self.offer.python)}"
        yield 'platform = "linux/amd64"'
        yield f"base = {_string(base.reference)} # gives {', '.join(gives)}"
        yield from self._accelerator()

    def _accelerator(self) -> Iterator[str]:
        """Yield the lines about drivers and GPUs, which nobody has to state."""
        driver, torch = self.offer.driver, self.offer.trio.torch
        if driver is not None:
            branch = str(Version(driver.ships).major)
            rest = "on none before it" if driver.runs == branch else f"from {driver.runs} on with limited features"
            yield f"# driver = {_string(branch)} # the oldest driver that the image must start on"
            yield f"#   CUDA {driver.cuda} came with driver {driver.ships}; it runs {rest}"
        if self.offer.capabilities:
            gpus = [f"sm_{capability.replace('.', '')}" for capability in self.offer.capabilities]
            yield f"# gpus = {_strings(gpus)} # the GPUs that it must run on"
            yield f"#   keep those that you have; torch {torch} has code for these, which later ones of a generation run too"

    def _components(self) -> Iterator[Iterator[str]]:
        yield self._numpy()
        yield self._scipy()
        yield self._torch()
        for name in TRIO[1:]:
            yield self._partner(name)
        others = [wanted for name, wanted in self.wanted.items() if name not in _ORDERED]
        for number, wanted in enumerate(others):
            yield self._other(wanted, first=number == 0)

    def _numpy(self) -> Iterator[str]:
        yield from self._bounded(_NUMPY, "the next major version breaks what was compiled against this one")
        yield "order = 1 # the install step; what has one is kept out of requirements.txt"

    def _scipy(self) -> Iterator[str]:
        yield from self._bounded(_SCIPY, "which SciPy goes with which NumPy, the matrix knows")
        yield "order = 2"

    def _bounded(self, name: NormalizedName, why: str) -> Iterator[str]:
        """Yield the head of a component that is there without being asked for; what the user says of it comes first."""
        wanted = self.wanted.get(name)
        yield f"[components.{name}]"
        if wanted is not None and wanted.versions:
            yield f"version = {_versions(wanted.versions)}"
        else:
            yield f"version = {_string(_UNBOUNDED[name])} # {why}"
        yield from _extras(wanted)

    def _torch(self) -> Iterator[str]:
        cuda, wanted = self.offer.cuda, self.wanted.get(TRIO[0])
        which = "as you asked," if wanted is not None and wanted.versions else "the newest"
        yield "[components.torch]"
        yield f'version = "=={self.offer.trio.torch}" # {which} with both partners for Python {self._place()}'
        yield "order = 3 # one step for all three, from their own index"
        yield from _extras(wanted)
        truth = "torch.version.cuda " + ("is None" if cuda is None else f"== '{cuda}'")
        yield f"verify = [{_string(truth)}] # true in the image, or its build fails"

    def _place(self) -> str:
        return f"{self.offer.python} " + ("without CUDA" if self.offer.cuda is None else f"and CUDA {self.offer.cuda}")

    def _partner(self, name: NormalizedName) -> Iterator[str]:
        yield f"[components.{name}]"
        yield f'version = "matrix" # the partner of torch: {self.offer.trio.versions[name]} of {self.offer.trio.torch}'
        yield "order = 3"
        yield from _extras(self.wanted.get(name))

    def _other(self, wanted: Wanted, *, first: bool) -> Iterator[str]:
        yield f"[components.{_key(wanted.spelled)}]" + (" # no order: installed last, from requirements.txt" if first else "")
        if wanted.versions:
            yield f"version = {_versions(wanted.versions)}"
        else:
            yield 'version = ">=0" # any: the lock has one; bound it, such as ">=1.2,<2", if you rely on that'
        yield from _extras(wanted)

    def _image(self) -> Iterator[str]:
        yield "[image]"
        if not self.offer.base.own:
            distribution = self.offer.base.distribution
            yield f'python-from = "uv" # {distribution.id} itself has Python {distribution.python3}'
        yield '# apt = ["git"] # system packages'
        yield '# copy = ["app/"] # what of this folder the image holds, below /app'
        yield '# cmd = ["python", "-m", "app"] # what it runs'

    def _policy(self) -> Iterator[str]:
        yield "[policy]"
        yield f"exclude-newer = {self.today.isoformat()}T00:00:00Z # nothing uploaded later: the same lock on every day"
        yield "#   for newer releases: `stackc compile --upgrade-to DATE`"
        yield 'unknown = "warn" # a combination that the matrix does not know: allow | warn | error'

    def _matrix(self) -> Iterator[str]:
        yield "[matrix]"
        yield 'packs = ["builtin"] # the rules of `stackc matrix list`; add "rules/*.toml" for your own'


def _extras(wanted: Wanted | None) -> Iterator[str]:
    if wanted is not None and wanted.extras:
        yield f"extras = {_strings(wanted.extras)}"


def _versions(specifiers: SpecifierSet) -> str:
    return _string(_joined(specifiers))


def _joined(specifiers: SpecifierSet) -> str:
    """Return the parts of a specifier in one order, upper bounds last."""
    return ",".join(sorted(map(str, specifiers), key=lambda text: (text.startswith("<"), text)))


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    """Return a basic string. JSON escapes the same characters in the same ways, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _strings(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_string, texts))}]"
