"""Core metadata as a target sees it: fields, markers, extras, and what contradicts itself."""

from __future__ import annotations

import pytest
from packaging.metadata import parse_email
from packaging.version import Version

from stackc.view.metadata import MetadataError, MetadataReader, Need, Neutral, headers_of
from support.workbench import make_target, name_of

HEAD = "Metadata-Version: 2.1\nName: Demo.Project\nVersion: 1.0\n"


def read(*lines: str, head: str = HEAD, project: str = "demo-project", version: str = "1.0") -> Neutral:
    text = head + "".join(f"{line}\n" for line in lines)
    reader = MetadataReader(make_target().marker_environment())
    return reader.read(text, project=name_of(project), version=Version(version))


def needs(*lines: str) -> list[tuple[str, str | None]]:
    return [(need.requirement, need.extra) for need in read(*lines).needs]


def refused(*lines: str, head: str = HEAD) -> str:
    with pytest.raises(MetadataError) as caught:
        read(*lines, head=head)
    return caught.value.reason


CORPUS = {
    "plain": HEAD + "Requires-Dist: a>=1\nRequires-Dist: b ; extra == 'x'\nProvides-Extra: x\nRequires-Python: >=3.8\n",
    "with a description": HEAD + "Requires-Dist: a\n\nRequires-Dist: b\nA description: with a colon\n",
    "no description and no last newline": HEAD + "Requires-Dist: a",
    "windows line endings": (HEAD + "Requires-Dist: a\nRequires-Dist: b\n\nRequires-Dist: c\n").replace("\n", "\r\n"),
    "old mac line endings": (HEAD + "Requires-Dist: a\nRequires-Dist: b\n\nRequires-Dist: c\n").replace("\n", "\r"),
    "a folded requirement": HEAD + "Requires-Dist: a (>=1,\n        <2)\n  ; python_version >= '3.8'\nRequires-Dist: b\n",
    "a folded license of many lines": HEAD + "License: MIT\n        \n        Requires-Dist: no\nRequires-Dist: a\n",
    "field names in odd letters": HEAD + "requires-dist: a\nREQUIRES-DIST: b\nRequires-python: >=3\n",
    "spaces around values": HEAD + "Requires-Dist:   a  \nRequires-Dist:b\nRequires-Python:\t>=3.8 \n",
    "unicode": HEAD + "Author: Zoë Ångström — 李\nSummary: ünï\u2028code\x85line\nRequires-Dist: a\n",
    "control characters that no line ends at": HEAD + "Summary: form\x0cfeed, tab\x0b, unit\x1fseparator\nRequires-Dist: a\n",
    "colons in values": HEAD + "Project-URL: home, https://example.org/x:y\nRequires-Dist: a>=1; os_name == 'posix'\n",
    "a description that looks like fields": HEAD + "Requires-Dist: a\n\n\nName: other\nVersion: 9\nRequires-Dist: z\n",
}  # fmt: skip


@pytest.mark.parametrize("text", CORPUS.values(), ids=list(CORPUS))
def test_fields_are_those_that_packaging_reads(text: str) -> None:
    found: dict[str, list[str]] = {}
    for field, value in headers_of(text):
        found.setdefault(field, []).append(" ".join(value.split()))
    raw, _ = parse_email(text.encode())

    def flat(values: list[str]) -> list[str]:
        return [" ".join(value.split()) for value in values]

    assert found["name"] == flat([raw["name"]])
    assert found["version"] == flat([raw["version"]])
    assert found.get("requires-dist", []) == flat(raw.get("requires_dist", []))
    assert found.get("provides-extra", []) == flat(raw.get("provides_extra", []))
    assert found.get("requires-python", []) == flat([raw["requires_python"]] if "requires_python" in raw else [])


def test_a_release_is_read_whole() -> None:
    found = read(
        "Requires-Python: >=3.8",
        "Provides-Extra: GPU_Fast",
        "Requires-Dist: NumPy (>=1.2)",
        "Requires-Dist: triton ; extra == 'gpu-fast'",
    )

    assert found == Neutral(
        needs=(Need(name_of("numpy"), ">=1.2"), Need(name_of("triton"), "", extra=name_of("gpu-fast"))),
        extras=frozenset({name_of("gpu-fast")}),
        requires_python=">=3.8",
    )


@pytest.mark.parametrize(
    ("marker", "stands"),
    [
        ("sys_platform == 'linux'", True),
        ("sys_platform == 'win32'", False),
        ("platform_machine == 'x86_64' and platform_system == 'Linux'", True),
        ("platform_machine == 'aarch64' or os_name == 'nt'", False),
        ("python_version < '3.10'", False),
        ("python_version >= '3.9'", True),
        ("python_full_version >= '3.10.0'", True),
        ("implementation_name == 'pypy'", False),
        ("platform_python_implementation != 'PyPy'", True),
        ("python_version in '3.9 3.10'", True),
        ("platform_release >= '4'", False),
        ("extra != 'x'", True),
    ],
)
def test_a_marker_is_evaluated_for_the_target(marker: str, stands: bool) -> None:
    assert needs(f"Requires-Dist: a ; {marker}") == ([("a", None)] if stands else [])


