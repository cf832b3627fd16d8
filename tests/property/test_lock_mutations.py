"""The proof refuses every single mutation of a good lock.

The mutations are made on the value, so the digest of the text does not help. What gives another good lock is left out by
construction: a version is only ever changed to one outside the limits of the roots, which every drawn root has, or without its
file; a requirement that is added is one that its project's reasons must then name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from property.lock_universe import (
    EXCLUDING,
    EXTRAS,
    FAR_VERSIONS,
    FOREIGN_TAGS,
    KINDS,
    RULE,
    Solution,
    file_of,
    settle,
    solutions,
)
from stackc.lock.model import DirectFile, Lock, LockedFile, Package, Root
from stackc.lock.proof import prove
from stackc.lock.requirements import parse_need
from stackc.matrix.model import Arm, Condition, ProjectName

Draw = st.DataObject
Mutation = Callable[[Solution, Draw], Lock]


def _package(solution: Solution, data: Draw) -> Package:
    return data.draw(st.sampled_from(solution.lock.packages), label="package")


def _put(lock: Lock, changed: Package) -> Lock:
    return replace(lock, packages=tuple(changed if old.name == changed.name else old for old in lock.packages))


def _root(solution: Solution, data: Draw) -> tuple[int, Root, NormalizedName]:
    """Return the number of a root, the root, and its project."""
    number = data.draw(st.integers(0, len(solution.lock.roots) - 1), label="root")
    need = parse_need(solution.lock.roots[number].requirement)
    assert need is not None
    return number, solution.lock.roots[number], need.project


def _put_root(lock: Lock, number: int, root: Root) -> Lock:
    return replace(lock, roots=(*lock.roots[:number], root, *lock.roots[number + 1 :]))


def version_without_its_file(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    return _put(solution.lock, replace(package, version=Version(data.draw(st.sampled_from(FAR_VERSIONS)))))


def version_and_file_outside_a_root(solution: Solution, data: Draw) -> Lock:
    """Change a root's pin and all that follows from it: only the root's own limits are left to tell."""
    _number, _old, project = _root(solution, data)
    version = data.draw(st.sampled_from(FAR_VERSIONS))
    package = solution.lock.by_name[project]
    file = replace(package.file, name=file_of(project, version, "py3-none-any"))
    return settle(_put(solution.lock, replace(package, version=Version(version), file=file)), solution.matrix)


def package_dropped(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    return replace(solution.lock, packages=tuple(other for other in solution.lock.packages if other != package))


def package_twice(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    return replace(solution.lock, packages=tuple(sorted((*solution.lock.packages, package), key=lambda one: one.name)))


def index_swapped(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    others = [index for index in ("cu124", "pypi", "elsewhere", "") if index != package.index]
    return _put(solution.lock, replace(package, index=data.draw(st.sampled_from(others))))


def hash_of_foreign_form(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    sha256 = package.file.sha256
    foreign = (sha256[1:], sha256 + "0", f"sha256:{sha256}", "", "A" + sha256[1:], sha256[:-1] + "\n", "g" + sha256[1:])
    return _put(solution.lock, replace(package, file=replace(package.file, sha256=data.draw(st.sampled_from(foreign)))))


def step_moved(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    step = data.draw(st.integers(0, 7).filter(lambda number: number != package.step))
    return _put(solution.lock, replace(package, step=step))


def package_that_nobody_needs(solution: Solution, data: Draw) -> Lock:
    """Add a package that is good in itself and says of itself what follows: it is only not needed."""
    name = NormalizedName("unneeded")
    requires = data.draw(st.sampled_from(((), ("unneeded",))))
    file = LockedFile(name=file_of(name, "1.0", "py3-none-any"), sha256="a" * 64)
    added = Package(name=name, version=Version("1.0"), index="pypi", step=1, file=file, requires=requires)
    packages = tuple(sorted((*solution.lock.packages, added), key=lambda one: one.name))
    return settle(replace(solution.lock, packages=packages), solution.matrix)


def requirement_added(solution: Solution, data: Draw) -> Lock:
    """Add a requirement that the pins meet, of a pin or of nothing that is pinned: no reason names it yet."""
    package, other = _package(solution, data), data.draw(st.sampled_from((*solution.lock.by_name, "elsewhere")))
    text = f"{other}!=7.7"
    return _put(solution.lock, replace(package, requires=tuple(sorted((*package.requires, text)))))


def requirement_dropped(solution: Solution, data: Draw) -> Lock:
    """Drop a requirement. The drawn ones name each project once, so a reason goes with every one of them."""
    having = [package for package in solution.lock.packages if package.requires]
    assume(having)
    package = data.draw(st.sampled_from(having))
    dropped = data.draw(st.sampled_from(package.requires))
    return _put(solution.lock, replace(package, requires=tuple(text for text in package.requires if text != dropped)))


def requirement_of_foreign_form(solution: Solution, data: Draw) -> Lock:
    """Spell a requirement in another way that means the same, or means the same only here."""
    having = [package for package in solution.lock.packages if package.requires]
    assume(having)
    package = data.draw(st.sampled_from(having))
    form = data.draw(st.sampled_from(("{} ", "{}; os_name == 'posix'", "{} @ file:///there", "{},")))
    texts = (form.format(package.requires[0]), *package.requires[1:])
    return settle(_put(solution.lock, replace(package, requires=texts)), solution.matrix)


def extras_changed(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    sets = [extras for extras in ((), EXTRAS[:1], EXTRAS[1:], EXTRAS) if extras != package.extras]
    return _put(solution.lock, replace(package, extras=data.draw(st.sampled_from(sets))))


def reasons_changed(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    others = ((), ("stack.toml",), ("stack.toml <1.6",), (*package.why, "zzz"), package.why[1:], package.why * 2)
    return _put(solution.lock, replace(package, why=data.draw(st.sampled_from([why for why in others if why != package.why]))))


def root_that_no_longer_fits(solution: Solution, data: Draw) -> Lock:
    number, root, project = _root(solution, data)
    specifiers = data.draw(st.sampled_from(("<0.5", ">=2", "==1.0.0.1", "not a specifier")))
    changed = _put_root(solution.lock, number, replace(root, requirement=f"{project}{specifiers}"))
    return settle(changed, solution.matrix)


def root_dropped(solution: Solution, data: Draw) -> Lock:
    """Drop a root: its pin's reasons still name the manifest."""
    number, _old, _project = _root(solution, data)
    return replace(solution.lock, roots=(*solution.lock.roots[:number], *solution.lock.roots[number + 1 :]))


