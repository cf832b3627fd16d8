"""Several targets in one run: what is asked, printed and written, and what happens where one of them fails."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome, index_of, manifest, tree
from support.index_server import IndexServer, serving
from support.universe import Release

UNIVERSE = {
    **TOOLS,
    "base": (Release(version="1.0"), Release(version="1.1"), Release(version="2.0")),
    "app": (Release(version="0.1", requires=("base>=1", 'old ; python_version < "3.12"')),),
    "old": (Release(version="3.0"),),
}
APP = '[components.base]\nversion = ">=1"\n\n[components.app]\nversion = ">=0"\n'
NEW = """
[targets.new]
python = "3.13"
platform = "linux/amd64"
base = "debian:13"
"""
GPU_TABLE = """\
gpu: resolved by uv VERSION, and proved (3 packages)

component  version  index  step              change
base       2.0      pypi   requirements.txt
app        0.1      pypi   requirements.txt

and 1 package that these need; see locks/gpu/STACK.md
wrote locks/gpu/
"""
NEW_TABLE = """\
new: resolved by uv VERSION, and proved (2 packages)

component  version  index  step              change
base       2.0      pypi   requirements.txt
app        0.1      pypi   requirements.txt

wrote locks/new/
"""


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


def two(server: IndexServer, components: str = APP, *, new: str = NEW) -> str:
    return manifest(server, components, target=new).replace('name = "small"', 'name = "small"\ndefault-target = "gpu"')


def asked(server: IndexServer) -> Counter[str]:
    return Counter(request.path for request in server.requests)


def test_both_are_told_and_written_and_each_page_and_metadata_is_asked_for_once(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server))
    assert desk.run("compile") == Outcome(0, f"{GPU_TABLE}\n{NEW_TABLE}\n2 targets in 0.0 s\n", "")
    assert set(asked(server).values()) == {1}
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\nnew: proved, nothing drifted\n", "")


def test_side_by_side_gives_the_same_bytes_as_one_after_the_other(tmp_path: Path, server: IndexServer) -> None:
    together, alone = Desk(tmp_path / "together"), Desk(tmp_path / "alone")
    for desk in (together, alone):
        desk.write(two(server))
    assert together.run("compile").status == 0
    assert [alone.run("compile", name).status for name in ("new", "gpu")] == [0, 0]
    assert tree(together.project) == tree(alone.project)


FOUR = f"""{NEW}
[targets.new.components]
base = {{ version = "<2" }}

[targets.arm]
python = "3.11"
platform = "linux/arm64"
base = "debian:12"

[targets.old]
python = "3.10"
platform = "linux/amd64"
base = "python:3.10-slim-bullseye"
"""


def test_each_of_many_targets_is_what_it_is_alone_with_a_cache_or_without(tmp_path: Path, server: IndexServer) -> None:
    names = ("gpu", "new", "arm", "old")
    together, alone = Desk(tmp_path / "together"), Desk(tmp_path / "alone")
    for desk in (together, alone):
        desk.write(two(server, new=FOUR))
    assert [alone.run("compile", name).status for name in reversed(names)] == [0, 0, 0, 0]
    assert together.run("compile").status == 0
    before = tree(together.project)
    shutil.rmtree(together.project / "locks")
    assert together.run("compile").status == 0
    assert tree(together.project) == before == tree(alone.project)


def test_a_target_that_has_nothing_to_do_is_told_beside_one_that_has(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server))
    assert desk.run("compile", "gpu").status == 0
    current = "gpu: nothing to do, its lock is that of stack.toml (3 packages)\n"
    assert desk.run("compile") == Outcome(0, f"{current}\n{NEW_TABLE}\n2 targets in 0.0 s\n", "")


def test_nothing_is_written_for_any_target_where_one_has_no_solution(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server, new=f'{NEW}components.base = {{ version = ">=3" }}\n'))
    outcome = desk.fail("compile")
    note = "gpu: it compiles, but nothing is written; `stackc compile gpu` compiles it alone\n"
    error = """\
error[S303]: index `pypi` has no `base>=3`
 --> stack.toml:17: targets.new.components.base.version = ">=3"

hint: this makes it solvable
      base  ">=3" → "<3"  gives base 2.0
"""
    assert outcome == Outcome(3, "", note + error)
    assert desk.run("compile", "gpu").status == 0


def heads(outcome: Outcome) -> list[str]:
    return [line for line in outcome.stderr.splitlines() if line.startswith("error")]


def test_what_is_wrong_with_each_target_is_told_at_once(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    overrides = "components.base.version = '>=3'\n", "components.app.version = '>=9'\n"
    desk.write(
        manifest(server, APP, target=f"{overrides[0]}{NEW}{overrides[1]}").replace("[stack]", '[stack]\ndefault-target = "gpu"')
    )
    outcome = desk.fail("compile")
    found = ["error[S303]: index `pypi` has no `base>=3`", "error[S303]: index `pypi` has no `app>=9`"]
    assert (outcome.status, outcome.stdout, heads(outcome)) == (3, "", found)


def test_what_is_wrong_with_both_targets_alike_is_told_once(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server, APP.replace(">=1", ">=3")))
    outcome = desk.fail("compile")
    assert (outcome.status, outcome.stdout, heads(outcome)) == (3, "", ["error[S303]: index `pypi` has no `base>=3`"])


def test_an_index_that_fails_is_told_once_for_all_targets(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server).replace(server.url, "http://127.0.0.1:9"))
    outcome = desk.fail("compile")
    assert (outcome.status, outcome.stderr.count("error[S310]")) == (4, 1)


def test_a_dry_run_tells_of_all_and_writes_nothing(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server))
    names = ("Dockerfile", "STACK.md", "constraints.txt", "lock.toml", "requirements.txt", "steps/00-tools.txt", "verify.py")
    files = "".join(f"  {name}\n" for name in names)
    told = [
        table.replace(f"wrote locks/{target}/\n", f"dry run: locks/{target}/ would change\n{files}")
        for target, table in (("gpu", GPU_TABLE), ("new", NEW_TABLE))
    ]
    outcome = desk.run("compile", "--dry-run")
    assert (outcome.status, outcome.stderr, outcome.stdout.startswith("\n".join(told))) == (0, "", True)
    assert list(tree(desk.project)) == ["stack.toml"]


def test_where_one_target_cannot_be_written_those_before_it_are_put_back(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server, APP.replace(">=1", "<2")))
    assert desk.run("compile", "gpu").status == 0
    desk.write(two(server, APP.replace(">=1", "==1.0")))
    desk.write("no folder\n", "locks/new")
    before = tree(desk.project)
    outcome = desk.run("compile")
    assert (outcome.status, outcome.stdout, heads(outcome)[0][:12]) == (1, "", "error[S442]:")
    assert (tree(desk.project), desk.leftovers()) == (before, [])
    (desk.project / "locks" / "new").unlink()
    assert desk.run("compile").status == 0
    assert tree(desk.project)["locks/gpu/lock.toml"] != before["locks/gpu/lock.toml"]
