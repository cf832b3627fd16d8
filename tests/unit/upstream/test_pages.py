"""Pages of projects from a live index, from the cache, and from the catalog."""

from __future__ import annotations

import datetime as dt
import gzip
from functools import partial
from pathlib import Path

import pytest

from stackc.errors import Finding
from stackc.upstream.exchange import LARGEST_BODY
from stackc.upstream.pages import Absent, Found, PageOutcome, Trust, Unavailable
from stackc.upstream.settings import NetworkSettings
from support.index_server import JSON, Answer, IndexServer, Request, Site, html_page, json_page, serving
from support.odd_servers import free_port
from support.universe import Release, publish, publish_html
from support.workbench import bench, make_plan, name_of, settings

DEMO = name_of("demo")
PAST = dt.datetime(2024, 6, 1, tzinfo=dt.timezone.utc)
AGAIN = "try again; if it stays so, the index is at fault"


def fetch(
    address: str,
    *,
    cache: Path | None = None,
    exclude_newer: dt.datetime | None = None,
    network: NetworkSettings | None = None,
    project: str = "demo",
) -> tuple[PageOutcome, list[str]]:
    plan = make_plan({}, exclude_newer=exclude_newer)
    with bench(address, plan=plan, cache=cache, network=network) as tools:
        outcome: PageOutcome = tools.ask(partial(tools.pages.get, "pypi", address, name_of(project)))
        return outcome, tools.notes.lines


def finding(outcome: PageOutcome) -> Finding:
    assert isinstance(outcome, Unavailable)
    return outcome.finding


def versions(outcome: PageOutcome) -> list[str]:
    assert isinstance(outcome, Found)
    return [candidate.version for candidate in outcome.candidates]


def universe(*releases: Release) -> Site:
    site = Site()
    publish(site, {"demo": releases or (Release(version="1.0"),)})
    return site


def asked(server: IndexServer) -> int:
    return len(server.requests)


def at(answer: Answer) -> Site:
    site = Site()
    site.answers["/simple/demo/"] = answer
    return site


def test_a_page_gives_its_candidates_and_its_address() -> None:
    with serving(universe(Release(version="1.0"), Release(version="2.0"))) as server:
        outcome, notes = fetch(f"{server.url}/simple/")

        assert isinstance(outcome, Found)
        assert (versions(outcome), outcome.url, notes) == (["2.0", "1.0"], f"{server.url}/simple/demo/", [])
        assert server.requests[0].headers["accept"].startswith("application/vnd.pypi.simple.v1+json, ")


def test_a_page_of_a_pytorch_index_is_read_likewise() -> None:
    site = Site()
    publish_html(site, {"demo": (Release(version="1.0+cu124"),)}, root="/whl/cu124")
    with serving(site) as server:
        outcome, _ = fetch(f"{server.url}/whl/cu124")

        assert isinstance(outcome, Found)
        assert [(row.version, row.file.url) for row in outcome.candidates] == [
            ("1.0+cu124", f"{server.url}/whl/cu124/files/demo-1.0%2Bcu124-py3-none-any.whl")
        ]


def test_a_project_that_the_index_does_not_have_is_absent() -> None:
    with serving(Site()) as server:
        assert fetch(f"{server.url}/simple")[0] == Absent(f"{server.url}/simple/demo/")


