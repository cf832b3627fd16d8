"""Asking an index about locked projects: each once, and no more than one where no answer comes."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from stackc.online.answers import Answer, Gone, Listing, NotAsked, Subject
from stackc.online.asking import ask
from stackc.upstream.cache import Cache
from stackc.upstream.simple import ProjectStatus
from support.index_server import JSON, Site, serving
from support.index_server import Answer as Said
from support.odd_servers import free_port, talking
from support.universe import Release, publish, publish_html
from support.workbench import name_of, settings

PROJECTS = ("a", "b", "c")


def asked(
    addresses: Mapping[str, str], subjects: Sequence[tuple[str, str]], *, cache: Path | None = None
) -> dict[tuple[str, str], Answer]:
    store = Cache(cache)
    seen: list[tuple[int, int]] = []
    try:
        answers = ask(
            [Subject(index, name_of(project)) for index, project in subjects],
            addresses=addresses,
            cache=store,
            settings=settings(attempts=3),
            progress=lambda came, waiting: seen.append((came, waiting)),
        )
    finally:
        store.close()
    assert seen[-1] == (len(set(subjects)), 0)
    return {(subject.index, subject.project): answer for subject, answer in answers.items()}


def of_one_index(address: str) -> dict[tuple[str, str], Answer]:
    return asked({"own": address}, [("own", project) for project in PROJECTS])


def files(answer: Answer) -> list[str]:
    assert isinstance(answer, Listing)
    return sorted(answer.files)


def test_each_page_is_asked_for_once_and_confirmed_however_fresh_the_cache_is(tmp_path: Path) -> None:
    site = Site()
    publish(site, {"a": (Release(version="1.0"), Release(version="2.0"))}, root="/one")
    publish_html(site, {"b": (Release(version="1.0+cu124"),)}, root="/two")
    with serving(site) as server:
        addresses = {"one": f"{server.url}/one", "two": f"{server.url}/two"}
        for _ in range(2):
            found = asked(addresses, [("one", "a"), ("one", "a"), ("two", "b"), ("one", "z")], cache=tmp_path / "cache")

            assert files(found["one", "a"]) == ["a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"]
            assert files(found["two", "b"]) == ["b-1.0+cu124-py3-none-any.whl"]
            assert found["one", "z"] == Gone()
        paths = [request.path for request in server.requests]
        assert sorted(paths) == sorted(2 * ["/one/a/", "/one/z/", "/two/b/"])
        assert {request.headers["cache-control"] for request in server.requests} == {"max-age=0"}
        assert [request.path for request in server.requests if "if-none-match" in request.headers] == ["/one/a/", "/two/b/"]


def test_the_state_of_a_project_is_read(tmp_path: Path) -> None:
    site = Site()
    body = b'{"files": [], "project-status": {"status": "quarantined", "reason": "malware"}}'
    site.put("/simple/a/", body, content_type=JSON)
    with serving(site) as server:
        found = asked({"own": f"{server.url}/simple"}, [("own", "a")], cache=tmp_path / "cache")
    assert found == {("own", "a"): Listing({}, ProjectStatus("quarantined", "malware"))}


def test_an_index_that_nobody_listens_at_is_not_taken_for_an_empty_one() -> None:
    found = of_one_index(f"http://127.0.0.1:{free_port()}/simple")
    assert [answer.finding.code for answer in found.values() if isinstance(answer, NotAsked)] == ["S310"] * 3


def test_an_index_that_hangs_is_asked_for_one_project_and_twice_at_most() -> None:
    heads: list[bytes] = []

    def hang(connection: socket.socket) -> None:
        heads.append(connection.recv(65536))
        while connection.recv(65536):
            pass

    with talking(hang) as port:
        found = of_one_index(f"http://127.0.0.1:{port}/simple")
    assert [answer.finding.code for answer in found.values() if isinstance(answer, NotAsked)] == ["S310"] * 3
    assert {head.split(b" ")[1] for head in heads} == {b"/simple/a/"}
    assert len(heads) <= 2


@pytest.mark.parametrize(("status", "code"), [(500, "S311"), (403, "S313")])
def test_an_index_that_refuses_one_project_is_asked_for_the_others(status: int, code: str) -> None:
    site = Site()
    publish(site, {project: (Release(version="1.0"),) for project in PROJECTS})
    site.answers["/simple/a/"] = Said(status)
    with serving(site) as server:
        found = of_one_index(f"{server.url}/simple")
    refused = found.pop(("own", "a"))
    assert isinstance(refused, NotAsked)
    assert refused.finding.code == code
    assert {project: files(answer) for (_, project), answer in found.items()} == {
        "b": ["b-1.0-py3-none-any.whl"],
        "c": ["c-1.0-py3-none-any.whl"],
    }