def root_of_nothing_pinned(solution: Solution, data: Draw) -> Lock:
    return replace(solution.lock, roots=(*solution.lock.roots, Root(requirement="elsewhere")))


def wheel_of_another_target(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    name = file_of(package.name, package.version, data.draw(st.sampled_from(FOREIGN_TAGS)))
    return _put(solution.lock, replace(package, file=replace(package.file, name=name)))


def sdist_that_is_not_allowed(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    name = f"{package.name.replace('-', '_')}-{package.version}.tar.gz"
    return _put(solution.lock, replace(package, file=replace(package.file, name=name)))


def python_excluded(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    return _put(solution.lock, replace(package, requires_python=data.draw(st.sampled_from(EXCLUDING))))


def file_after_the_cut_off(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    cut_off = dt.datetime(2026, 11, 20, tzinfo=dt.timezone.utc)
    late = replace(package.file, uploaded=cut_off + data.draw(st.timedeltas(dt.timedelta(seconds=1), dt.timedelta(days=900))))
    return replace(_put(solution.lock, replace(package, file=late)), exclude_newer=cut_off)


def file_named_by_nobody(solution: Solution, data: Draw) -> Lock:
    """Say of a pin of an index that its component names the file."""
    having = [package for package in solution.lock.packages if package.direct is None]
    assume(having)
    package = data.draw(st.sampled_from(having))
    return _put(solution.lock, replace(package, index=None, direct=data.draw(st.sampled_from(KINDS))))


def _direct(solution: Solution, data: Draw) -> tuple[int, Root, DirectFile]:
    """Return the number of a root that names a file, the root, and the file."""
    having = [(number, root, root.direct) for number, root in enumerate(solution.lock.roots) if root.direct is not None]
    assume(having)
    return data.draw(st.sampled_from(having), label="direct root")


def file_of_an_index(solution: Solution, data: Draw) -> Lock:
    """Say of a pin whose component names the file that it comes from an index."""
    _number, root, _direct_file = _direct(solution, data)
    package = solution.lock.by_name[NormalizedName(str(root.parsed.name))]
    return _put(solution.lock, replace(package, index=data.draw(st.sampled_from(("cu124", "pypi"))), direct=None))


def file_without_its_name(solution: Solution, data: Draw) -> Lock:
    number, root, _direct_file = _direct(solution, data)
    return _put_root(solution.lock, number, replace(root, direct=None))


def file_of_another_kind(solution: Solution, data: Draw) -> Lock:
    number, root, direct = _direct(solution, data)
    other = KINDS[direct.kind == KINDS[0]]
    return _put_root(solution.lock, number, replace(root, direct=replace(direct, kind=other)))


def file_with_another_hash(solution: Solution, data: Draw) -> Lock:
    number, root, direct = _direct(solution, data)
    return _put_root(solution.lock, number, replace(root, direct=replace(direct, sha256="b" * 64)))


def pin_with_another_hash_than_its_component(solution: Solution, data: Draw) -> Lock:
    _number, root, _direct_file = _direct(solution, data)
    package = solution.lock.by_name[NormalizedName(str(root.parsed.name))]
    return _put(solution.lock, replace(package, file=replace(package.file, sha256="b" * 64)))


def file_of_another_name(solution: Solution, data: Draw) -> Lock:
    number, root, direct = _direct(solution, data)
    return _put_root(solution.lock, number, replace(root, direct=replace(direct, file=direct.file.replace("-", "-1!", 1))))


def file_and_index(solution: Solution, data: Draw) -> Lock:
    number, root, _direct_file = _direct(solution, data)
    return _put_root(solution.lock, number, replace(root, index="pypi"))


def packages_out_of_order(solution: Solution, data: Draw) -> Lock:
    assume(len(solution.lock.packages) > 1)
    return replace(solution.lock, packages=solution.lock.packages[::-1])


def name_of_another_project(solution: Solution, data: Draw) -> Lock:
    package = _package(solution, data)
    renamed = replace(package, name=NormalizedName(data.draw(st.sampled_from(("other", "Alpha", package.name + "-")))))
    others = tuple(other for other in solution.lock.packages if other != package)
    return replace(solution.lock, packages=tuple(sorted((*others, renamed), key=lambda one: one.name)))


def tool_in_a_step(solution: Solution, data: Draw) -> Lock:
    assume(solution.lock.tools)
    return replace(solution.lock, tools=tuple(replace(tool, step=1) for tool in solution.lock.tools))


MUTATIONS: tuple[Mutation, ...] = (
    version_without_its_file,
    version_and_file_outside_a_root,
    package_dropped,
    package_twice,
    index_swapped,
    hash_of_foreign_form,
    step_moved,
    package_that_nobody_needs,
    requirement_added,
    requirement_dropped,
    requirement_of_foreign_form,
    extras_changed,
    reasons_changed,
    root_that_no_longer_fits,
    root_dropped,
    root_of_nothing_pinned,
    wheel_of_another_target,
    sdist_that_is_not_allowed,
    python_excluded,
    file_after_the_cut_off,
    file_named_by_nobody,
    file_of_an_index,
    file_without_its_name,
    file_of_another_kind,
    file_with_another_hash,
    pin_with_another_hash_than_its_component,
    file_of_another_name,
    file_and_index,
    packages_out_of_order,
    name_of_another_project,
    tool_in_a_step,
)


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_the_proof_refuses(mutate: Mutation) -> None:
    @settings(deadline=None, max_examples=60)
    @given(solutions(), st.data())
    def refused(solution: Solution, data: Draw) -> None:
        mutant = mutate(solution, data)
        assert mutant != solution.lock
        findings = prove(mutant, matrix=solution.matrix)
        assert any(finding.code.startswith("S4") for finding in findings)

    refused()


@settings(deadline=None, max_examples=60)
@given(solutions(), st.data())
def test_the_proof_refuses_pins_that_break_a_rule(solution: Solution, data: Draw) -> None:
    """Forbid two pins together, or one alone; the lock gives the rule among its reasons."""
    one, other = _package(solution, data), _package(solution, data)
    always = Condition.of(ProjectName("python"), SpecifierSet(">=3"))
    when = (always if one == other else _exactly(one),)
    broken = replace(RULE, id="broken", arms=(Arm(when=when, requires=(_exactly(other).negated(),)),))
    matrix = replace(solution.matrix, rules={**solution.matrix.rules, broken.id: broken})
    findings = prove(settle(solution.lock, matrix), matrix=matrix)
    assert [finding.severity for finding in findings] == ["error"]


def _exactly(package: Package) -> Condition:
    return Condition.of(ProjectName(package.name), SpecifierSet(f"=={package.version}"))
