"""Small universes of projects, and good locks of them, for Hypothesis.

A universe is a handful of projects with one release each, requirements between them (cycles and extras included), roots with
orders, two indexes and perhaps a rule. A good lock follows from it. What the proof compares (steps, reasons, extras, routes) is
worked out here in the plainest way from the same universe, not read from a lock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Place
from stackc.lock.locked_target import target_of
from stackc.lock.model import DirectFile, DirectKind, Engine, Inputs, Lock, LockedFile, LockedTarget, Package, Root, Route
from stackc.lock.requirements import parse_needs
from stackc.lock.steps import assign, conflicts
from stackc.lock.why import bounds
from stackc.matrix.model import Arm, Condition, Matrix, ProjectName, Rule

NAMES = tuple(NormalizedName(text) for text in ("alpha", "beta-lib", "gamma", "nvidia-delta", "epsilon", "zeta"))
KINDS: tuple[DirectKind, ...] = ("url", "path")
EXTRAS = tuple(NormalizedName(text) for text in ("fast", "x-tra"))
VERSIONS = ("1.0", "1.4.2", "1.5rc1", "1.2.post1", "1.3+cu124")
BELOW, ABOVE = "<1.6", ">=0.9"
"""Specifiers that every version of VERSIONS meets, and none of FAR_VERSIONS meets both."""

FAR_VERSIONS = ("0.1", "2.0", "2.0rc1")
TAGS = ("py3-none-any", "cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp39-abi3-linux_x86_64", "py2.py3-none-any")
FOREIGN_TAGS = ("cp311-cp311-linux_x86_64", "py3-none-win_amd64", "cp310-cp310-manylinux_2_36_x86_64", "py2-none-any")
ADMITTING = (None, ">=3.8", "==3.10.*", ">=3.9,<4")
EXCLUDING = (">=3.11", "<3.10", "!=3.10.*", "not a specifier")
TARGET = LockedTarget(
    name="gpu",
    python="3.10",
    platform="linux/amd64",
    base="nvidia/cuda:12.4.1-devel-ubuntu22.04",
    cuda="12.4",
    glibc="2.35",
    gpus=("sm_90",),
)
ROUTES = (Route(index="cu124", serves=("gamma", "nvidia-*")), Route(index="pypi", default=True))
SERVED = ("gamma", "nvidia-delta")
RULE = Rule(
    id="alpha-epsilon",
    arms=(
        Arm(
            when=(Condition.of(ProjectName("alpha"), SpecifierSet(">=1")),),
            requires=(Condition.of(ProjectName("epsilon"), SpecifierSet("<2.0.dev0")),),
        ),
    ),
    because="they break",
    source="https://example.org/rule",
    date=dt.date(2026, 1, 1),
    place=Place(file="rules.toml"),
)


@dataclass(frozen=True)
class Solution:
    """A lock, and the matrix under which it is good."""

    lock: Lock
    matrix: Matrix


def file_of(project: NormalizedName, version: object, tags: str) -> str:
    return f"{project.replace('-', '_')}-{version}-{tags}.whl"


@st.composite
def solutions(draw: st.DrawFn) -> Solution:
    """Draw a good lock."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    requires = {name: draw(_requirements(names)) for name in names}
    rooted = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    roots = tuple(draw(_roots(name)) for name in rooted)
    named = frozenset(draw(st.sets(st.sampled_from(rooted), max_size=2)))
    matrix = Matrix(rules={RULE.id: RULE} if draw(st.booleans()) else {}, waived=(), digest=f"sha256:{'2' * 64}")
    needed = _reachable(rooted, requires)
    own = {name: root.index for name, root in zip(rooted, roots, strict=True)}
    drawn = {name: draw(_packages(name, own.get(name))) for name in sorted(needed)}
    for name in named:
        drawn[name] = draw(_direct(drawn[name]))
    roots = tuple(_named(root, drawn[name]) for name, root in zip(rooted, roots, strict=True))
    lock = Lock(
        target=TARGET,
        stackc="0.1.0",
        inputs=Inputs(**{key: f"sha256:{digit * 64}" for key, digit in _DIGITS.items()}),
        engine=Engine(name="uv", version=draw(st.sampled_from(("0.13.9", 'odd "version"\n')))),
        exclude_newer=draw(st.none() | st.just(dt.datetime(2026, 11, 20, tzinfo=dt.timezone.utc))),
        routes=ROUTES,
        roots=roots,
        sdists=(),
        tools=draw(_tools()),
        packages=tuple(replace(package, requires=requires[name]) for name, package in drawn.items()),
    )
    return Solution(settle(lock, matrix), matrix)


