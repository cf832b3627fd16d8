"""What the command says when versions, projects or steps do not work out: each text whole, and nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.cli import TOOLS, UNIVERSE, Desk, Outcome, index_of, manifest
from support.index_server import serving
from support.universe import Release, publish

Universe = Mapping[str, tuple[Release, ...]]

CUTOFF = "\n[policy]\nexclude-newer = 2026-01-01T00:00:00Z\n"
BARRED = {
    **TOOLS,
    "base": (
        Release(version="1.0"),
        Release(version="1.1", requires_python="<3.9"),
        Release(version="1.2", tags="cp311-cp311-win_amd64"),
        Release(version="1.3", uploaded="2026-06-01T00:00:00Z"),
        Release(version="1.4", yanked=True),
        Release(version="1.5", tags="cp311-cp311-manylinux_2_39_x86_64"),
    ),
}


def component(name: str, version: str = ">=0", *, order: int | None = None) -> str:
    step = f"order = {order}\n" if order is not None else ""
    return f'[components.{name}]\nversion = "{version}"\n{step}\n'


def failed(folder: Path, universe: Universe, components: str, *, rest: str = "", other: Universe | None = None) -> Outcome:
    """Compile in vain; `other` is a second index, declared as `other`."""
    desk = Desk(folder)
    site = index_of(universe)
    publish(site, other or {}, root="/other")
    with serving(site) as server:
        declared = f'\n[indexes.other]\nurl = "{server.url}/other"\n' if other is not None else ""
        desk.write(manifest(server, components, rest=rest + declared))
        return desk.fail("compile")


def test_a_version_that_does_not_exist_is_told_with_the_nearest_that_works(tmp_path: Path) -> None:
    assert failed(tmp_path, UNIVERSE, component("base", "==1.5")) == Outcome(
        3,
        "",
        "error[S303]: index `pypi` has no `base==1.5`\n"
        ' --> stack.toml:13: components.base.version = "==1.5"\n'
        "\n"
        "hint: this makes it solvable\n"
        '      base  "==1.5" → "==2.0"  gives base 2.0\n',
    )


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1.1", "it needs Python <3.9"),
        ("1.2", "its wheels do not fit Python 3.11 on linux/amd64 with glibc 2.36"),
        ("1.3", "it was uploaded after `exclude-newer`, on 2026-06-01"),
        ("1.5", "its wheels do not fit Python 3.11 on linux/amd64 with glibc 2.36"),
    ],
    ids=["python", "platform", "date", "glibc"],
)
def test_a_version_that_exists_but_not_for_this_target_is_told_with_the_reason(
    tmp_path: Path, version: str, reason: str
) -> None:
    assert failed(tmp_path, BARRED, component("base", f"=={version}"), rest=CUTOFF) == Outcome(
        3,
        "",
        f"error[S303]: `base=={version}` exists, but not for target `gpu`\n"
        f' --> stack.toml:13: components.base.version = "=={version}"\n'
        f"base {version}: {reason}\n"
        "\n"
        "hint: this makes it solvable\n"
        f'      base  "=={version}" → "==1.0"  gives base 1.0\n',
    )


def test_a_range_of_which_all_is_barred_is_told_with_each_reason(tmp_path: Path) -> None:
    assert failed(tmp_path, BARRED, component("base", ">=1.1,<1.5"), rest=CUTOFF) == Outcome(
        3,
        "",
        "error[S303]: `base>=1.1,<1.5` exists, but not for target `gpu`\n"
        ' --> stack.toml:13: components.base.version = ">=1.1,<1.5"\n'
        "base 1.4: it was yanked, and only `==` takes a yanked release (PEP 592)\n"
        "base 1.3: it was uploaded after `exclude-newer`, on 2026-06-01\n"
        "base 1.2: its wheels do not fit Python 3.11 on linux/amd64 with glibc 2.36\n"
        "\n"
        "hint: this makes it solvable\n"
        '      base  ">=1.1,<1.5" → "<1.1"  gives base 1.0\n',
    )


def test_a_project_without_a_release_for_the_target_is_told(tmp_path: Path) -> None:
    universe = {**TOOLS, "base": (Release(version="1.0", tags="cp39-cp39-win32"),)}
    assert failed(tmp_path, universe, component("base", "<2")) == Outcome(
        3,
        "",
        "error[S303]: `base<2` exists, but not for target `gpu`\n"
        ' --> stack.toml:13: components.base.version = "<2"\n'
        "base 1.0: its wheels do not fit Python 3.11 on linux/amd64 with glibc 2.36\n"
        "\n"
        "hint: no release of it can be installed on the target: change the target, or the index that it is looked up on\n",
    )


def test_a_project_that_no_index_has_is_told(tmp_path: Path) -> None:
    assert failed(tmp_path, UNIVERSE, component("inner"), other={}) == Outcome(
        3,
        "",
        "error[S302]: index `pypi` has no project `inner`\n"
        " --> stack.toml:12: components.inner\n"
        "\n"
        "hint: check the spelling; no other index of the manifest has it either\n",
    )


def test_a_project_that_another_index_has_is_told_with_that_index(tmp_path: Path) -> None:
    assert failed(tmp_path, UNIVERSE, component("inner"), other={"inner": (Release(version="1.0"),)}) == Outcome(
        3,
        "",
        "error[S302]: index `pypi` has no project `inner`\n"
        " --> stack.toml:12: components.inner\n"
        "\n"
        'hint: index `other` has it: set `index = "other"`, or add it to that index\'s `serves`\n',
    )


def test_a_step_that_needs_a_project_of_a_later_step_is_told(tmp_path: Path) -> None:
    assert failed(tmp_path, UNIVERSE, component("app", order=1) + component("base", order=2)) == Outcome(
        3,
        "",
        "error[S423]: `app` is installed in step 1, but needs `base` of step 2\n"
        " --> stack.toml:14: components.app.order = 1\n"
        " --> stack.toml:18: components.base.order = 2\n"
        "\n"
        "hint: give `base` the order 1 or lower, or `app` the order 2 or higher\n",
    )


def test_every_component_that_stands_in_the_way_is_told_in_one_go(tmp_path: Path) -> None:
    assert failed(tmp_path, UNIVERSE, component("base", "==9") + component("inner")) == Outcome(
        3,
        "",
        "error[S303]: index `pypi` has no `base==9`\n"
        ' --> stack.toml:13: components.base.version = "==9"\n'
        "\n"
        "hint: the nearest that can be installed on the target: 1.1, 2.0\n"
        "\n"
        "error[S302]: index `pypi` has no project `inner`\n"
        " --> stack.toml:15: components.inner\n"
        "\n"
        "hint: check the spelling; no other index of the manifest has it either\n",
    )


def test_a_conflict_at_depth_is_told_with_the_requirements_that_lead_to_it(tmp_path: Path) -> None:
    universe = {
        **TOOLS,
        "left": (Release(version="1.0", requires=("base<2",)),),
        "right": (Release(version="1.0", requires=("base>=2",)),),
        "base": UNIVERSE["base"],
    }
    assert failed(tmp_path, universe, component("left") + component("right")) == Outcome(
        3,
        "",
        "error[S301]: no versions satisfy target `gpu`\n"
        " --> stack.toml:12: components.left\n"
        " --> stack.toml:15: components.right\n"
        "left 1.0 requires base<2\n"
        "right 1.0 requires base>=2\n"
        "\n"
        "hint: whatever their versions, these do not go together: leave one of them out\n",
    )


@pytest.mark.parametrize("direct", [True, False], ids=["a requirement that the rule narrows", "a rule alone"])
def test_a_conflict_at_depth_names_the_rule(tmp_path: Path, direct: bool) -> None:
    """Neither scipy nor numpy stands in the manifest: the rule holds for them all the same."""
    universe = {
        **TOOLS,
        "left": (Release(version="1.0", requires=("scipy<1.13",)),),
        "right": (Release(version="1.0", requires=("numpy>=2",)),),
        "scipy": (Release(version="1.12.0", requires=("numpy>=1.22",) if direct else ()),),
        "numpy": (Release(version="1.26.4"), Release(version="2.1.0")),
    }
    assert failed(tmp_path, universe, component("left") + component("right")) == Outcome(
        3,
        "",
        "error[S301]: no versions satisfy target `gpu`\n"
        " --> stack.toml:12: components.left\n"
        " --> stack.toml:15: components.right\n"
        "rule scipy-numpy1: scipy<1.13 needs numpy<2 (SciPy before 1.13 is compiled against the NumPy 1 ABI: with NumPy 2 its "
        "extension modules fail at import) scipy/scipy pyproject.toml at tags v1.12.0 and v1.13.0\n"
        "left 1.0 requires scipy<1.13\n"
        "right 1.0 requires numpy>=2\n"
        "\n"
        "hint: whatever their versions, these do not go together: leave one of them out; or waive the rule under "
        "`[matrix] waive`, if it does not apply to this project\n",
    )


def test_a_broken_file_at_depth_is_told(tmp_path: Path) -> None:
    broken = Release(version="1.0", metadata="Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    assert failed(tmp_path, {**UNIVERSE, "base": (broken,)}, component("app")) == Outcome(
        3,
        "",
        "error[S301]: no versions satisfy target `gpu`\n"
        " --> stack.toml:12: components.app\n"
        "app 0.1 requires base>=1\n"
        "left out: `base-1.0-py3-none-any.whl` cannot be used (its metadata says that it is `other`)\n"
        "\n"
        "hint: no version of it fits the target: leave it out, or see to what it requires\n",
    )


def test_a_newer_release_whose_file_is_broken_is_passed_over_and_told(tmp_path: Path) -> None:
    broken = Release(version="2.0", metadata="Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
    desk = Desk(tmp_path)
    with serving(index_of({**UNIVERSE, "base": (broken, Release(version="1.0"))})) as server:
        desk.write(manifest(server, component("base")))
        told = desk.run("compile")
    left_out = "`base-2.0-py3-none-any.whl` cannot be used (its metadata says that it is `other`)"
    assert (told.status, told.stderr) == (0, f"gpu: base 2.0 was left out: {left_out}\n")
    assert "base==1.0" in (desk.project / "locks/gpu/constraints.txt").read_text()


def test_a_project_at_depth_that_only_another_index_has_is_told(tmp_path: Path) -> None:
    universe = {**TOOLS, "app": UNIVERSE["app"]}
    assert failed(tmp_path, universe, component("app"), other={"base": UNIVERSE["base"]}) == Outcome(
        3,
        "",
        "error[S301]: no versions satisfy target `gpu`\n"
        " --> stack.toml:12: components.app\n"
        "app 0.1 requires base>=1\n"
        "index `pypi` has no project `base`; index `other` has it, and its `serves` could name it\n"
        "\n"
        "hint: no version of it fits the target: leave it out, or see to what it requires\n",
    )


def test_a_release_at_depth_that_is_barred_is_told_with_the_reason(tmp_path: Path) -> None:
    universe = {**BARRED, "app": (Release(version="0.1", requires=("base>=1.1,!=1.4",)),)}
    assert failed(tmp_path, universe, component("app"), rest=CUTOFF) == Outcome(
        3,
        "",
        "error[S301]: no versions satisfy target `gpu`\n"
        " --> stack.toml:12: components.app\n"
        "app 0.1 requires base>=1.1,!=1.4\n"
        "left out: base 1.5: its wheels do not fit Python 3.11 on linux/amd64 with glibc 2.36\n"
        "left out: base 1.3: it was uploaded after `exclude-newer`, on 2026-06-01\n"
        "left out: base 1.2: its wheels do not fit Python 3.11 on linux/amd64 with glibc 2.36\n"
        "\n"
        "hint: no version of it fits the target: leave it out, or see to what it requires\n",
    )


@pytest.mark.parametrize("tool", ["pip", "setuptools"])
def test_an_index_without_the_images_tools_is_told(tmp_path: Path, tool: str) -> None:
    universe = {name: releases for name, releases in UNIVERSE.items() if name != tool}
    assert failed(tmp_path, universe, component("base")) == Outcome(
        3,
        "",
        f"error[S304]: index `pypi` has no release of `{tool}` for the target, and the image needs one first\n"
        "\n"
        "hint: widen `pip` or `build-tools` in `[image]`, or let an index that has it serve the project\n",
    )
