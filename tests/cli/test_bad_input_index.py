"""What the command says when an index misbehaves: each text whole, and nothing written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from support.cli import TOOLS, UNIVERSE, Desk, Outcome, index_of, manifest, tree
from support.index_server import JSON, Answer, serving
from support.universe import Release

BASE = '[components.base]\nversion = ">=0"\n'
PAGE = "http://127.0.0.1:PORT/simple/base/"
NOT_A_PAGE = "error[S314]: what index `pypi` answered for `base` is not a page of the Simple API"
CHECK_URL = "hint: check that `url` is the root of the Simple API, such as `https://host/simple`, with no login page in between"
LATER = "hint: try again; if it stays so, look at the index's state or at the proxy in between"
LOGIN = b"<html><body><h1>Please log in</h1><a href='/login'>Log in</a></body></html>"

CASES = {
    "401": (
        Answer(401),
        "error[S313]: index `pypi` answered 401 for `base`",
        PAGE,
        "hint: the index wants credentials: put them into a netrc file, or into the index's `url` as `user:password@`",
    ),
    "403": (
        Answer(403),
        "error[S313]: index `pypi` answered 403 for `base`",
        PAGE,
        "hint: the index forbids this address to you: look at the credentials and at what they may read",
    ),
    "500": (
        Answer(500),
        "error[S311]: index `pypi` answered 500 for `base`",
        PAGE,
        "hint: try again; if it stays so, the index is at fault",
    ),
    "HTML instead of JSON": (
        Answer(200, LOGIN, {"Content-Type": "text/html; charset=utf-8"}),
        NOT_A_PAGE,
        f"{PAGE}: it is HTML without a single link to a distribution file, not a Simple API page",
        CHECK_URL,
    ),
    "HTML that says it is JSON": (
        Answer(200, LOGIN, {"Content-Type": JSON}),
        NOT_A_PAGE,
        f"{PAGE}: its JSON is broken: JSON is malformed: invalid character (byte 0)",
        CHECK_URL,
    ),
    "JSON of another shape": (
        Answer(200, b'{"files": [{"filename": 3}]}', {"Content-Type": JSON}),
        NOT_A_PAGE,
        f"{PAGE}: its JSON is not of the Simple API's shape: Expected `str`, got `int` - at `$.files[0].filename`",
        CHECK_URL,
    ),
    "half a page, cut off": (
        Answer(200, b'{"meta": {"api', {"Content-Type": JSON}, promised=1000),
        "error[S311]: index `pypi` did not answer for `base`",
        f"{PAGE}: 127.0.0.1: end of response with 986 bytes missing (libcurl 18), after 14 bytes of a 200 answer, 4 times",
        LATER,
    ),
    "half a page, as if it were whole": (
        Answer(200, b'{"meta": {"api', {"Content-Type": JSON}),
        NOT_A_PAGE,
        f"{PAGE}: its JSON is broken: Input data was truncated",
        CHECK_URL,
    ),
    "nothing": (
        Answer(drop=True),
        "error[S311]: index `pypi` did not answer for `base`",
        f"{PAGE}: 127.0.0.1: Empty reply from server (libcurl 52), 4 times",
        LATER,
    ),
}


@pytest.mark.parametrize(("answer", "message", "note", "hint"), CASES.values(), ids=CASES)
def test_each_bad_answer_has_a_text_of_its_own(tmp_path: Path, answer: Answer, message: str, note: str, hint: str) -> None:
    desk = Desk(tmp_path)
    site = index_of(UNIVERSE)
    site.answers["/simple/base/"] = answer
    with serving(site) as server:
        desk.write(manifest(server, BASE))
        assert desk.fail("compile") == Outcome(4, "", f"{message}\n{note}\n\n{hint}\n")


def test_an_index_that_cannot_be_reached_is_told_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with serving(index_of(UNIVERSE)) as server:
        desk.write(manifest(server, BASE))
    assert desk.fail("compile") == Outcome(
        4,
        "",
        "error[S310]: index `pypi` cannot be reached\n"
        "http://127.0.0.1:PORT/simple: 127.0.0.1: Failed to connect to 127.0.0.1:PORT: Could not connect to server "
        "(libcurl 7), 4 times\n"
        "\n"
        "hint: check the address and the network; pages that are in the cache can be used with --offline\n",
    )


@pytest.mark.parametrize("status", [401, 500, None])
def test_no_credential_stands_in_any_output(tmp_path: Path, status: int | None) -> None:
    desk = Desk(tmp_path)
    site = index_of(UNIVERSE)
    site.answers["/simple/base/"] = Answer(status) if status is not None else Answer(drop=True)
    with serving(site) as server:
        desk.write(manifest(server, BASE).replace("http://", "http://user:s3cr3t@"))
        told = desk.fail("compile")
    assert "error[S31" in told.stderr
    assert "s3cr3t" not in told.stderr
    assert "user" not in told.stderr.replace("`user:password@`", "")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("Name: other\nVersion: 1.0\n", "its metadata says that it is `other`"),
        ("Name: base\nVersion: 1.1\n", "its metadata says that it is version `1.1`"),
        ("Name: base\n", "its metadata has no Name or no Version"),
    ],
)
def test_a_wheel_that_contradicts_its_name_is_told(tmp_path: Path, says: str, reason: str) -> None:
    desk = Desk(tmp_path)
    broken = Release(version="1.0", metadata=f"Metadata-Version: 2.1\n{says}")
    with serving(index_of({**TOOLS, "base": (broken,)})) as server:
        desk.write(manifest(server, BASE))
        assert desk.fail("compile") == Outcome(
            3,
            "",
            "error[S322]: `base-1.0-py3-none-any.whl` cannot be used\n"
            ' --> stack.toml:13: components.base.version = ">=0"\n'
            f"{reason}\n"
            "\n"
            "hint: choose another version: this file is broken on its index\n",
        )


@pytest.mark.parametrize("status", [401, 500])
def test_metadata_that_cannot_be_fetched_ends_the_run_and_locks_no_older_release(tmp_path: Path, status: int) -> None:
    desk = Desk(tmp_path)
    site = index_of(UNIVERSE)
    site.answers["/simple/files/base-2.0-py3-none-any.whl.metadata"] = Answer(status)
    with serving(site) as server:
        desk.write(manifest(server, BASE))
        assert desk.fail("compile") == Outcome(
            4,
            "",
            "error[S320]: the metadata of `base-2.0-py3-none-any.whl` could not be fetched\n"
            f"http://127.0.0.1:PORT/simple/files/base-2.0-py3-none-any.whl.metadata: answered {status}\n"
            "\n"
            "hint: try again; if it stays so, the index is at fault\n",
        )


def test_metadata_that_is_not_what_the_page_promised_ends_the_run(tmp_path: Path) -> None:
    altered = b"Name: base\nVersion: 2.0\n"
    desk = Desk(tmp_path)
    site = index_of(UNIVERSE)
    site.answers["/simple/files/base-2.0-py3-none-any.whl.metadata"] = Answer(200, altered)
    promised = hashlib.sha256(UNIVERSE["base"][2].core_metadata("base").encode()).hexdigest()
    with serving(site) as server:
        desk.write(manifest(server, BASE))
        assert desk.fail("compile") == Outcome(
            4,
            "",
            "error[S323]: what was fetched for `base-2.0-py3-none-any.whl` is not what its index promised\n"
            f"wanted: sha256 {promised}\n"
            f" found: sha256 {hashlib.sha256(altered).hexdigest()}\n"
            "\n"
            "hint: a proxy or a mirror altered it, or the index is inconsistent; do not go on before you know which\n",
        )


def test_a_hash_that_is_missing_upstream_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with serving(index_of({**TOOLS, "base": (Release(version="1.0", sha256=None),)})) as server:
        desk.write(manifest(server, BASE))
        assert desk.fail("compile") == Outcome(
            4,
            "",
            "error[S324]: index `pypi` gives no sha256 for `base-1.0-py3-none-any.whl`, "
            "and a lock without it could not be trusted\n"
            "\n"
            "hint: ask for another version, or look the project up on an index that lists hashes\n",
        )


def test_a_page_that_the_cache_lacks_is_told_with_offline(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with serving(index_of(UNIVERSE)) as server:
        desk.write(manifest(server, BASE))
        assert desk.run("compile").status == 0
        desk.write(manifest(server, f'{BASE}\n[components.app]\nversion = "==0.1"\n'))
        told = desk.run("compile", "--offline")
    assert told == Outcome(
        4,
        "",
        "error[S312]: the page of `app` on index `pypi` is not in the cache, and --offline was given\n"
        "\n"
        "hint: compile once without --offline\n",
    )


HOSTILE = 'a"b$(reboot)\x1b[31m\r\nInjected: yes'


@pytest.mark.parametrize("kind", ["requirement", "file", "python", "version"])
def test_what_an_index_says_reaches_no_terminal_and_no_file_raw(tmp_path: Path, kind: str) -> None:
    """A hostile index puts escapes, quotes and commands into each place that stackc repeats."""
    evil = {
        "requirement": Release(
            version="1.0", metadata=f"Metadata-Version: 2.1\nName: base\nVersion: 1.0\nRequires-Dist: {HOSTILE}\n"
        ),
        "file": Release(version="1.0", tags=f"py3-none-any{HOSTILE}"),
        "python": Release(version="1.0", requires_python=f">=3.20,{HOSTILE}"),
        "version": Release(version="1.0", metadata=f"Metadata-Version: 2.1\nName: {HOSTILE}\nVersion: 1.0\n"),
    }[kind]
    desk = Desk(tmp_path)
    with serving(index_of({**TOOLS, "base": (evil,)})) as server:
        desk.write(manifest(server, BASE))
        told = desk.run("compile")
    written = b"".join(tree(desk.project / "locks").values())
    assert ("$(reboot)\\x1b[31m` " in told.stderr.replace("`\n", "` \n")) == (kind in {"requirement", "version"})
    assert "\x1b" not in told.stderr + told.stdout
    assert "\r" not in told.stderr + told.stdout
    assert b"reboot" not in written