_DIGITS = {"manifest": "1", "matrix": "2", "templates": "3", "outputs": "4"}


def settle(lock: Lock, matrix: Matrix) -> Lock:
    """Return the lock with the extras, steps and reasons that follow from its roots and requirements.

    Roots that are ordered against their needs lose their orders.
    """
    needs = {package.name: parse_needs(package.requires) for package in lock.packages}
    graph = {name: tuple(need.project for need in of) for name, of in needs.items()}
    if conflicts(lock.roots, graph):
        lock = replace(lock, roots=tuple(replace(root, order=None) for root in lock.roots))
    stated = [*parse_needs(root.requirement for root in lock.roots), *(need for of in needs.values() for need in of)]
    extras = {name: tuple(sorted({e for need in stated if need.project == name for e in need.extras})) for name in needs}
    steps = assign(lock.roots, graph)
    why = bounds(
        lock.roots,
        pins={package.name: package.version for package in lock.packages},
        requires={package.name: package.requires for package in lock.packages},
        target=target_of(lock),
        matrix=matrix,
    )
    settled = [replace(p, extras=extras[p.name], step=steps[p.name], why=why[p.name]) for p in lock.packages]
    return replace(lock, packages=tuple(settled))


def _requirements(names: Sequence[NormalizedName]) -> st.SearchStrategy[tuple[str, ...]]:
    one = st.builds(_requirement, st.sampled_from(names), st.sampled_from(("", *EXTRAS)), _specifiers())
    return st.lists(one, max_size=3, unique_by=lambda text: text.split("[")[0].split("<")[0].split(">")[0]).map(
        lambda texts: tuple(sorted(texts))
    )


def _requirement(name: NormalizedName, extra: str, specifiers: str) -> str:
    return f"{name}{f'[{extra}]' if extra else ''}{specifiers}"


def _specifiers() -> st.SearchStrategy[str]:
    return st.sampled_from(("", BELOW, ABOVE, f"{BELOW},{ABOVE}"))


def _roots(name: NormalizedName) -> st.SearchStrategy[Root]:
    """Return roots of `name`, which always have limits, so that a version can be drawn that lies outside them."""
    return st.builds(
        Root,
        requirement=st.builds(_requirement, st.just(name), st.sampled_from(("", *EXTRAS)), st.just(f"{ABOVE},{BELOW}")),
        order=st.sampled_from((None, 1, 2, 5)),
        index=st.sampled_from((None, "cu124", "pypi")),
    )


def _packages(name: NormalizedName, own: str | None) -> st.SearchStrategy[Package]:
    routed = "cu124" if name in SERVED else "pypi"
    return st.builds(
        lambda version, tags, digit, size, uploaded, requires_python: Package(
            name=name,
            version=Version(version),
            index=own or routed,
            step=1,
            file=LockedFile(name=file_of(name, version, tags), sha256=digit * 64, size=size, uploaded=uploaded),
            requires_python=requires_python,
        ),
        st.sampled_from(VERSIONS),
        st.sampled_from(TAGS),
        st.sampled_from("0af"),
        st.none() | st.integers(0, 10**10),
        st.none() | st.datetimes(dt.datetime(2015, 1, 1), dt.datetime(2026, 11, 19), timezones=st.just(dt.timezone.utc)),  # noqa: DTZ001
        st.sampled_from(ADMITTING),
    )


def _direct(package: Package) -> st.SearchStrategy[Package]:
    """Return pins of a file that their component names; its name may have a local version label that its version lacks."""
    label = "" if package.version.local else "+Label1"
    file = replace(package.file, name=file_of(package.name, f"{package.version}{label}", "py3-none-any"))
    plain = replace(package, index=None)
    return st.builds(
        lambda kind, labelled: replace(plain, direct=kind, file=file if labelled else plain.file),
        st.sampled_from(KINDS),
        st.booleans(),
    )


def _named(root: Root, package: Package) -> Root:
    """Return a root that names the file of its pin, if that is one which a component names."""
    if package.direct is None:
        return root
    file = DirectFile(kind=package.direct, file=package.file.name, sha256=package.file.sha256)
    return replace(root, index=None, direct=file)


@st.composite
def _tools(draw: st.DrawFn) -> tuple[Package, ...]:
    if not draw(st.booleans()):
        return ()
    pip = draw(_packages(NormalizedName("pip"), None))
    return (replace(pip, step=0, why=("stack.toml >=0.9",)),)


def _reachable(roots: Sequence[NormalizedName], requires: dict[NormalizedName, tuple[str, ...]]) -> set[NormalizedName]:
    needed = set(roots)
    while more := {need.project for name in needed for need in parse_needs(requires[name])} - needed:
        needed |= more
    return needed
