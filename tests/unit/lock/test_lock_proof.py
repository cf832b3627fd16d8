from __future__ import annotations

import datetime as dt

import pytest
from msgspec.structs import replace
from packaging.version import Version

from stackc.errors import Finding, LockError, Place
from stackc.lock.model import Lock, LockedTarget, Root, Route
from stackc.lock.proof import prove, target_of
from stackc.matrix.check import check_pins
from stackc.target import Target
from unit.lock.lock_samples import (
    AGAIN,
    CLICK,
    FILE,
    FILELOCK,
    LOCK,
    MATRIX,
    NUMPY,
    PIP,
    SCIPY,
    SCIPY_NUMPY,
    TORCH,
    UVICORN,
    matrix,
    name,
    package,
    rule,
    wheel,
    with_package,
    with_packages,
)

GPU = LOCK.target


def place(*path: str) -> Place:
    return Place(file=FILE, path=path)


def faults(lock: Lock) -> tuple[Finding, ...]:
    return prove(lock, matrix=MATRIX)


def fault(  # a finding about one place, as most are
    code: str, message: str, *path: str, wanted: str | None = None, found: str | None = None, hint: str = AGAIN
) -> Finding:
    return Finding(code=code, message=message, places=(place(*path),), wanted=wanted, found=found, hint=hint)


def without(lock: Lock, project: str) -> Lock:
    return replace(lock, packages=tuple(package for package in lock.packages if package.name != project))


def test_a_good_lock_is_proved() -> None:
    assert faults(LOCK) == ()


def test_a_lock_of_nothing_is_proved() -> None:
    assert faults(replace(LOCK, packages=(), roots=(), tools=())) == ()


def test_a_pin_outside_a_requirement_is_found_for_each_that_requires_it() -> None:
    numpy = replace(NUMPY, version=Version("1.20.0"), file=wheel("numpy", "1.20.0"))
    assert faults(with_package(LOCK, numpy)) == (
        fault(
            "S412",
            "the pin of `numpy` does not meet what `stack.toml` requires",
            "plan",
            "roots",
            "numpy",
            wanted="numpy>=1.26.0,<2.0.0",
            found="numpy==1.20.0",
        ),
        fault(
            "S412",
            "the pin of `numpy` does not meet what `scipy` requires",
            "package",
            "scipy",
            "requires",
            wanted="numpy<1.29.0,>=1.22.4",
            found="numpy==1.20.0",
        ),
    )


def test_a_dropped_package_is_missed() -> None:
    assert faults(without(LOCK, "filelock")) == (
        fault("S411", "`torch` requires `filelock`, which is not pinned", "package", "torch", "requires", wanted="filelock"),
    )


def test_a_dropped_component_is_missed() -> None:
    lock = replace(LOCK, roots=(*LOCK.roots, Root(requirement="zlib>=1")))
    message = "`stack.toml` requires `zlib`, which is not pinned"
    assert faults(lock) == (fault("S411", message, "plan", "roots", "zlib", wanted="zlib>=1"),)


def test_a_package_that_nobody_needs_is_found() -> None:
    lock = replace(LOCK, packages=(package("aiohttp", "3.9.0", step=4), *LOCK.packages))
    assert faults(lock) == (fault("S414", "nothing needs `aiohttp`", "package", "aiohttp"),)


def test_packages_that_only_need_each_other_are_needed_by_nobody() -> None:
    pair = (
        package("aa", "1", step=4, requires=("ab",), why=("ab",)),
        package("ab", "1", step=4, requires=("aa",), why=("aa",)),
    )
    assert faults(replace(LOCK, packages=(*pair, *LOCK.packages))) == (
        fault("S414", "nothing needs `aa`", "package", "aa"),
        fault("S414", "nothing needs `ab`", "package", "ab"),
    )


def test_an_extra_that_nobody_asks_for_is_found() -> None:
    assert faults(with_package(LOCK, replace(CLICK, extras=(name("fast"),)))) == (
        fault(
            "S413",
            "the extras of `click` are not those that are asked of it",
            "package",
            "click",
            "extras",
            wanted="no extras",
            found="fast",
        ),
    )


