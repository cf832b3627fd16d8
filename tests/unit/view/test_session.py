"""The whole view, as an engine sees it over HTTP: routed, filtered, neutral and ruled."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from packaging.metadata import Metadata
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from stackc.plan import Plan
from stackc.view.server import LoopbackServer
from support.index_server import JSON, Answer, IndexServer, Site, json_page, serving
from support.universe import Release, publish, publish_html
from support.workbench import Bench, bench, beside, make_plan, matrix_of, name_of, rule_of, wait_until

WINDOWS = "cp310-cp310-win_amd64"
LINUX = "cp310-cp310-manylinux_2_17_x86_64"


@dataclass
class Seen:
    """A view that is served, and what is behind it."""

    tools: Bench
    url: str

    def get(self, path: str, *, method: str = "GET") -> tuple[int, str | None, bytes]:
        """Return status, media type and body of what the view answers for a path or an address of its own."""
        parts = urlsplit(urljoin(self.url, path))

        def work() -> tuple[int, str | None, bytes]:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
            try:
                connection.request(method, parts.path)
                response = connection.getresponse()
                return response.status, response.getheader("Content-Type"), response.read()
            finally:
                connection.close()

        return beside(self.tools.loop, work)

    def status(self, path: str) -> int:
        return self.get(path)[0]

    def page(self, project: str) -> dict[str, Any]:
        status, content_type, body = self.get(f"simple/{project}/")
        assert (status, content_type) == (200, JSON)
        page: dict[str, Any] = json.loads(body)
        return page

    def versions(self, project: str) -> list[str]:
        return [str(parse_wheel_filename(file["filename"])[1]) for file in self.page(project)["files"]]

    def metadata(self, project: str, version: str) -> Metadata:
        (file,) = (file for file in self.page(project)["files"] if f"-{version}-" in file["filename"])
        status, _, body = self.get(urljoin(f"{self.url}simple/{project}/", file["url"]) + ".metadata")
        assert status == 200
        return Metadata.from_email(body, validate=True)

    def requires(self, project: str, version: str) -> list[str]:
        return list(map(str, self.metadata(project, version).requires_dist or []))


@contextmanager
def viewing(addresses: str | Mapping[str, str], plan: Plan | None = None) -> Iterator[Seen]:
    with bench(addresses, plan=plan) as tools:
        server = LoopbackServer(tools.loop, tools.session.route)
        try:
            yield Seen(tools, server.url)
        finally:
            server.close()


@contextmanager
def view_of(universe: Mapping[str, tuple[Release, ...]], plan: Plan | None = None) -> Iterator[tuple[Seen, IndexServer]]:
    site = Site()
    publish(site, universe)
    with serving(site) as index, viewing(f"{index.url}/simple", plan) as seen:
        yield seen, index


def test_a_page_shows_each_release_as_one_neutral_wheel() -> None:
    releases = (
        Release(version="1.0", tags=LINUX, requires_python=">=3.9"),
        Release(version="2.0+cu124", tags=LINUX),
        Release(version="1!3.0"),
        Release(version="4.0", tags=WINDOWS),
        Release(version="5.0", requires_python=">=3.12"),
        Release(version="6.0", yanked=True),
    )
    with view_of({"demo-project": releases}) as (seen, _):
        page = seen.page("demo-project")

    assert (page["meta"], page["name"]) == ({"api-version": "1.1"}, "demo-project")
    assert [file["filename"] for file in page["files"]] == [
        "demo_project-1!3.0-py3-none-any.whl",
        "demo_project-2.0+cu124-py3-none-any.whl",
        "demo_project-1.0-py3-none-any.whl",
    ]
    for file in page["files"]:
        assert sorted(file) == ["core-metadata", "filename", "hashes", "url"]
        assert file["core-metadata"] is True
        assert len(file["hashes"]["sha256"]) == 64
        assert file["url"].startswith("../../files/demo-project/")


def test_pre_releases_are_shown_where_the_manifest_names_one_or_nothing_else_is_there() -> None:
    universe = {
        "plain": (Release(version="1.0"), Release(version="2.0rc1"), Release(version="2.0.dev3")),
        "named": (Release(version="1.0"), Release(version="2.0rc1"), Release(version="3.0a1")),
        "alone": (Release(version="1.0a1"), Release(version="1.0b2"), Release(version="1.0", tags=WINDOWS)),
        "tool": (Release(version="1.0"), Release(version="2.0b1")),
    }
    plan = make_plan({"plain": "", "named": ">=2.0rc1"}, tools=("tool>=2.0b1",))
    with view_of(universe, plan) as (seen, _):
        found = {name: seen.versions(name) for name in universe}
        reasons = seen.tools.session.rejections(name_of("plain"))

    assert found == {
        "plain": ["1.0"],
        "named": ["3.0a1", "2.0rc1", "1.0"],
        "alone": ["1.0b2", "1.0a1"],
        "tool": ["2.0b1", "1.0"],
    }
    assert reasons == [
        ("2.0.dev3", "it is a pre-release, and stack.toml names none of this project"),
        ("2.0rc1", "it is a pre-release, and stack.toml names none of this project"),
    ]


def test_a_pre_release_that_is_locked_is_shown_and_no_other_one() -> None:
    releases = (Release(version="1.0"), Release(version="2.0rc1"), Release(version="2.0rc2"))
    with view_of({"demo": releases}, make_plan({"demo": ""}, preferences={"demo": "2.0rc1"})) as (seen, _):
        assert seen.versions("demo") == ["2.0rc1", "1.0"]


def test_another_plan_may_admit_other_pre_releases() -> None:
    releases = (Release(version="1.0"), Release(version="2.0rc1"))
    with view_of({"demo": releases}, make_plan({"demo": ""})) as (seen, _):
        before = seen.versions("demo")
        seen.tools.session.show(make_plan({"demo": "==2.0rc1"}))
        named = seen.versions("demo")
        seen.tools.session.show(make_plan({"demo": ""}, preferences={"demo": "2.0rc1"}))
        preferred = seen.versions("demo")
        seen.tools.session.show(make_plan({"demo": ""}))
        assert (before, named, preferred, seen.versions("demo")) == (["1.0"], ["2.0rc1", "1.0"], ["2.0rc1", "1.0"], ["1.0"])


def test_metadata_is_valid_and_evaluated_for_the_target() -> None:
    release = Release(
        version="1.0",
        extras=("fast", "unused"),
        requires=(
            "Base>=1",
            "linux-only ; sys_platform == 'linux'",
            "windows-only ; sys_platform == 'win32'",
            "speed[c] <2 ; extra == 'fast'",
            "old ; python_version < '3.8' and extra == 'fast'",
        ),
        requires_python=">=3.8",
    )
    with view_of({"demo": (release,)}) as (seen, _):
        metadata = seen.metadata("demo", "1.0")

    assert (metadata.name, metadata.version, metadata.requires_python) == ("demo", Version("1.0"), None)
    assert metadata.provides_extra == ["fast"]
    assert list(map(str, metadata.requires_dist or [])) == ["base>=1", "linux-only", 'speed[c]<2; extra == "fast"']


def test_head_answers_as_get_does_without_a_body() -> None:
    with view_of({"demo": (Release(version="1.0"),)}) as (seen, _):
        assert seen.get("simple/demo/", method="HEAD") == (200, JSON, b"")


def test_only_a_name_that_is_unknown_or_has_no_release_is_not_found() -> None:
    universe = {"windows": (Release(version="1.0", tags=WINDOWS),), "gone": (Release(version="1.0", yanked=True),)}
    with view_of(universe) as (seen, index):
        index.site.answers["/simple/broken/"] = Answer(500)
        index.site.answers["/simple/secret/"] = Answer(401)
        index.site.put("/simple/html/", b"<html>log in</html>", content_type="text/html")
        found = {name: seen.status(f"simple/{name}/") for name in ("unknown", "windows", "gone", "broken", "secret", "html")}

        assert found == {"unknown": 404, "windows": 404, "gone": 404, "broken": 502, "secret": 502, "html": 502}
        assert [finding.code for finding in seen.tools.session.failures] == ["S311", "S313", "S314"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("simple/demo", 404),
        ("simple/", 404),
        ("", 404),
        ("other/demo/", 404),
        ("files/demo/1.0/demo-1.0-py3-none-any.whl", 410),
        ("files/demo", 410),
        ("files/demo/2.0/demo-2.0-py3-none-any.whl.metadata", 404),
        ("files/demo/one/demo-one-py3-none-any.whl.metadata", 404),
        ("files/other/1.0/other-1.0-py3-none-any.whl.metadata", 404),
        ("simple/stackc-rule-none-0/", 404),
        ("simple/stackc-rule-unusable/", 404),
    ],
)
def test_what_the_view_does_not_have_it_refuses(path: str, status: int) -> None:
    with view_of({"demo": (Release(version="1.0"),)}) as (seen, index):
        seen.page("demo")

        assert seen.status(path) == status
        assert {request.path for request in index.requests} <= {"/simple/demo/", "/simple/other/"}


def test_a_name_in_any_spelling_is_one_project() -> None:
    with view_of({"demo-project": (Release(version="1.0"),)}) as (seen, index):
        assert seen.page("Demo_Project") == seen.page("demo.project") == seen.page("demo-project")
        assert [request.path for request in index.requests] == ["/simple/demo-project/"]


def test_each_project_is_asked_of_its_one_index() -> None:
    one, other = Site(), Site()
    for site in (one, other):
        publish(site, {name: (Release(version="1.0"),) for name in ("numpy", "torch", "nvidia-cublas", "own")})
    plan = make_plan({"own": ""}, serves={"cu": ("torch", "nvidia-*")}, own_indexes={"own": "cu"})
    with serving(one) as pypi, serving(other) as cu:
        with viewing({"pypi": f"{pypi.url}/simple", "cu": f"{cu.url}/simple"}, plan) as seen:
            for name in ("numpy", "torch", "nvidia-cublas", "own"):
                seen.page(name)

        assert [request.path for request in pypi.requests] == ["/simple/numpy/"]
        assert [request.path for request in cu.requests] == ["/simple/torch/", "/simple/nvidia-cublas/", "/simple/own/"]


def test_a_pytorch_index_looks_like_any_other() -> None:
    site = Site()
    publish_html(site, {"torch": (Release(version="2.5.1+cu124", tags=LINUX, requires=("numpy",)),)}, root="/whl/cu124")
    with serving(site) as index, viewing(f"{index.url}/whl/cu124") as seen:
        assert (seen.versions("torch"), seen.requires("torch", "2.5.1+cu124")) == (["2.5.1+cu124"], ["numpy"])


@pytest.mark.parametrize(
    ("specifiers", "shown"),
    [("==1.0", ["1.0"]), ("==1.0.0", ["1.0"]), ("===1.0", ["1.0"]), (">=1.0", []), ("==1.*", []), ("==1.0,<2", ["1.0"])],
)
def test_a_yanked_release_is_shown_only_where_the_manifest_pins_it(specifiers: str, shown: list[str]) -> None:
    with view_of({"demo": (Release(version="1.0", yanked=True),)}, make_plan({"demo": specifiers})) as (seen, _):
        assert (seen.versions("demo") if seen.status("simple/demo/") == 200 else []) == shown


def test_a_pin_without_a_local_version_label_shows_the_yanked_release_that_has_one() -> None:
    plan = make_plan({"torch": "==2.5.1"})
    with view_of({"torch": (Release(version="2.5.1+cu124", yanked=True),)}, plan) as (seen, _):
        assert seen.versions("torch") == ["2.5.1+cu124"]


def test_a_rule_becomes_a_requirement_of_the_releases_that_it_covers() -> None:
    universe = {
        "scipy": (Release(version="1.12", requires=("numpy>=1",)), Release(version="1.13", requires=("numpy>=1",))),
        "numpy": (Release(version="1.26"), Release(version="2.0")),
    }
    plan = make_plan({}, matrix=matrix_of(rule_of("scipy-numpy1", {"scipy": "<1.13"}, {"numpy": "<2"})))
    guard = "stackc-rule-scipy-numpy1-0"
    with view_of(universe, plan) as (seen, _):
        assert seen.versions(guard) == ["0", "1"]
        assert seen.requires(guard, "0") == []
        assert seen.requires("scipy", "1.12") == ["numpy>=1", f"{guard}!=0", "numpy<2"]
        assert seen.requires("scipy", "1.13") == ["numpy>=1"]
        assert seen.requires("numpy", "1.26") == []
        assert seen.requires("numpy", "2.0") == [f"{guard}!=1"]


def test_a_release_that_breaks_a_rule_of_the_target_is_not_shown() -> None:
    plan = make_plan({}, matrix=matrix_of(rule_of("torch-cuda", {"torch": ">=2.6"}, {"cuda": ">=12.6"})))
    with view_of({"torch": (Release(version="2.5"), Release(version="2.6"))}, plan) as (seen, _):
        assert seen.versions("torch") == ["2.5"]
        assert seen.tools.session.rejections(name_of("torch")) == [("2.6", "rule `torch-cuda` bars it on this target")]


@pytest.mark.parametrize(
    "metadata",
    [
        "Name: another\nVersion: 1.0\n",
        "Name: demo\nVersion: 1.1\n",
        "Name: demo\nVersion: 1.0\nRequires-Dist: x @ https://example.org/x.whl\n",
        "Name: demo\nVersion: 1.0\nRequires-Dist: x>=1.*\n",
    ],
)
def test_a_release_with_unusable_metadata_is_shown_as_one_that_nothing_can_install(metadata: str) -> None:
    with view_of({"demo": (Release(version="1.0", metadata=metadata),)}) as (seen, _):
        assert seen.requires("demo", "1.0") == ["stackc-rule-unusable==0"]
        assert seen.tools.session.failures == []
        problem = seen.tools.session.projects[name_of("demo")].releases[Version("1.0")].problem
        assert problem is not None
        assert (problem.code, problem.message) == ("S322", "`demo-1.0-py3-none-any.whl` cannot be used")


def test_metadata_that_cannot_be_had_now_is_a_failure_and_not_a_missing_release() -> None:
    with view_of({"demo": (Release(version="1.0"),)}) as (seen, index):
        seen.page("demo")
        index.site.answers["/simple/files/demo-1.0-py3-none-any.whl.metadata"] = Answer(500)

        assert seen.status("files/demo/1.0/demo-1.0-py3-none-any.whl.metadata") == 502
        assert [finding.code for finding in seen.tools.session.failures] == ["S320"]


def test_a_file_whose_address_is_none_is_a_release_that_nothing_can_install() -> None:
    site = Site()
    row = {"filename": "demo-1.0-py3-none-any.whl", "url": "http://[::1/demo.whl", "core-metadata": True}
    site.put("/simple/demo/", json_page("demo", [row]), content_type=JSON)
    with serving(site) as index, viewing(f"{index.url}/simple") as seen:
        assert seen.requires("demo", "1.0") == ["stackc-rule-unusable==0"]


def test_credentials_of_an_index_go_with_its_own_files_alone() -> None:
    elsewhere, site = Site(), Site()
    publish(elsewhere, {"demo": (Release(version="1.0"),)})
    with serving(elsewhere) as other, serving(site) as index:
        publish(site, {"own": (Release(version="1.0"),)})
        row = {"filename": "demo-1.0-py3-none-any.whl", "url": f"{other.url}/simple/files/demo-1.0-py3-none-any.whl"}
        site.put("/simple/demo/", json_page("demo", [row]), content_type=JSON)
        with viewing(f"{index.url}/simple".replace("http://", "http://me:secret@")) as seen:
            seen.requires("demo", "1.0")
            seen.requires("own", "1.0")

        assert {request.headers.get("authorization") for request in index.requests} == {"Basic bWU6c2VjcmV0"}
        assert {request.headers.get("authorization") for request in other.requests} == {None}


def test_the_crawl_fetches_what_the_manifest_needs_before_anybody_asks() -> None:
    universe = {
        "app": (Release(version="1.0", requires=("base<2", "extra-only ; extra == 'x'"), extras=("x",)),),
        "base": (Release(version="1.0", requires=("deep",)), Release(version="2.0")),
        "deep": (Release(version="1.0"),),
        "extra-only": (Release(version="1.0"),),
        "unrelated": (Release(version="1.0"),),
        "old": (Release(version="1.0"),),
    }
    plan = make_plan({"app": ""}, extras={"app": ("x",)}, preferences={"old": "1.0"})
    with view_of(universe, plan) as (seen, index):
        seen.tools.session.start()
        wait_for = {"app", "base", "deep", "extra-only"}
        projects = seen.tools.session.projects.values

        def known() -> set[str]:
            return {project.name for project in projects() for release in project.releases.values() if release.neutral}

        wait_until(seen.tools.loop, lambda: wait_for <= known())
        asked = {request.path.removeprefix("/simple/") for request in index.requests}

    assert asked == {
        *(f"{name}/" for name in (*wait_for, "old")),
        *(f"files/{name.replace('-', '_')}-1.0-py3-none-any.whl.metadata" for name in wait_for),
    }