@pytest.mark.parametrize(
    ("answer", "code", "message", "note", "hint"),
    [
        (Answer(401), "S313", "index `pypi` answered 401 for `demo`", "URL",
         "the index wants credentials: put them into a netrc file, or into the index's `url` as `user:password@`"),
        (Answer(403), "S313", "index `pypi` answered 403 for `demo`", "URL",
         "the index forbids this address to you: look at the credentials and at what they may read"),
        (Answer(500), "S311", "index `pypi` answered 500 for `demo`", "URL", AGAIN),
        (Answer(418), "S311", "index `pypi` answered 418 for `demo`", "URL", AGAIN),
        (Answer(200, b"<html>log in</html>", {"Content-Type": "text/html"}), "S314",
         "what index `pypi` answered for `demo` is not a page of the Simple API",
         "URL: it is HTML without a single link to a distribution file, not a Simple API page",
         "check that `url` is the root of the Simple API, such as `https://host/simple`, with no login page in between"),
        (Answer(200, b"{", {"Content-Type": JSON, "Content-Encoding": "gzip"}), "S314",
         "what index `pypi` answered for `demo` is not a page of the Simple API", "URL: its gzip encoding is broken",
         "check that `url` is the root of the Simple API, such as `https://host/simple`, with no login page in between"),
        (Answer(200, b"{", {"Content-Type": JSON, "Content-Encoding": "br"}), "S314",
         "what index `pypi` answered for `demo` is not a page of the Simple API",
         "URL: it is encoded as br, which nobody asked for",
         "check that `url` is the root of the Simple API, such as `https://host/simple`, with no login page in between"),
    ],
    ids=["401", "403", "500", "418", "html", "gzip", "br"],
)  # fmt: skip
def test_an_answer_of_no_use_is_explained(answer: Answer, code: str, message: str, note: str, hint: str) -> None:
    with serving(at(answer)) as server:
        outcome, _ = fetch(f"{server.url}/simple")

        page = f"{server.url}/simple/demo/"
        assert finding(outcome) == Finding(code=code, message=message, notes=(note.replace("URL", page),), hint=hint)


def test_broken_json_is_explained() -> None:
    with serving(at(Answer(200, b'{"files": [', {"Content-Type": JSON}))) as server:
        found = finding(fetch(f"{server.url}/simple")[0])

        assert found.code == "S314"
        assert found.notes[0].startswith(f"{server.url}/simple/demo/: its JSON is broken: ")


def test_half_a_page_is_explained_and_not_kept(tmp_path: Path) -> None:
    body = json_page("demo", [])
    with serving(at(Answer(200, body[:20], {"Content-Type": JSON}, promised=len(body)))) as server:
        found = finding(fetch(f"{server.url}/simple", cache=tmp_path / "cache")[0])
        server.site.answers["/simple/demo/"] = Answer(200, body, {"Content-Type": JSON})

        assert (found.code, found.message) == ("S311", "index `pypi` did not answer for `demo`")
        assert found.notes[0].endswith("after 20 bytes of a 200 answer, 3 times")
        assert versions(fetch(f"{server.url}/simple", cache=tmp_path / "cache")[0]) == []


def test_an_index_that_nobody_serves_is_explained() -> None:
    found = finding(fetch(f"http://127.0.0.1:{free_port()}/simple")[0])

    assert (found.code, found.message) == ("S310", "index `pypi` cannot be reached")


@pytest.mark.parametrize(("trust", "asked_again"), [("fresh", False), ("stand-ins", True), ("nothing", True)])
def test_a_page_that_is_fresh_is_asked_for_again_where_it_is_not_trusted(
    tmp_path: Path, trust: Trust, asked_again: bool
) -> None:
    with serving(universe()) as server:
        address = f"{server.url}/simple"
        fetch(address, cache=tmp_path / "cache")
        server.requests.clear()
        with bench(address, cache=tmp_path / "cache", trust=trust) as tools:
            outcome: PageOutcome = tools.ask(partial(tools.pages.get, "pypi", address, DEMO))

        assert versions(outcome) == ["1.0"]
        sent = [(request.headers["cache-control"], "if-none-match" in request.headers) for request in server.requests]
        assert sent == ([("max-age=0", True)] if asked_again else [])


def test_a_page_within_its_max_age_is_not_asked_for_again(tmp_path: Path) -> None:
    with serving(universe()) as server:
        first, _ = fetch(f"{server.url}/simple", cache=tmp_path / "cache")

        assert fetch(f"{server.url}/simple", cache=tmp_path / "cache")[0] == first
        assert asked(server) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cache-Control": "max-age=0"},
        {"Cache-Control": "no-cache, max-age=600"},
        {"Cache-Control": "max-age=600", "Age": "600"},
    ],
    ids=["none", "zero", "no-cache", "old"],
)
def test_a_page_past_its_max_age_is_asked_for_again(tmp_path: Path, headers: dict[str, str]) -> None:
    row = {"filename": "demo-1.0-py3-none-any.whl", "url": "demo.whl"}
    with serving(at(Answer(200, json_page("demo", [row]), {"Content-Type": JSON, **headers}))) as server:
        for _ in range(2):
            assert versions(fetch(f"{server.url}/simple", cache=tmp_path / "cache")[0]) == ["1.0"]
        assert asked(server) == 2