def test_an_extra_that_a_component_asks_for_is_missed() -> None:
    (finding,) = faults(with_package(LOCK, replace(UVICORN, extras=())))
    assert (finding.code, finding.wanted, finding.found) == ("S413", "standard", "no extras")


def test_extras_are_the_union_of_what_components_and_packages_ask() -> None:
    lock = with_packages(
        LOCK,
        replace(TORCH, requires=("filelock", "uvicorn[http2]"), why=TORCH.why),
        replace(UVICORN, extras=(name("http2"), name("standard")), step=3, why=("stack.toml", "torch")),
        replace(CLICK, step=3),
    )
    assert faults(lock) == ()


def test_a_foreign_hash_form_is_found() -> None:
    numpy = replace(NUMPY, file=replace(NUMPY.file, sha256="A" * 64))
    assert faults(with_package(LOCK, numpy)) == (
        fault(
            "S407",
            "the sha256 of `numpy` has the wrong form",
            "package",
            "numpy",
            "file",
            wanted="64 lower-case hexadecimal digits",
            found="A" * 64,
        ),
    )


def test_a_foreign_form_of_an_input_digest_is_found() -> None:
    lock = replace(LOCK, inputs=replace(LOCK.inputs, outputs="md5:00"))
    assert faults(lock) == (fault("S407", "the digest `outputs` has the wrong form", "inputs", "outputs", found="md5:00"),)


@pytest.mark.parametrize("filename", ["numpy-1.26.4-py3-none-any.exe", "numpy-1.26.4-py3-none.whl", "../numpy-1.26.4.tar.gz"])
def test_a_file_that_is_no_distribution_is_found(filename: str) -> None:
    numpy = replace(NUMPY, file=replace(NUMPY.file, name=filename))
    assert faults(with_package(LOCK, numpy)) == (
        fault("S410", "the file of `numpy` is not named as a wheel or an sdist is", "package", "numpy", "file", found=filename),
    )


@pytest.mark.parametrize("file", [wheel("numpy", "1.26.3"), wheel("scipy", "1.26.4"), wheel("numpy", "1.26.4+local")])
def test_a_file_of_another_release_is_found(file: object) -> None:
    assert isinstance(file, type(NUMPY.file))
    assert faults(with_package(LOCK, replace(NUMPY, file=file))) == (
        fault(
            "S415",
            "the file of `numpy` is one of another release",
            "package",
            "numpy",
            "file",
            wanted="numpy 1.26.4",
            found=file.name,
        ),
    )


@pytest.mark.parametrize(
    "tags",
    ["cp311-cp311-manylinux_2_17_x86_64", "cp310-cp310-manylinux_2_36_x86_64", "cp310-cp310-macosx_11_0_arm64", "py2-none-any"],
)
def test_a_wheel_for_another_target_is_found(tags: str) -> None:
    file = wheel("numpy", "1.26.4", tags)
    assert faults(with_package(LOCK, replace(NUMPY, file=file))) == (
        fault(
            "S416",
            "the wheel of `numpy` does not fit the target",
            "package",
            "numpy",
            "file",
            wanted="a wheel for python 3.10 on linux/amd64 with glibc 2.35",
            found=file.name,
        ),
    )


def test_an_sdist_needs_the_policy_s_leave() -> None:
    lock = with_package(LOCK, replace(CLICK, file=replace(CLICK.file, name="click-8.2.0rc1.tar.gz")))
    assert faults(replace(lock, sdists=(CLICK.name,))) == ()
    assert faults(lock) == (
        fault(
            "S417",
            "`click` is locked as an sdist, which the policy does not allow",
            "package",
            "click",
            "file",
            found="click-8.2.0rc1.tar.gz",
            hint='allow it with `sdists = ["click"]` below `[policy]`, or choose a version that has a wheel',
        ),
    )


@pytest.mark.parametrize("requires_python", [">=3.11", "<3.10", "!=3.10.*", ">=3.6.x", ">=3.10.1"])
def test_a_file_that_excludes_the_target_s_python_is_found(requires_python: str) -> None:
    numpy = replace(NUMPY, requires_python=requires_python)
    assert faults(with_package(LOCK, numpy)) == (
        fault(
            "S418",
            "`numpy` 1.26.4 does not admit the target's Python",
            "package",
            "numpy",
            "file",
            wanted=f"requires-python {requires_python}",
            found="python 3.10.0",
        ),
    )


