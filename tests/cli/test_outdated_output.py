"""`stackc outdated`: whole output and exit status, over indexes that went on after the locks were made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import stackc
from support.cli import TOOLS, Desk, Outcome, manifest, tree
from support.index_server import Answer, IndexServer, Site, serving
from support.odd_servers import free_port
from support.universe import Release, publish, publish_html

SCHEMA = Path(stackc.__file__).parent / "data" / "outdated.schema.json"
BEFORE, LATE = "2024-05-01T00:00:00Z", "2024-07-01T12:00:00Z"
UNIVERSE = {
    **TOOLS,
    "app": (Release(version="0.1", requires=("middle>=1",)),),
    "middle": (Release(version="1.0", requires=("base<2",)), Release(version="1.1", requires=("base<2", "old"))),
    "base": (Release(version="1.0"), Release(version="1.1")),
    "old": (Release(version="1.0"),),
    "odd": (Release(version="1.0rc1"),),
}
NOW = {
    **UNIVERSE,
    "pip": (*TOOLS["pip"], Release(version="26.0")),
    "app": (*UNIVERSE["app"], Release(version="0.2", requires=("middle>=1",)), Release(version="0.3", uploaded=LATE)),
    "middle": (*UNIVERSE["middle"], Release(version="1.2", requires=("base<2",)), Release(version="2.0", yanked=True)),
    "base": (
        *UNIVERSE["base"],
        *(Release(version="1.2"), Release(version="2.0"), Release(version="2.1rc1")),
        *(Release(version="3.0", requires_python=">=3.13"), Release(version="3.1", requires_python=">=3.13", uploaded=LATE)),
    ),
    "odd": (Release(version="1.0rc1"), Release(version="1.0rc2")),
}
TORCH = (Release(version="2.5.1+cu124"),)
STACK = """\
[components.app]
version = ">=0"

[components.base]
version = "<=1.1"

[components.odd]
version = "==1.0rc1"

[components.torch]
version = ">=2.5"
index = "cu"

[image]
pip = "<26"

[policy]
exclude-newer = 2024-06-01T00:00:00Z

