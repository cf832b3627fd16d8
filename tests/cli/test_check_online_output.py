"""`stackc check --online`: whole output and exit status, over indexes in which something moved after the locks were made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome, tree
from support.index_server import JSON, Answer, IndexServer, Request, Site, serving
from support.odd_servers import free_port
from support.universe import Release, publish, publish_html

UNIVERSE = {
    **TOOLS,
    "base": tuple(Release(version=f"1.{number}") for number in range(6)),
    "app": (Release(version="0.1", requires=("base>=1",)),),
}
TORCH = {"torch": (Release(version="2.5.1+cu124"), Release(version="2.6.0+cu124"))}
MANIFEST = """\
[stack]
name = "small"
default-target = "gpu"

[indexes.pypi]
url = "{pypi}"

[indexes.cu]
url = "{cu}"
serves = ["torch"]

[targets.gpu]
python = "3.11"
platform = "linux/amd64"
base = "debian:12"

[targets.cpu]
python = "3.11"
platform = "linux/arm64"
base = "debian:12"

[components.base]
version = "<=1.1"
order = 1

[components.torch]
version = "==2.5.1"

[components.app]
version = ">=0"
"""
PROVED = "gpu: proved, nothing drifted\ncpu: proved, nothing drifted\n"
BASE = "base-1.1-py3-none-any.whl"
PLACES = (
    ' --> stack.toml:23: components.base.version = "<=1.1"\n'
    " --> locks/gpu/lock.toml: package.base\n"
    " --> locks/cpu/lock.toml: package.base\n"
)
TOOL_PLACES = " --> locks/gpu/lock.toml: tool.pip\n --> locks/cpu/lock.toml: tool.pip\n"


def site() -> Site:
    made = Site()
    publish(made, UNIVERSE)
    publish_html(made, TORCH, root="/cu")
    return made


def write(desk: Desk, pypi: str, cu: str | None = None) -> None:
    desk.write(MANIFEST.format(pypi=f"{pypi}/simple", cu=f"{cu or pypi}/cu"))


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(site()) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    """A project that was compiled just now, so that every page in its cache is fresh."""
    desk = Desk(tmp_path)
    write(desk, server.url)
    assert desk.run("compile").status == 0
    server.requests.clear()
    return desk


def moved(server: IndexServer, **projects: tuple[Release, ...]) -> None:
    publish(server.site, projects)


def status_page(server: IndexServer, project: str, status: str, reason: str) -> None:
    """Let the index say of a project what state it is in, and list its files as before."""
    body = json.loads(server.site.answer(Request(f"/simple/{project}/", {})).body)
    body["project-status"] = {"status": status, "reason": reason}
    server.site.put(f"/simple/{project}/", json.dumps(body).encode(), content_type=JSON)


def test_where_nothing_moved_each_page_is_asked_for_once_and_nothing_is_written(desk: Desk, server: IndexServer) -> None:
    before = tree(desk.project)

    assert desk.run("check", "--online") == Outcome(0, f"{PROVED}online: 5 locked files looked up, nothing moved\n", "")
    assert sorted(request.path for request in server.requests) == [
        *("/cu/torch/", "/simple/app/", "/simple/base/", "/simple/pip/", "/simple/setuptools/"),
    ]
    assert tree(desk.project) == before


def test_without_the_option_no_index_is_asked(desk: Desk, server: IndexServer) -> None:
    moved(server, base=())

    assert desk.run("check") == Outcome(0, PROVED, "")
    assert server.requests == []


Move = Callable[[IndexServer], object]
FINDINGS: dict[str, tuple[Move, int, str, str]] = {
    "left": (
        lambda server: moved(server, base=(Release(version="1.0"), Release(version="1.2"))),
        6,
        "1 error",
        (
            f"error[S820]: `{BASE}` is no longer on index `pypi`\n{PLACES}"
            "the index still has 2 other files of `base`\n\n"
            "hint: build from a mirror that kept it, or lock one that the index has: `stackc compile --upgrade base`\n\n"
        ),
    ),
    "changed": (
        lambda server: moved(server, base=(Release(version="1.1", sha256="f" * 64),)),
        6,
        "1 error",
        (
            f"error[S821]: `{BASE}` on index `pypi` is no longer the file that was locked\n{PLACES}"
            f"wanted: sha256 SHA256\n found: sha256 {'f' * 64}\n\n"
            "hint: install nothing from this index until its publisher explains the change\n\n"
        ),
    ),
    "yanked": (
        lambda server: moved(server, base=(Release(version="1.1", yanked="breaks \x1b[31m on arm64"),)),
        0,
        "1 warning",
        (
            f"warning[S822]: `base` 1.1 was yanked from index `pypi`\n{PLACES}"
            "the index's reason: breaks \\x1b[31m on arm64\n\n"
            "hint: read why, and lock another release: `stackc compile --upgrade base` takes no yanked one\n\n"
        ),
    ),
    "gone": (
        lambda server: server.site.answers.pop("/simple/base/"),
        6,
        "1 error",
        (
            f"error[S823]: index `pypi` no longer has the project `base`\n{PLACES}\n"
            "hint: where all projects of an index are gone, look at its address; else find out why before replacing it\n\n"
        ),
    ),
    "quarantined": (
        lambda server: status_page(server, "pip", "quarantined", "malware"),
        6,
        "1 error",
        (
            f"error[S824]: index `pypi` has put `pip` in quarantine, and offers no file of it\n{TOOL_PLACES}"
            "the index's reason: malware\n\n"
            "hint: treat images that hold it as suspect until the index says why, and take it out of the stack\n\n"
        ),
    ),
    "archived": (
        lambda server: status_page(server, "base", "archived", "use other"),
        0,
        "1 warning",
        (
            f"warning[S825]: `base` is archived: no release will follow, says index `pypi`\n{PLACES}"
            "the index's reason: use other\n\n"
            "hint: what is locked can still be installed; look for what takes its place\n\n"
        ),
    ),
    "deprecated in HTML": (
        lambda server: server.site.put(
            "/cu/torch/",
            b'<meta name="pypi:project-status" content="deprecated">' + server.site.answer(Request("/cu/torch/", {})).body,
            content_type="text/html",
        ),
        0,
        "1 warning",
        (
            "warning[S826]: `torch` is deprecated, says index `cu`\n"
            ' --> stack.toml:27: components.torch.version = "==2.5.1"\n'
            " --> locks/gpu/lock.toml: package.torch\n --> locks/cpu/lock.toml: package.torch\n\n"
            "hint: what is locked can still be installed; look for what takes its place\n\n"
        ),
    ),
}


@pytest.mark.parametrize("what", FINDINGS)
def test_what_moved_is_told_with_its_own_code_place_and_exit_status(desk: Desk, server: IndexServer, what: str) -> None:
    move, status, counted, told = FINDINGS[what]
    move(server)

    found = desk.run("check", "--online")

    summary = f"{PROVED}online: 5 locked files looked up, {counted}\n"
    assert replace(found, stderr=re.sub(r"(?<=wanted: sha256 )[0-9a-f]{64}", "SHA256", found.stderr)) == Outcome(
        status, summary, told
    )


def test_an_index_that_cannot_be_reached_is_told_as_not_asked_and_the_other_is_asked(desk: Desk, server: IndexServer) -> None:
    write(desk, server.url, f"http://127.0.0.1:{free_port()}")
    assert desk.run("compile", "--offline").status == 0  # the pages of the other address are not needed: the pins still prove

    assert desk.run("check", "--online") == Outcome(
        4,
        f"{PROVED}online: 4 locked files looked up, 1 could not be asked for, nothing moved\n",
        "error[S827]: index `cu` could not be asked about 1 locked project\n"
        ' --> stack.toml:9: indexes.cu.url = "http://127.0.0.1:PORT/cu"\n'
        "not known of: torch\n"
        "index `cu` cannot be reached; http://127.0.0.1:PORT/cu: "
        "127.0.0.1: Failed to connect to 127.0.0.1:PORT: Could not connect to server (libcurl 7), 2 times\n\n"
        "hint: this says nothing about what is locked: ask again where and when the index answers\n\n",
    )


def test_what_moved_is_surer_than_what_could_not_be_asked_and_drift_comes_before_both(desk: Desk, server: IndexServer) -> None:
    server.site.answers["/cu/torch/"] = Answer(500)
    assert desk.run("check", "--online").status == 4

    moved(server, base=())
    both = desk.run("check", "--online")
    assert (both.status, re.findall(r"\[(S\d+)\]", both.stderr)) == (6, ["S820", "S827"])
    assert both.stdout == f"{PROVED}online: 4 locked files looked up, 1 could not be asked for, 1 error\n"

    (desk.project / "locks/gpu/constraints.txt").write_bytes(b"edited\n")
    drifted = desk.run("check", "--online")
    assert (drifted.status, re.findall(r"\[(S\d+)\]", drifted.stderr)) == (1, ["S523", "S820", "S827"])


def test_a_target_alone_is_looked_up(desk: Desk) -> None:
    assert desk.run("check", "cpu", "--online") == Outcome(
        0, "cpu: proved, nothing drifted\nonline: 5 locked files looked up, nothing moved\n", ""
    )


def test_a_lock_that_cannot_be_read_is_told_by_the_other_checks(desk: Desk) -> None:
    (desk.project / "locks/gpu/lock.toml").write_bytes(b"[")

    found = desk.run("check", "--online")

    assert (found.status, re.findall(r"\[(S\d+)\]", found.stderr)) == (1, ["S401"])
    assert found.stdout.splitlines()[-1] == "online: 5 locked files looked up, nothing moved"


def test_the_other_forms_print_what_moved_too(desk: Desk, server: IndexServer) -> None:
    moved(server, base=())

    found = desk.run("check", "--online", "--format", "json")

    document = json.loads(found.stdout)
    assert (found.status, found.stderr, document["errors"]) == (6, "", 1)
    assert document["findings"][0]["title"] == "a locked file has left its index"
    github = desk.run("check", "--online", "--format", "github")
    assert (github.status, github.stdout.splitlines()[0].partition("::`")[0]) == (
        6,
        "::error file=stack.toml,line=23,title=S820%3A a locked file has left its index",
    )


def test_a_lock_far_below_its_newest_is_told_where_the_manifest_refuses_such(desk: Desk, server: IndexServer) -> None:
    moved(
        server, base=(*UNIVERSE["base"], *(Release(version=f"1.{number}", requires_python=">=3.13") for number in range(6, 12)))
    )
    path = desk.project / "stack.toml"
    path.write_text(f'{path.read_text().replace("<=1.1", ">=1.0")}\n[policy]\nfall-back = "error"\n')
    assert desk.run("compile", STACKC_CACHE=str(desk.root / "empty")).status == 0

    found = desk.run("check", "--online")

    assert (found.status, re.findall(r"\[(S\d+)\]: (.*)", found.stderr)) == (
        1,
        [("S370", "`base` is locked at 1.1, 6 minor releases below 1.11, the newest that `>=1.0` admits")],
    )
    assert re.findall(r"--> (stack.*)", found.stderr) == [
        'stack.toml:23: components.base.version = ">=1.0"',
        "stack.toml:12: targets.gpu",
        'stack.toml:13: targets.gpu.python = "3.11"',
        "stack.toml:17: targets.cpu",
        'stack.toml:18: targets.cpu.python = "3.11"',
    ]


def test_where_no_index_can_be_asked_nothing_is_said_to_be_unmoved(desk: Desk) -> None:
    write(desk, f"http://127.0.0.1:{free_port()}")
    assert desk.run("compile", "--offline").status == 0

    found = desk.run("check", "--online")

    assert (found.status, re.findall(r"\[(S\d+)\]", found.stderr)) == (4, ["S827", "S827"])
    assert found.stdout == f"{PROVED}online: 0 locked files looked up, 5 could not be asked for\n"
