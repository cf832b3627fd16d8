"""What `stackc compile` prints where nothing fits: the smallest reason, and repairs. Each repair that it offers is compiled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome, index_of, manifest
from support.index_server import IndexServer, serving
from support.universe import Release, publish_html


def release(version: str, *requires: str, tags: str = "py3-none-any") -> Release:
    return Release(version=version, requires=requires, tags=tags)


UNIVERSE = {
    **TOOLS,
    "uv": (release("0.13.9"),),
    "numpy": (release("1.26.4"), release("2.0.0")),
    "scipy": (release("1.12.0", "numpy"), release("1.13.0", "numpy")),
    "triton": (release("3.1.0"), release("3.2.0")),
    "torch": (
        release("2.4.1"),
        release("2.5.1", "triton==3.1.0"),
        release("2.6.0", "triton==3.2.0"),
        release("2.9.0", "triton==3.2.0"),
    ),
    "torchvision": (release("0.19.1", "torch==2.4.1"), release("0.20.1", "torch==2.5.1")),
    "bitsandbytes": (release("0.44.1", "torch"), release("0.45.0", "torch"), release("0.45.1", "torch")),
    "transformers": (release("4.30.2", "huggingface-hub<1.0"), release("5.0.0", "huggingface-hub>=1.0")),
    "huggingface-hub": (release("0.36.0"), release("1.2.0")),
    "wheels": (
        release("1.0", tags="cp310-cp310-manylinux_2_17_x86_64"),
        release("2.0", tags="cp311-cp311-manylinux_2_17_x86_64"),
    ),
    "app": (release("1.0", "middle"), release("2.0", "middle", "gone")),
    "middle": (release("1.0", "base<2"),),
    "base": (release("1.0"), release("2.0")),
}
"""Both sides of each conflict below, as small as they can be."""

SCIPY = (
    "rule scipy-numpy1: scipy<1.13 needs numpy<2 (SciPy before 1.13 is compiled against the NumPy 1 ABI: with NumPy 2 its "
    "extension modules fail at import) scipy/scipy pyproject.toml at tags v1.12.0 and v1.13.0\n"
)
TRITON = (
    "rule bitsandbytes-triton-ops: bitsandbytes<0.45.1 needs triton<3.2 (bitsandbytes before 0.45.1 imports triton.ops, which "
    "is gone from triton 3.2, the one that torch 2.6 brings) bitsandbytes-foundation/bitsandbytes#1492; "
    "bitsandbytes-foundation/bitsandbytes#1413\n"
)
FROM_UV = '[image]\npython-from = "uv"\n'
ROW = re.compile(
    r"^      (?P<what>\S+) +(?P<old>\S.*?) +→ (?P<new>\S.*?)(?:  +gives (?P<name>\S+) (?P<version>\S+))?$", re.MULTILINE
)


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    site = index_of(UNIVERSE)
    for label in ("cu126", "cu130"):
        publish_html(site, {"torch": (release(f"2.9.0+{label}"),)}, root=f"/whl/{label}")
    with serving(site) as running:
        yield running


def components(**versions: str) -> str:
    return "".join(f'[components.{name.replace("_", "-")}]\nversion = "{version}"\n\n' for name, version in versions.items())


def refused(desk: Desk, text: str) -> str:
    """Return what is said of a manifest that has no solution, once every change that is offered was compiled by itself."""
    desk.write(text)
    outcome = desk.fail("compile")
    assert (outcome.status, outcome.stdout) == (3, "")
    if "settles this conflict" not in outcome.stderr:
        for number, row in enumerate(ROW.finditer(outcome.stderr)):
            assert_solved(Desk(desk.root / f"repaired-{number}"), changed(text, row), row)
    return outcome.stderr


def changed(text: str, row: re.Match[str]) -> str:
    """Return a manifest with one row of a hint followed: the value is looked for where the row says that it stands."""
    before, heading, after = text.rpartition(f"[components.{row['what']}]")
    if not heading:
        before, heading, after = "", "", text
        assert after.count(f"{row['what']} = {row['old']}") == 1
        return after.replace(f"{row['what']} = {row['old']}", f"{row['what']} = {row['new']}")
    return before + heading + after.replace(row["old"], row["new"], 1)


def assert_solved(desk: Desk, text: str, row: re.Match[str]) -> None:
    desk.write(text)
    outcome = desk.run("compile", "--dry-run")
    assert outcome.status == 0, outcome.stderr
    assert re.search(rf"^{row['name']} +{re.escape(row['version'])} ", outcome.stdout, re.MULTILINE), (row[0], outcome.stdout)


def test_two_components_that_a_rule_keeps_apart(server: IndexServer, tmp_path: Path) -> None:
    text = manifest(server, components(numpy=">=2", scipy="<1.13"))
    assert refused(Desk(tmp_path), text) == (
        "error[S201]: `scipy<1.13` and `numpy>=2` do not work together\n"
        ' --> stack.toml:13: components.numpy.version = ">=2"\n'
        ' --> stack.toml:16: components.scipy.version = "<1.13"\n'
        f"{SCIPY}\n"
        "hint: any one of these makes it solvable\n"
        '      numpy  ">=2"   → "<2"      gives numpy 1.26.4\n'
        '      scipy  "<1.13" → ">=1.13"  gives scipy 1.13.0\n'
    )


def test_a_torchvision_that_belongs_to_another_torch(server: IndexServer, tmp_path: Path) -> None:
    said = refused(Desk(tmp_path), manifest(server, components(torch="==2.5.1", torchvision="==0.19.1")))
    head, hint = said.split("\n\n")
    assert head.startswith("error[S202]: `torchvision==0.19.1` does not belong to torch 2.5.1\n")
    assert hint == (
        "hint: any one of these makes it solvable\n"
        '      torchvision  "==0.19.1" → "==0.20.1"  gives torchvision 0.20.1\n'
        '      torch        "==2.5.1"  → "==2.4.1"   gives torch 2.4.1\n'
    )


def test_a_rule_about_a_project_that_is_no_component(server: IndexServer, tmp_path: Path) -> None:
    assert refused(Desk(tmp_path), manifest(server, components(torch="==2.6.0", bitsandbytes="==0.45.0"))) == (
        "error[S301]: no versions satisfy target `gpu`\n"
        ' --> stack.toml:13: components.torch.version = "==2.6.0"\n'
        ' --> stack.toml:16: components.bitsandbytes.version = "==0.45.0"\n'
        f"{TRITON}"
        "torch 2.6.0 requires triton==3.2.0\n\n"
        "hint: any one of these makes it solvable\n"
        '      torch         "==2.6.0"  → "==2.5.1"   gives torch 2.5.1\n'
        '      bitsandbytes  "==0.45.0" → "==0.45.1"  gives bitsandbytes 0.45.1\n'
    )


def test_a_python_that_the_image_cannot_have_is_not_offered(server: IndexServer, tmp_path: Path) -> None:
    said = refused(Desk(tmp_path), manifest(server, components(wheels="==1.0")))
    assert said.partition("hint: ")[2] == ('this makes it solvable\n      wheels  "==1.0" → "==2.0"  gives wheels 2.0\n')


def test_requirements_that_exclude_each_other_without_any_rule(server: IndexServer, tmp_path: Path) -> None:
    text = manifest(server, components(numpy="", transformers="==4.30.2", huggingface_hub=">=1"))
    assert refused(Desk(tmp_path), text.replace('version = ""', 'version = ">=0"')) == (
        "error[S301]: no versions satisfy target `gpu`\n"
        ' --> stack.toml:16: components.transformers.version = "==4.30.2"\n'
        ' --> stack.toml:19: components.huggingface-hub.version = ">=1"\n'
        "transformers 4.30.2 requires huggingface-hub<1.0\n\n"
        "hint: any one of these makes it solvable\n"
        '      transformers     "==4.30.2" → "==5.0.0"  gives transformers 5.0.0\n'
        '      huggingface-hub  ">=1"      → "<1.0"     gives huggingface-hub 0.36.0\n'
    )


def test_a_component_none_of_whose_versions_fits_is_named_as_itself_with_the_way_to_what_it_needs(
    server: IndexServer, tmp_path: Path
) -> None:
    assert refused(Desk(tmp_path), manifest(server, components(app=">=1", base=">=2"))) == (
        "error[S301]: no versions satisfy target `gpu`\n"
        " --> stack.toml:12: components.app\n"
        ' --> stack.toml:16: components.base.version = ">=2"\n'
        "app 2.0 requires gone\n"
        "app 1.0 requires middle; middle 1.0 requires base<2\n"
        "index `pypi` has no project `gone`\n\n"
        "hint: this makes it solvable\n"
        '      base  ">=2" → "<2"  gives base 1.0\n'
    )


def test_a_torch_without_a_wheel_for_the_python(server: IndexServer, tmp_path: Path) -> None:
    text = manifest(server, components(torch="==2.5.1")).replace('"3.11"', '"3.14"') + FROM_UV
    said = refused(Desk(tmp_path), text)
    head, hint = said.split("\n\n")
    assert head.startswith("error[S204]: torch 2.5.1 has no wheel for Python 3.14\n")
    assert hint == (
        "hint: any one of these makes it solvable\n"
        '      torch   "==2.5.1" → "==2.9.0"  gives torch 2.9.0\n'
        '      python  "3.14"    → "3.13"     gives torch 2.5.1\n'
    )


def test_a_build_that_the_driver_cannot_run(server: IndexServer, tmp_path: Path) -> None:
    index = f'[indexes.cuda]\nurl = "{server.url}/whl/cu130"\nserves = ["torch"]\n\n'
    text = manifest(server, index + components(torch="==2.9.0"), target='driver = "535"')
    said = refused(Desk(tmp_path), text)
    head, hint = said.split("\n\n")
    assert head.startswith("error[S201]: `torch` built for CUDA 13.0 and `driver 535` do not work together\n")
    assert hint == (
        "hint: any one of these makes it solvable\n"
        '      driver  "535" → "580"  gives torch 2.9.0+cu130\n'
        "      indexes.cuda.url\n"
        '          "http://127.0.0.1:PORT/whl/cu130"\n'
        '        → "http://127.0.0.1:PORT/whl/cu126"\n'
        "          gives torch 2.9.0+cu126\n"
    )


def test_a_version_that_has_wheels_for_another_python_alone(server: IndexServer, tmp_path: Path) -> None:
    assert refused(Desk(tmp_path), manifest(server, components(wheels="==1.0")) + FROM_UV) == (
        "error[S303]: `wheels==1.0` exists, but not for target `gpu`\n"
        ' --> stack.toml:13: components.wheels.version = "==1.0"\n'
        "wheels 1.0: its wheels do not fit Python 3.11 on linux/amd64 with glibc 2.36\n\n"
        "hint: any one of these makes it solvable\n"
        '      wheels  "==1.0" → "==2.0"  gives wheels 2.0\n'
        '      python  "3.11"  → "3.10"   gives wheels 1.0\n'
    )


TWO = (
    "error[S301]: no versions satisfy target `gpu`\n"
    ' --> stack.toml:13: components.torch.version = "==2.6.0"\n'
    ' --> stack.toml:16: components.bitsandbytes.version = "==0.45.0"\n'
    f"{TRITON}"
    "torch 2.6.0 requires triton==3.2.0\n\n"
    "hint: any one of these settles this conflict; the others that are told need a change too\n"
    '      torch         "==2.6.0"  → "==2.5.1"   gives torch 2.5.1\n'
    '      bitsandbytes  "==0.45.0" → "==0.45.1"  gives bitsandbytes 0.45.1\n\n'
    "error[S301]: no versions satisfy target `gpu`\n"
    ' --> stack.toml:19: components.transformers.version = "==4.30.2"\n'
    ' --> stack.toml:22: components.huggingface-hub.version = ">=1"\n'
    "transformers 4.30.2 requires huggingface-hub<1.0\n\n"
    "hint: any one of these settles this conflict; the others that are told need a change too\n"
    '      transformers     "==4.30.2" → "==5.0.0"  gives transformers 5.0.0\n'
    '      huggingface-hub  ">=1"      → "<1.0"     gives huggingface-hub 0.36.0\n'
)


def test_two_conflicts_are_told_apart_and_one_change_for_each_settles_both(server: IndexServer, tmp_path: Path) -> None:
    text = manifest(
        server, components(torch="==2.6.0", bitsandbytes="==0.45.0", transformers="==4.30.2", huggingface_hub=">=1")
    )
    assert refused(Desk(tmp_path), text) == TWO
    rows = list(ROW.finditer(TWO))
    for number, (first, second) in enumerate([(0, 2), (1, 3), (0, 3), (1, 2)]):
        assert_solved(Desk(tmp_path / str(number)), changed(changed(text, rows[first]), rows[second]), rows[second])


def test_what_the_engine_has_against_a_manifest_is_told_with_what_the_matrix_has(server: IndexServer, tmp_path: Path) -> None:
    text = manifest(server, components(numpy=">=2", scipy="<1.13", transformers="==4.30.2", huggingface_hub=">=1"))
    said = refused(Desk(tmp_path), text)
    assert re.findall(r"error\[.*\]|^      \S+", said, re.MULTILINE) == [
        "error[S201]",
        "      numpy",
        "      scipy",
        "error[S301]",
        "      transformers",
        "      huggingface-hub",
    ]


def test_where_no_index_can_be_asked_the_matrix_alone_finds_the_way_out(server: IndexServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(numpy=">=2", scipy="<1.13")))
    outcome = desk.fail("compile", "--offline")
    assert outcome.stderr.partition("hint: ")[2] == (
        "any one of these satisfies the matrix; no index could be asked whether anything else is in the way\n"
        '      numpy  ">=2"   → "<2"\n'
        '      scipy  "<1.13" → ">=1.13"\n'
    )


def test_the_same_conflict_is_told_the_same_way_each_time(server: IndexServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(torch="==2.6.0", bitsandbytes="==0.45.0")))
    first: Outcome = desk.run("compile")
    assert [desk.run("compile"), desk.run("compile", "--offline")] == [first, first]