def test_a_swapped_index_is_found() -> None:
    message = "`torch` does not come from its one index"
    assert faults(with_package(LOCK, replace(TORCH, index="pypi"))) == (
        fault("S419", message, "package", "torch", "index", wanted="cu124", found="pypi"),
    )


def test_a_component_s_own_index_wins_over_the_routes() -> None:
    lock = replace(LOCK, roots=(*LOCK.roots[:3], replace(LOCK.roots[3], index="cu124")))
    message = "`uvicorn` does not come from its one index"
    assert faults(lock) == (fault("S419", message, "package", "uvicorn", "index", wanted="cu124", found="pypi"),)
    assert faults(with_package(lock, replace(UVICORN, index="cu124"))) == ()


def test_an_index_that_the_lock_does_not_list_is_found() -> None:
    lock = with_package(
        replace(LOCK, roots=(*LOCK.roots[:3], replace(LOCK.roots[3], index="other"))), replace(UVICORN, index="other")
    )
    message = "`uvicorn` is to come from `other`, which is no index of the lock"
    assert faults(lock) == (fault("S425", message, "plan", "roots", "uvicorn"),)


@pytest.mark.parametrize("default", [True, False])
def test_a_lock_has_exactly_one_default_index(*, default: bool) -> None:
    lock = replace(LOCK, routes=tuple(replace(route, default=default) for route in LOCK.routes))
    assert faults(lock)[0] == fault("S425", "the lock has not exactly one default index", "plan", "indexes")


def test_the_rules_that_the_pins_break_are_found_as_the_matrix_tells_them() -> None:
    numpy = replace(NUMPY, version=Version("2.0.0"), file=wheel("numpy", "2.0.0"))
    lock = with_package(replace(LOCK, roots=(Root(requirement="numpy>=1.26.0", order=1), *LOCK.roots[1:])), numpy)
    broken = check_pins({"numpy": Version("2.0.0"), "scipy": Version("1.12.0")}, target=target_of(LOCK), matrix=MATRIX)
    assert len(broken) == 1
    assert [finding for finding in faults(lock) if finding.code == broken[0].code] == [*broken]


def test_a_rule_that_only_warns_keeps_no_lock_from_being_a_solution() -> None:
    warning = replace(rule("loud", [("python", ">=3")], [("numpy", "<1")]), severity="warning")
    assert prove(LOCK, matrix=matrix(SCIPY_NUMPY, warning)) == ()


def test_a_rule_about_the_target_is_judged_by_the_target() -> None:
    lock = replace(LOCK, target=replace(LOCK.target, glibc="2.16"))
    broken = check_pins({"torch": Version("2.5.1+cu124")}, target=target_of(lock), matrix=MATRIX)
    assert len(broken) == 1
    assert set(broken) <= set(faults(lock))


def test_a_moved_step_is_found() -> None:
    assert faults(with_package(LOCK, replace(FILELOCK, step=4))) == (
        fault("S420", "`filelock` stands in the wrong step", "package", "filelock", "step", wanted="step 3", found="step 4"),
    )


def test_a_step_that_needs_a_later_one_is_found() -> None:
    roots = (replace(LOCK.roots[0], order=2), replace(LOCK.roots[1], order=1), *LOCK.roots[2:])
    lock = with_packages(replace(LOCK, roots=roots), replace(SCIPY, step=1))
    assert faults(lock) == (
        fault(
            "S423",
            "`scipy` is installed in step 1, but needs `numpy` of step 2",
            "plan",
            "roots",
            "scipy",
            hint="give `numpy` the order 1 or lower, or `scipy` the order 2 or higher",
        ),
    )


def test_changed_reasons_are_found() -> None:
    assert faults(with_package(LOCK, replace(FILELOCK, why=("torch >=3",)))) == (
        fault(
            "S421",
            "the reasons of `filelock` are not those that bound it",
            "package",
            "filelock",
            "why",
            wanted="torch",
            found="torch >=3",
        ),
    )