@pytest.mark.parametrize(
    ("marker", "activated"),
    [
        ("extra == 'x'", ["x"]),
        ("extra == 'x' or extra == 'y'", ["x", "y"]),
        ("extra == 'x' and extra == 'y'", []),
        ("extra == 'X_Y'", ["x-y"]),
        ("'x' == extra", ["x"]),
        ("extra == 'x' and sys_platform == 'linux'", ["x"]),
        ("extra == 'x' and sys_platform == 'win32'", []),
        ("(extra == 'x' and python_version < '3') or extra == 'y'", ["y"]),
        ("sys_platform == 'win32' and extra != 'x'", []),
        ("extra == 'undeclared'", []),
    ],
)
def test_a_marker_over_extras_gives_one_requirement_for_each_that_activates_it(marker: str, activated: list[str]) -> None:
    found = needs("Provides-Extra: x", "Provides-Extra: y", "Provides-Extra: x-y", f"Requires-Dist: a[c,B] >=2,<3 ; {marker}")

    assert found == [("a[b,c]<3,>=2", extra) for extra in activated]


def test_a_requirement_of_the_platform_or_of_an_extra_stands_without_the_extra() -> None:
    assert needs("Provides-Extra: x", "Requires-Dist: a ; sys_platform == 'linux' or extra == 'x'") == [("a", None)]


def test_active_requirements_are_those_without_an_extra_and_those_of_the_extras_asked_for() -> None:
    found = read(
        "Provides-Extra: x",
        "Provides-Extra: y",
        "Requires-Dist: a",
        "Requires-Dist: b ; extra == 'x'",
        "Requires-Dist: c ; extra == 'y'",
    )

    assert [need.name for need in found.active(())] == ["a"]
    assert [need.name for need in found.active([name_of("y")])] == ["a", "c"]
    assert [need.name for need in found.active(map(name_of, ("x", "y", "unknown")))] == ["a", "b", "c"]


def test_a_requirement_that_is_listed_twice_counts_once() -> None:
    assert needs("Requires-Dist: a>=1,<2", "Requires-Dist: A <2, >=1", "Requires-Dist: a (<2,>=1)") == [("a<2,>=1", None)]


@pytest.mark.parametrize(
    "spelled",
    ["a (>=1)", "a(>=1)", "a>=1", "a >= 1", "a (>= 1)", "A>=1", "a >=1 ; python_version>'2.6'", "a\n (>=1)"],
)
def test_requirements_are_read_in_the_spellings_of_old(spelled: str) -> None:
    assert needs(f"Requires-Dist: {spelled}") == [("a>=1", None)]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("Metadata-Version: 2.1\nName: demo-project\n", "its metadata has no Name or no Version"),
        ("Metadata-Version: 2.1\nVersion: 1.0\n", "its metadata has no Name or no Version"),
        ("", "its metadata has no Name or no Version"),
        ("Name: another\nVersion: 1.0\n", "its metadata says that it is `another`"),
        ("Name: demo_project\nVersion: 1.1\n", "its metadata says that it is version `1.1`"),
        ("Name: demo_project\nVersion: 1.0+cpu\n", "its metadata says that it is version `1.0+cpu`"),
        ("Name: demo_project\nVersion: one\n", "its metadata says that it is version `one`"),
    ],
)
def test_metadata_of_another_file_is_refused(head: str, reason: str) -> None:
    assert refused(head=head) == reason


def test_another_spelling_of_the_version_is_the_same_version() -> None:
    head = "Name: DEMO__project\nVersion: v1.0.0\n"

    assert read(head=head) == Neutral((), frozenset(), None)


def test_a_direct_reference_is_refused_where_it_stands_for_the_target() -> None:
    url = "https://example.org/a-1.0-py3-none-any.whl"

    assert refused(f"Requires-Dist: a @ {url}") == "it requires `a` by an address, which no index may answer with"
    assert needs(f"Requires-Dist: a @ {url} ; sys_platform == 'win32'") == []


@pytest.mark.parametrize("requirement", ["a>=1.*", "a==one", "[x]", "", "a>=1 b", "@", "a @ b ; c"])
def test_a_requirement_that_cannot_be_read_is_refused(requirement: str) -> None:
    assert refused(f"Requires-Dist: {requirement}").startswith(f"its requirement `{requirement}` cannot be read: ")


@pytest.mark.parametrize("marker", ["nonsense == 'x'", "", "sys_platform", "extra = 'x'", "extra == x"])
def test_a_marker_that_cannot_be_read_is_refused(marker: str) -> None:
    assert refused("Provides-Extra: x", f"Requires-Dist: a ;{marker}") == f"its marker `{marker}` cannot be read"


@pytest.mark.parametrize(
    "marker",
    ["platform_machine ~= 'x86'", "python_version ~= '3'", "'x' in extras", "'x' in dependency_groups", "extra ~= 'x'"],
)
def test_a_marker_that_has_no_meaning_is_refused(marker: str) -> None:
    assert refused(f"Requires-Dist: a ; {marker}") == f"its marker `{marker}` has no meaning"