def test_a_page_is_confirmed_by_its_validators(tmp_path: Path) -> None:
    row = {"filename": "demo-1.0-py3-none-any.whl", "url": "demo.whl"}
    moment = "Sat, 01 Jun 2024 00:00:00 GMT"

    def answer(request: Request) -> Answer:
        if request.headers.get("if-none-match") == '"one"' and request.headers.get("if-modified-since") == moment:
            return Answer(304, b"", {"Cache-Control": "max-age=600"})
        return Answer(200, json_page("demo", [row]), {"Content-Type": JSON, "ETag": '"one"', "Last-Modified": moment})

    site = Site()
    site.answers["/simple/demo/"] = answer
    with serving(site) as server:
        first, second, third = (fetch(f"{server.url}/simple", cache=tmp_path / "cache")[0] for _ in range(3))

        assert first == second == third
        assert asked(server) == 2


def test_a_page_that_changed_replaces_the_one_in_the_cache(tmp_path: Path) -> None:
    site = Site()
    with serving(site) as server:
        for version in ("1.0", "2.0"):
            row = {"filename": f"demo-{version}-py3-none-any.whl", "url": "demo.whl"}
            site.put("/simple/demo/", json_page("demo", [row]), content_type=JSON, max_age=None)
            assert versions(fetch(f"{server.url}/simple", cache=tmp_path / "cache")[0]) == [version]


def test_a_page_that_is_complete_for_a_past_exclude_newer_never_goes_stale(tmp_path: Path) -> None:
    site = Site()
    row = {"filename": "demo-1.0-py3-none-any.whl", "url": "demo.whl", "upload-time": "2024-01-01T00:00:00Z"}
    site.put("/simple/demo/", json_page("demo", [row]), content_type=JSON, max_age=None)
    with serving(site) as server:
        for _ in range(2):
            outcome, _ = fetch(f"{server.url}/simple", cache=tmp_path / "cache", exclude_newer=PAST)
            assert versions(outcome) == ["1.0"]
        assert asked(server) == 1

        fetch(f"{server.url}/simple", cache=tmp_path / "cache", exclude_newer=dt.datetime(2999, 1, 1, tzinfo=dt.timezone.utc))
        assert asked(server) == 2


@pytest.mark.parametrize("body", [json_page("demo", []), html_page({"demo-1.0-py3-none-any.whl": "demo-1.0-py3-none-any.whl"})])
def test_a_page_without_moments_of_upload_goes_stale_whatever_exclude_newer_says(tmp_path: Path, body: bytes) -> None:
    content_type = JSON if body.startswith(b"{") else "text/html"
    with serving(at(Answer(200, body, {"Content-Type": content_type}))) as server:
        for _ in range(2):
            fetch(f"{server.url}/simple", cache=tmp_path / "cache", exclude_newer=PAST)
        assert asked(server) == 2


def test_an_absent_project_may_appear_later_whatever_exclude_newer_says(tmp_path: Path) -> None:
    with serving(Site()) as server:
        absent, _ = fetch(f"{server.url}/simple", cache=tmp_path / "cache", exclude_newer=PAST)
        publish(server.site, {"demo": (Release(version="1.0"),)})
        there, _ = fetch(f"{server.url}/simple", cache=tmp_path / "cache", exclude_newer=PAST)

        assert (absent, versions(there)) == (Absent(f"{server.url}/simple/demo/"), ["1.0"])


