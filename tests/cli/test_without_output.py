"""A component that one target leaves out: what is locked there, from where what needs it takes it, and how that is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome, manifest
from support.direct import IN_PROJECT, LOCAL
from support.index_server import IndexServer, Site, serving
from support.repository import Repository
from support.universe import Release, publish

FOREIGN = Release(version="9.0")
SITE_AT_DEFAULT = {
    **TOOLS,
    "app": (Release(version="1.0"),),
    "user": (Release(version="1.0", requires=("middle",)),),
    "middle": (Release(version="1.0", requires=("accel",)),),
    "accel": (FOREIGN,),
    "mylib": (FOREIGN,),
    "needs-mylib": (Release(version="1.0"), Release(version="2.0", requires=("mylib",))),
}
OWN = {"accel": (Release(version="0.45.0", tags="py3-none-manylinux_2_24_x86_64"), Release(version="0.46.0"))}
COMPONENTS = """
[components.app]
version = ">=1"
order = 1

[components.accel]
version = "==0.45.0"
index = "own"
order = 2
verify = ["accel.good"]

[components.user]
version = ">=1"
"""
ARM = """
[targets.arm]
python = "3.11"
platform = "linux/arm64"
base = "debian:12"
"""


@pytest.fixture
def server() -> Iterator[IndexServer]:
    site = Site()
    publish(site, SITE_AT_DEFAULT)
    publish(site, OWN, root="/own")
    with serving(site) as server:
        yield server


def two(server: IndexServer, *, arm: str = 'without = ["accel"]\n', components: str = COMPONENTS) -> str:
    """A manifest of the targets `gpu`, and `arm` with some lines of its own; its default index is not the one of `accel`."""
    own = f'[indexes.own]\nurl = "{server.url}/own"\n'
    text = manifest(server, components, target=f"{ARM}{arm}\n{own}")
    return text.replace('name = "small"', 'name = "small"\ndefault-target = "gpu"')


def without_user(server: IndexServer, **more: str) -> str:
    return two(server, components=COMPONENTS.partition("\n[components.user]")[0], **more)


ARM_TABLE = """\
arm: resolved by uv VERSION, and proved (1 package, 0.0 s)

component  version  index  step  change
app        1.0      pypi   1

wrote locks/arm/
"""


def test_a_target_is_locked_without_what_it_leaves_out(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(without_user(server))
    assert desk.run("compile", "arm") == Outcome(0, ARM_TABLE, "")
    assert desk.run("compile", "gpu").status == 0
    made = {target: desk.project / "locks" / target for target in ("gpu", "arm")}
    steps = {target: sorted(file.name for file in (folder / "steps").iterdir()) for target, folder in made.items()}
    assert steps == {"gpu": ["00-tools.txt", "01-app.txt", "02-accel.own.txt"], "arm": ["00-tools.txt", "01-app.txt"]}
    held = {
        target: [file.name for file in sorted(made[target].rglob("*")) if file.is_file() and b"accel" in file.read_bytes()]
        for target in made
    }
    assert held["arm"] == ["STACK.md", "lock.toml"]  # the index that serves it, should something need it
    assert "verify.py" in held["gpu"]
    assert "\nLeft out of this target: accel.\n" in (made["arm"] / "STACK.md").read_text(encoding="utf-8")
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\narm: proved, nothing drifted\n", "")


def test_what_needs_it_all_the_same_takes_it_from_its_own_index_and_that_is_told(tmp_path: Path, server: IndexServer) -> None:
    table = """\
arm: resolved by ENGINE VERSION, and proved (4 packages, 0.0 s)

component  version  index  step              change
app        1.0      pypi   1
user       1.0      pypi   requirements.txt

and 2 packages that these need; see locks/arm/STACK.md
wrote locks/arm/
"""
    told = """\
warning[S306]: `accel` is left out of target `arm`, and `middle` requires it
 --> stack.toml:17: targets.arm.without[0] = "accel"
needed: user -> middle -> accel
installed: accel 0.46.0, from index own; the component's own version does not bound it

hint: leave `user` out too; or keep `accel` in, and say in `[targets.arm.components.accel]` what differs there

"""
    for engine in ("uv", "pip-tools"):
        desk = Desk(tmp_path / engine)
        desk.write(two(server))
        assert desk.run("compile", "arm", "--engine", engine) == Outcome(0, table.replace("ENGINE", engine), told)
        assert desk.run("check", "arm") == Outcome(0, "arm: proved, nothing drifted\n", "")
    assert {request.path for request in server.requests if request.path.endswith("/accel/")} == {"/own/accel/"}


def test_leaving_out_one_component_more_asks_no_index_and_moves_nothing_else(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server, arm="").replace("linux/arm64", "linux/amd64"))
    assert desk.run("compile").status == 0
    desk.write(two(server, arm='without = ["user", "accel"]\n').replace("linux/arm64", "linux/amd64"))
    drift = desk.run("check")
    assert (drift.status, drift.stdout) == (1, "gpu: 1 error\narm: 1 error\n")
    server.requests.clear()
    outcome = desk.run("compile", "arm")
    assert outcome == Outcome(
        0,
        """\
arm: the locked versions still prove; no index was asked (1 package, 0.0 s)

component  version  index  step  change
app        1.0      pypi   1

changed against the previous lock: 3 versions
  accel 0.45.0 removed
  middle 1.0 removed
  user 1.0 removed