[matrix]
packs = ["rules.toml"]
"""
INDEX = '[indexes.cu]\nurl = "{}/cu"\n\n[components.app]'
RULES = """\
[[rule]]
id = "app-base"
when = "app<1"
requires = ["base<3"]
because = "the reason"
source = "the source"
date = 2026-11-23
"""
PAGE = """\
    gpu: `stackc compile --upgrade` would move 2 of 8 locked packages; --all lists it

    component  locked       allowed  newest       later
    app        0.1          0.2                   0.3
    base       1.1                   2.0
    odd        1.0rc1                1.0rc2
    torch      2.5.1+cu124           2.6.0+cu124

    base 2.0
       --> stack.toml:19: components.base.version = "<=1.1"
      middle 1.2 (needed by app) requires base<2
       --> stack.toml:16: components.app.version = ">=0"

    odd 1.0rc2
       --> stack.toml:22: components.odd.version = "==1.0rc1"

    torch 2.6.0+cu124
      it requires base>=2, and stack.toml asks for base<=1.1
       --> stack.toml:19: components.base.version = "<=1.1"
      it requires base>=2, and middle 1.2 (needed by app) requires base<2
       --> stack.toml:16: components.app.version = ">=0"

    newer, and not for this target
       --> stack.toml:8: targets.gpu.python = "3.11"
      base 3.0: it needs Python >=3.13

    newer after the cut-off of 2024-06-01
       --> stack.toml:32: policy.exclude-newer = 2024-06-01T00:00:00Z
      app 0.3, 2024-07-01
    """


@pytest.fixture
def server() -> Iterator[IndexServer]:
    site = Site()
    publish(site, UNIVERSE)
    publish_html(site, {"torch": TORCH}, root="/cu")
    with serving(site) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    desk = Desk(tmp_path)
    desk.write(manifest(server, STACK).replace("[components.app]", INDEX.format(server.url)))
    desk.write(RULES, "rules.toml")
    assert desk.run("compile").status == 0
    return desk


def go_on(server: IndexServer) -> None:
    """Let the indexes list what came since the stack was compiled."""
    publish(server.site, NOW)
    publish_html(server.site, {"torch": (*TORCH, Release(version="2.6.0+cu124", requires=("base>=2",)))}, root="/cu")


def test_where_nothing_is_newer_one_line_says_so(desk: Desk) -> None:
    told = Outcome(0, "gpu: `stackc compile --upgrade` would move none of 8 locked packages\n", "")
    assert desk.run("outdated") == told
    assert desk.run("outdated", "gpu", "--exit-code") == told


def test_what_is_newer_is_told_with_what_is_in_its_way_from_pages_that_were_asked_for_anew(
    desk: Desk, server: IndexServer
) -> None:
    go_on(server)
    before = tree(desk.project)

    found = desk.run("outdated")
    assert found.stdout.splitlines() == dedent(PAGE).splitlines()
    assert (found.status, found.stderr) == (0, "")
    assert desk.run("outdated", "--exit-code").status == 1
    assert tree(desk.project) == before


def test_all_packages_and_tools_are_listed_on_request(desk: Desk, server: IndexServer) -> None:
    go_on(server)

    found = desk.run("outdated", "--all").stdout

    assert found.startswith(
        dedent(
            """\
            gpu: `stackc compile --upgrade` would move 2 of 8 locked packages

            package  locked       allowed     newest       later
            app      0.1          0.2                      0.3
            base     1.1                      2.0
            odd      1.0rc1                   1.0rc2
            torch    2.5.1+cu124              2.6.0+cu124
            middle   1.1          1.2
            old      1.0          not needed
            pip      25.3                     26.0
            """
        )
    )
    assert '\npip 26.0\n  `[image]` asks for pip<26\n   --> stack.toml:29: image.pip = "<26"\n' in found


def test_what_it_allows_is_what_an_upgrade_then_locks(desk: Desk, server: IndexServer) -> None:
    go_on(server)
    packages = json.loads(desk.run("outdated", "--all", "--format", "json").stdout)["targets"][0]["packages"]
    allowed = {each["name"]: each["allowed"] for each in packages if each["allowed"] is not None}

    assert desk.run("compile", "--upgrade").status == 0

    left = json.loads(desk.run("outdated", "--all", "--format", "json").stdout)["targets"][0]
    assert {each["name"]: each["locked"] for each in left["packages"]} == allowed
    assert left["movable"] == 0


def test_the_document_is_of_its_schema(desk: Desk, server: IndexServer) -> None:
    go_on(server)

    found = desk.run("outdated", "--format", "json", "--exit-code")

    document = json.loads(found.stdout)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)
    assert (found.status, found.stderr) == (1, "")
    (target,) = document["targets"]
    assert (target["target"], target["exclude-newer"], target["total"], target["movable"]) == (
        *("gpu", "2024-06-01T00:00:00+00:00"),
        *(8, 2),
    )
    python = {"file": "stack.toml", "line": 8, "path": ["targets", "gpu", "python"], "source": '"3.11"'}
    own = {"file": "stack.toml", "line": 19, "path": ["components", "base", "version"], "source": '"<=1.1"'}
    by_way = {"file": "stack.toml", "line": 16, "path": ["components", "app", "version"], "source": '">=0"'}
    assert target["packages"][1] == {
        "name": "base",
        "index": "pypi",
        "component": True,
        "locked": "1.1",
        "allowed": "1.1",
        "newest": "2.0",
        "obstacles": [
            {"text": "stack.toml asks for base<=1.1", "place": own},
            {"text": "middle 1.2 (needed by app) requires base<2", "place": by_way},
        ],
        "elsewhere": {"version": "3.0", "text": "it needs Python >=3.13", "place": python},
        "later": None,
    }
    assert target["packages"][0]["later"] == {"version": "0.3", "uploaded": LATE}


def test_an_index_that_cannot_be_asked_ends_it_and_nothing_is_taken_for_gone(desk: Desk, server: IndexServer) -> None:
    server.site.answers["/simple/base/"] = Answer(403)

    found = desk.run("outdated")

    assert (found.status, found.stdout) == (4, "")
    assert found.stderr.startswith("error[S313]: index `pypi` answered 403 for `base`\n")
    desk.write(manifest(None, STACK.replace('index = "cu"', "")).replace("[components.app]", unreachable()))
    gone = desk.run("outdated")
    assert (gone.status, gone.stderr.splitlines()[0]) == (4, "error[S310]: index `pypi` cannot be reached")


def unreachable() -> str:
    return f'[indexes.pypi]\nurl = "http://127.0.0.1:{free_port()}/simple"\n\n[components.app]'


def test_a_target_that_was_never_compiled_is_refused(desk: Desk) -> None:
    (desk.project / "locks/gpu/lock.toml").unlink()

    assert desk.run("outdated") == Outcome(
        1, "", "error[S520]: target `gpu` has no lock\n --> stack.toml:7: targets.gpu\n\nhint: run `stackc compile`\n"
    )


def test_a_stack_that_nothing_satisfies_without_its_old_pins_is_told_as_compile_tells_it(
    desk: Desk, server: IndexServer
) -> None:
    publish(server.site, {"base": (Release(version="2.0"),)})

    found = desk.run("outdated")

    assert (found.status, found.stdout) == (3, "")
    assert found.stderr.startswith("error[S303]: index `pypi` has no `base<=1.1`\n")


def test_where_two_things_keep_a_release_out_together_the_way_to_find_them_is_told(desk: Desk, server: IndexServer) -> None:
    publish(server.site, {"torch": ()}, root="/cu")
    more = Release(version="2.6.0+cu124", requires=("middle==1.0", "extra"))
    publish_html(server.site, {"torch": (*TORCH, more)}, root="/cu")
    publish(server.site, {"extra": (Release(version="1.0", requires=("middle>=1.1",)),)})

    assert "\ntorch 2.6.0+cu124\n  nothing keeps it out alone: see `stackc explain torch==2.6.0+cu124`\n" in (
        desk.run("outdated").stdout
    )


def test_several_targets_are_told_one_after_the_other_and_share_every_page(desk: Desk, server: IndexServer) -> None:
    path = desk.project / "stack.toml"
    text = path.read_text()
    second = '[targets.other]\npython = "3.11"\nplatform = "linux/arm64"\nbase = "debian:12"\n\n[components.app]'
    path.write_text(
        text.replace('name = "small"', 'name = "small"\ndefault-target = "gpu"').replace("[components.app]", second)
    )
    assert desk.run("compile").status == 0
    publish(server.site, {"app": NOW["app"]})
    server.requests.clear()

    found = desk.run("outdated")

    table = "component  locked  allowed  later\napp        0.1     0.2      0.3\n"
    cutoff = "newer after the cut-off of 2024-06-01\n   --> stack.toml:38: policy.exclude-newer = 2024-06-01T00:00:00Z\n"
    expected = [
        f"{target}: `stackc compile --upgrade` would move 1 of 8 locked packages\n\n{table}\n{cutoff}  app 0.3, 2024-07-01\n"
        for target in ("gpu", "other")
    ]
    assert found == Outcome(0, "\n".join(expected), "")
    pages = [request.path for request in server.requests if not request.path.endswith(".metadata")]
    assert len(pages) == len(set(pages))
    assert desk.run("outdated", "nowhere").stderr.startswith("error[S002]: there is no target `nowhere`\n")


def test_what_an_upgrade_would_move_down_is_counted_too(desk: Desk, server: IndexServer) -> None:
    """As where what is locked was yanked since."""
    publish(server.site, {"base": (Release(version="1.0"), Release(version="1.1", yanked=True))})

    told = desk.run("outdated").stdout.splitlines()

    assert told == [
        "gpu: `stackc compile --upgrade` would move none of 8 locked packages up, and 1 down",
        "",
        "component  locked  allowed  newest",
        "base       1.1     1.0      1.1",
        "",
        "base 1.1",
        "  it was yanked",
    ]