def test_a_rule_that_is_gone_changes_the_reasons() -> None:
    (finding,) = prove(LOCK, matrix=matrix())
    assert (finding.code, finding.wanted) == ("S421", "scipy <1.29.0,>=1.22.4; stack.toml >=1.26.0,<2.0.0")


def test_a_dropped_requirement_changes_the_reasons() -> None:
    assert [finding.code for finding in faults(with_package(LOCK, replace(SCIPY, requires=())))] == ["S421"]


@pytest.mark.parametrize(
    "text", ["filelock @ file:///filelock.whl", "filelock; os_name == 'posix'", "Filelock", "filelock >=1", "file lock", "a\nb"]
)
def test_a_requirement_out_of_normal_form_is_found(text: str) -> None:
    expected = fault("S407", "a requirement of `torch` is not in its normal form", "package", "torch", "requires", found=text)
    assert expected in faults(with_package(LOCK, replace(TORCH, requires=(text,))))


def test_a_root_that_is_no_requirement_is_found() -> None:
    lock = replace(LOCK, roots=(*LOCK.roots, Root(requirement="no requirement")))
    assert faults(lock) == (fault("S407", "a root is not a requirement", "plan", "roots", found="no requirement"),)


def test_a_root_that_stands_twice_is_found() -> None:
    lock = replace(LOCK, roots=(*LOCK.roots, LOCK.roots[3]))
    assert faults(lock) == (fault("S409", "the root `uvicorn` stands twice", "plan", "roots", "uvicorn"),)


def test_unsorted_packages_are_found() -> None:
    lock = replace(LOCK, packages=(FILELOCK, CLICK, *LOCK.packages[2:]))
    assert faults(lock) == (fault("S409", "the lock is not sorted: `click` stands below `filelock`", "package"),)


def test_a_package_that_stands_twice_is_found() -> None:
    lock = replace(LOCK, packages=(CLICK, *LOCK.packages))
    assert faults(lock) == (fault("S409", "the lock is not sorted: `click` stands twice", "package"),)


def test_unsorted_routes_are_found() -> None:
    lock = replace(LOCK, routes=LOCK.routes[::-1])
    assert faults(lock) == (fault("S409", "the lock is not sorted: `cu124` stands below `pypi`", "plan", "indexes"),)


def test_a_name_that_is_not_normalized_is_found() -> None:
    lock = replace(LOCK, tools=(replace(PIP, name=name("Pip")),))
    assert fault("S407", "the name `Pip` is not normalized", "tool", found="Pip") in faults(lock)


def tool_fault(what: str) -> Finding:
    return fault("S422", f"the tool `pip` cannot be installed before the first step: {what}", "tool", "pip")


def test_a_tool_stands_before_the_first_step_with_nothing_of_its_own() -> None:
    assert faults(replace(LOCK, tools=(replace(PIP, step=1, requires=("wheel",)),))) == (
        tool_fault("it stands in step 1, not before the first"),
        tool_fault("it has requirements or extras of its own"),
    )


@pytest.mark.parametrize("reason", ["stack.toml <24", "torch", "stack.toml nonsense"])
def test_a_tool_is_bounded_by_the_manifest_alone(reason: str) -> None:
    expected = tool_fault(f"the reason `{reason}` does not admit 24.3.1")
    assert faults(replace(LOCK, tools=(replace(PIP, why=(reason,)),))) == (expected,)


def test_a_tool_that_is_a_package_too_has_its_version() -> None:
    tool = replace(CLICK, step=0, version=Version("8.1.0"), file=wheel("click", "8.1.0"), why=())
    message = "the tool `click` cannot be installed before the first step: the version is 8.1.0, but the package's is 8.2.0rc1"
    assert faults(replace(LOCK, tools=(tool, PIP))) == (fault("S422", message, "tool", "click"),)
    same = replace(CLICK, step=0, why=())
    assert faults(replace(LOCK, tools=(same, PIP))) == ()