wrote locks/arm/
""",
        "",
    )
    assert server.requests == []


def test_what_one_target_orders_may_stand_in_the_requirements_that_another_was_compiled_to(
    tmp_path: Path, server: IndexServer
) -> None:
    desk = Desk(tmp_path)
    desk.write(two(server, components=COMPONENTS.replace('"==0.45.0"\nindex = "own"', '">=1"')))
    assert desk.run("compile").status == 0
    path = desk.project / "locks/arm/requirements.txt"
    text = path.read_text(encoding="utf-8")
    assert "\naccel==9.0 \\\n" in text
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\narm: proved, nothing drifted\n", "")
    path.write_text(f"{text}accel\n", encoding="utf-8")
    (error,) = [line for line in desk.run("guard", "locks/arm/requirements.txt").stderr.splitlines() if "[" in line]
    assert error == "error[S701]: `accel` is kept out"


def test_why_it_is_not_there_and_why_it_is_all_the_same_can_be_asked(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(without_user(server))
    assert desk.run("compile").status == 0
    place = ' --> stack.toml:17: targets.arm.without[0] = "accel"\n'
    said = f"accel is left out of target `arm`, and nothing there requires it\n{place}"
    assert desk.run("explain", "accel", "--target", "arm") == Outcome(0, said, "")
    release = desk.run("explain", "accel==0.46.0", "--target", "arm")
    assert release == Outcome(
        0,
        """\
nothing speaks against accel==0.46.0 in target `arm`: accel 0.46.0 would be chosen
against the lock:
  accel 0.46.0 added

hint: to have it, take `accel` out of `without` of `[targets.arm]`, \
give `accel` that version in stack.toml and run `stackc compile`
""",
        "",
    )
    desk.write(two(server))
    assert desk.run("compile").status == 0
    explained = desk.run("explain", "accel", "--target", "arm", "--offline")
    assert (
        explained.stdout
        == f"""\
accel 0.46.0 in target `arm`
  file    accel-0.46.0-py3-none-any.whl, from index own, step 2
  needed  stack.toml -> user -> middle -> accel
  left out of this target as a component: middle requires it all the same

bounded by
  middle 1.0  any
{place}
no newer release of accel can be installed on the target
"""
    )


def test_a_lock_that_is_older_than_the_edit_says_so(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    amd64 = two(server, arm="").replace("linux/arm64", "linux/amd64")
    desk.write(amd64)
    assert desk.run("compile").status == 0
    desk.write(two(server).replace("linux/arm64", "linux/amd64"))
    told = desk.run("explain", "accel", "--target", "arm", "--offline").stdout.splitlines()
    assert told[3] == "  left out of this target as a component: the lock was compiled before that; `stackc compile` follows"


def test_the_diff_names_the_line_by_which_it_went(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    amd64 = without_user(server, arm="").replace("linux/arm64", "linux/amd64")
    desk.write(amd64)
    assert desk.run("compile").status == 0
    assert Repository(desk.project, os.environ["PATH"]).start().commit().status == 0
    desk.write(without_user(server).replace("linux/arm64", "linux/amd64"))
    assert desk.run("compile").status == 0
    lines = desk.run("diff").stdout.splitlines()
    start = lines.index("edited")
    assert lines[start:] == [
        "edited",
        '  [1] stack.toml:17 targets.arm.without: ["accel"] added',
        "",
        "removed",
        "  - accel  0.45.0  in arm  [1]",
    ]


def test_a_release_without_a_file_for_the_platform_may_be_left_out(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(without_user(server, arm=""))
    outcome = desk.fail("compile", "arm")
    assert outcome == Outcome(
        3,
        "",
        """\
error[S303]: `accel==0.45.0` exists, but not for target `arm`
 --> stack.toml:27: components.accel.version = "==0.45.0"
accel 0.45.0: its wheels do not fit Python 3.11 on linux/arm64 with glibc 2.36

hint: this makes it solvable; or name it in `without` of `[targets.arm]`, to leave it out there
      accel  "==0.45.0" → "==0.46.0"  gives accel 0.46.0
""",
    )


def test_a_file_of_the_manifest_is_never_replaced_by_one_of_the_default_index(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    components = f'\n[components.mylib]\npath = "wheels/{LOCAL}"\n\n[components.needs-mylib]\nversion = ">=1"\n'
    desk.write(IN_PROJECT, f"wheels/{LOCAL}")
    left_out = two(server, arm='without = ["mylib"]\n', components=components)
    desk.write(left_out)
    outcome = desk.run("compile", "arm")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "needs-mylib  1.0 " in outcome.stdout
    why_not = desk.run("explain", "mylib==9.0", "--target", "arm")
    assert why_not == Outcome(
        0,
        """\
why not mylib==9.0:

error[S302]: no index is asked for `mylib`: stack.toml has a file for it, and target `arm` leaves it out

hint: name `mylib` in the `serves` of the index that has it; or leave it in, and name its file for this target
""",
        "",
    )
    desk.write(left_out.replace('">=1"', '">=2"'))
    assert desk.run("compile", "arm") == Outcome(
        3,
        "",
        """\
error[S301]: no versions satisfy target `arm`
 --> stack.toml:27: components.needs-mylib.version = ">=2"
needs-mylib 2.0 requires mylib
no index is asked for `mylib`: stack.toml has a file for it, and target `arm` leaves it out; an index's `serves` can name it

hint: this makes it solvable
      needs-mylib  ">=2" → "<2"  gives needs-mylib 1.0
""",
    )
    assert {request.path for request in server.requests if "mylib/" in request.path} == {"/simple/needs-mylib/"}
    desk.write(left_out.replace('">=1"', '">=2"').replace('/own"', '/own"\nserves = ["mylib"]'))
    told = desk.run("compile", "arm").stderr.splitlines()
    assert told[3] == "index `own` has no project `mylib`; index `pypi` has it, and its `serves` could name it"