def test_offline_takes_what_the_cache_has_however_old(tmp_path: Path) -> None:
    site = Site()
    row = {"filename": "demo-1.0-py3-none-any.whl", "url": "demo.whl"}
    site.put("/simple/demo/", json_page("demo", [row]), content_type=JSON, max_age=None)
    with serving(site) as server:
        live, _ = fetch(f"{server.url}/simple", cache=tmp_path / "cache")
        fetch(f"{server.url}/simple", cache=tmp_path / "cache", project="absent")
        offline = settings(offline=True)

        assert fetch(f"{server.url}/simple", cache=tmp_path / "cache", network=offline)[0] == live
        absent, _ = fetch(f"{server.url}/simple", cache=tmp_path / "cache", network=offline, project="absent")
        unknown, _ = fetch(f"{server.url}/simple", cache=tmp_path / "cache", network=offline, project="unknown")

        assert absent == Absent(f"{server.url}/simple/absent/")
        assert finding(unknown) == Finding(
            code="S312",
            message="the page of `unknown` on index `pypi` is not in the cache, and --offline was given",
            hint="compile once without --offline",
        )
        assert asked(server) == 2


def test_files_of_a_page_behind_a_redirect_are_relative_to_where_it_led(tmp_path: Path) -> None:
    row = {"filename": "demo-1.0-py3-none-any.whl", "url": "../files/demo.whl"}
    site = at(Answer(301, b"", {"Location": "/mirror/simple/demo/"}))
    site.put("/mirror/simple/demo/", json_page("demo", [row]), content_type=JSON)
    with serving(site) as server:
        for _ in range(2):
            with bench(f"{server.url}/simple", cache=tmp_path / "cache") as tools:
                outcome: PageOutcome = tools.ask(partial(tools.pages.get, "pypi", f"{server.url}/simple", DEMO))
                files = tools.pages.shelf.files(f"{server.url}/simple", DEMO)

            assert isinstance(outcome, Found)
            assert outcome.url == f"{server.url}/mirror/simple/demo/"
            assert files == {"demo-1.0-py3-none-any.whl": f"{server.url}/mirror/simple/files/demo.whl"}
        assert [request.path for request in server.requests] == ["/simple/demo/", "/mirror/simple/demo/"]


def test_credentials_reach_the_index_and_nothing_else(tmp_path: Path) -> None:
    with serving(universe()) as server:
        address = f"{server.url}/simple".replace("http://", "http://me:s3cr3t@")
        outcome, notes = fetch(address, cache=tmp_path / "cache")
        server.site.answers["/simple/gone/"] = Answer(401)
        refused, _ = fetch(address, cache=tmp_path / "cache", project="gone")

        assert [request.headers["authorization"] for request in server.requests] == ["Basic bWU6czNjcjN0"] * 2
        assert isinstance(outcome, Found)
        assert (outcome.url, outcome.credentials, notes) == (f"{server.url}/simple/demo/", "me:s3cr3t", [])
        assert "s3cr3t" not in repr((outcome.candidates, refused))
        for file in tmp_path.iterdir():
            assert b"s3cr3t" not in file.read_bytes()


def test_credentials_do_not_follow_a_redirect_to_another_host() -> None:
    with serving(universe()) as other, serving(at(Answer(302, b"", {"Location": f"{other.url}/simple/demo/"}))) as server:
        outcome, _ = fetch(f"{server.url}/simple".replace("http://", "http://me:s3cr3t@"))

        assert isinstance(outcome, Found)
        assert (outcome.url, outcome.credentials) == (f"{other.url}/simple/demo/", None)
        assert "authorization" not in other.requests[0].headers


def test_a_page_that_inflates_beyond_all_measure_is_not_read() -> None:
    bomb = gzip.compress(b" " * (LARGEST_BODY + 1), 9, mtime=0)
    site = at(Answer(200, bomb, {"Content-Type": JSON, "Content-Encoding": "gzip"}))
    with serving(site) as server:
        outcome, _ = fetch(f"{server.url}/simple")
    found = finding(outcome)
    assert (found.code, found.notes) == ("S314", (f"{server.url}/simple/demo/: it is longer than 256 MiB",))