def test_a_tool_s_file_and_index_are_judged_like_a_package_s() -> None:
    tool = replace(PIP, index="cu124", file=replace(PIP.file, sha256="0"))
    assert [(finding.code, finding.places) for finding in faults(replace(LOCK, tools=(tool,)))] == [
        ("S407", (place("tool", "pip", "file"),)),
        ("S419", (place("tool", "pip", "index"),)),
    ]


def test_a_file_from_after_the_cut_off_is_refused() -> None:
    assert LOCK.exclude_newer is not None
    late = LOCK.exclude_newer + dt.timedelta(seconds=1)
    tool = replace(PIP, file=replace(PIP.file, uploaded=late))
    assert faults(replace(LOCK, tools=(tool,))) == (
        fault(
            "S426",
            "the file of `pip` was uploaded after `exclude-newer`",
            "tool",
            "pip",
            "file",
            wanted="at 2026-11-20T00:00:00+00:00 or before",
            found="2026-11-20T00:00:01+00:00",
        ),
    )
    in_time = replace(PIP, file=replace(PIP.file, uploaded=LOCK.exclude_newer))
    assert faults(replace(LOCK, tools=(in_time,))) == ()


def test_a_newer_format_is_no_solution() -> None:
    assert [finding.code for finding in faults(replace(LOCK, format=2))] == ["S403"]


def test_the_target_of_a_lock_is_rebuilt() -> None:
    assert target_of(LOCK) == Target(
        name="gpu",
        python=Version("3.10"),
        platform="linux/amd64",
        base="nvidia/cuda:12.4.1-devel-ubuntu22.04",
        glibc=(2, 35),
        cuda=Version("12.4"),
        gpus=("sm_80", "sm_90"),
    )


@pytest.mark.parametrize(
    ("target", "key", "found", "wanted"),
    [
        (replace(GPU, python="three"), "python", "three", "a version"),
        (replace(GPU, platform="windows/amd64"), "platform", "windows/amd64", "linux/amd64 or linux/arm64"),
        (replace(GPU, glibc=None), "glibc", None, "a version such as 2.35"),
        (replace(GPU, glibc="2.35.1"), "glibc", "2.35.1", "a version such as 2.35"),
        (replace(GPU, cuda="twelve"), "cuda", "twelve", "a version"),
        (replace(GPU, driver="new"), "driver", "new", "a version"),
        (replace(GPU, gpus=("sm_80", "ampere")), "gpus", "ampere", "architectures such as sm_90"),
    ],
)
def test_a_target_that_cannot_be_used_is_the_only_finding(
    target: LockedTarget, key: str, found: str | None, wanted: str
) -> None:
    lock = replace(LOCK, target=target)
    message = f"the lock's target cannot be used: `{key}` is not what it should be"
    expected = (fault("S424", message, "target", key, wanted=wanted, found=found),)
    assert faults(lock) == expected
    with pytest.raises(LockError) as raised:
        target_of(lock)
    assert raised.value.findings == expected


def test_a_route_by_pattern_serves_a_package() -> None:
    routes = (Route(index="cu124", serves=("tor*", "click")), LOCK.routes[1])
    assert [finding.wanted for finding in faults(replace(LOCK, routes=routes))] == ["cu124"]


@pytest.mark.parametrize(
    ("requirement", "exact"),
    [
        ("numpy==1.26.4", True),
        ("numpy===1.26.4", True),
        ("numpy<2,==1.26.4", True),
        ("numpy==1.26.*", False),
        ("numpy<2", False),
        ("numpy===1.26.5", False),
    ],
)
def test_a_yanked_file_is_a_solution_only_where_the_manifest_pins_it(requirement: str, exact: bool) -> None:
    yanked = replace(NUMPY, file=replace(NUMPY.file, yanked="it breaks"))
    roots = (replace(LOCK.roots[0], requirement=requirement), *LOCK.roots[1:])
    lock = replace(with_package(LOCK, yanked), roots=roots)
    found = [finding for finding in prove(lock, matrix=MATRIX) if finding.code == "S427"]
    told = ("the file of `numpy` was yanked, and stack.toml does not pin it exactly", "numpy 1.26.4, yanked: it breaks")
    assert [(finding.message, finding.found) for finding in found] == ([] if exact else [told])
