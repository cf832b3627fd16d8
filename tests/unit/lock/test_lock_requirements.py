from __future__ import annotations

import pytest
from packaging.tags import Tag
from packaging.version import Version

from stackc.lock.filename import FileName, parse_filename
from stackc.lock.model import Root, Route
from stackc.lock.requirements import Need, admits, parse_need, parse_specifiers
from stackc.lock.routing import index_of, own_indexes
from unit.lock.lock_samples import name


def test_a_requirement_is_taken_apart() -> None:
    assert parse_need("uvicorn[http2,standard]<1,>=0.30") == Need(
        text="uvicorn[http2,standard]<1,>=0.30",
        project=name("uvicorn"),
        extras=frozenset({name("http2"), name("standard")}),
        specifiers="<1,>=0.30",
        normal=True,
    )


@pytest.mark.parametrize(
    ("text", "specifiers"),
    [
        ("Foo_Bar>=1", ">=1"),
        ("foo-bar >= 1, < 2", ">=1,<2"),
        ("foo-bar (>=1)", ">=1"),
        ("foo-bar[X]", ""),
        ("foo-bar>=1,<2", ">=1,<2"),
    ],
)
def test_a_requirement_out_of_normal_form_keeps_its_specifiers_spelling(text: str, specifiers: str) -> None:
    need = parse_need(text)
    assert need is not None
    assert (need.project, need.specifiers) == ("foo-bar", specifiers)
    assert need.normal == (text == "foo-bar[X]")


@pytest.mark.parametrize(
    "text", ["", "foo bar", "foo>=", "foo @ file:///foo.whl", "foo; os_name == 'posix'", "foo\n", "foo >=\t1"]
)
def test_what_is_no_requirement_of_a_lock_is_none(text: str) -> None:
    assert parse_need(text) is None


@pytest.mark.parametrize(
    ("specifiers", "version", "expected"),
    [
        ("==2.5.1", "2.5.1+cu124", True),
        ("==2.5.1+cu121", "2.5.1+cu124", False),
        (">=7.0", "8.2.0rc1", True),
        ("<2", "2.0", False),
        ("", "1.0.dev1", True),
        ("nonsense", "1.0", False),
    ],
)
def test_a_pin_is_admitted_by_order_with_pre_releases_and_labels(specifiers: str, version: str, *, expected: bool) -> None:
    assert admits(specifiers, Version(version)) is expected


def test_what_is_no_specifier_is_none() -> None:
    assert parse_specifiers(">=3.6.x") is None


def test_a_wheel_s_name_says_its_release_and_tags() -> None:
    assert parse_filename("torch-2.5.1+cu124-cp310-cp310-linux_x86_64.whl") == FileName(
        name("torch"), Version("2.5.1+cu124"), frozenset({Tag("cp310", "cp310", "linux_x86_64")})
    )


def test_an_sdist_s_name_says_its_release() -> None:
    assert parse_filename("Foo_Bar-1.0.tar.gz") == FileName(name("foo-bar"), Version("1.0"), None)


@pytest.mark.parametrize("filename", ["", "foo-1.0.tar.gz\n", "a/foo-1.0.tar.gz", "foo-1.0.egg", "foo.whl", "$(x)-1.0.tar.gz"])
def test_what_is_no_distribution_file_has_no_name(filename: str) -> None:
    assert parse_filename(filename) is None


ROUTES = (
    Route(index="a", serves=("nvidia-*", "Torch")),
    Route(index="b", serves=("nvidia-nccl", "t*")),
    Route(index="pypi", default=True),
)


@pytest.mark.parametrize(
    ("project", "index"),
    [("torch", "a"), ("nvidia-nccl", "b"), ("nvidia-cublas", "a"), ("triton", "b"), ("numpy", "pypi"), ("scipy", "a")],
)
def test_a_project_has_one_index(project: str, index: str) -> None:
    own = own_indexes([Root(requirement="SciPy>=1", index="a"), Root(requirement="numpy")])
    assert index_of(name(project), own=own, routes=ROUTES) == index


def test_without_a_default_an_unrouted_project_has_no_index() -> None:
    assert index_of(name("numpy"), own={}, routes=ROUTES[:2]) is None
