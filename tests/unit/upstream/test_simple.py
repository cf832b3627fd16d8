"""Pages of the Simple API, in JSON and in HTML, as rows of files."""

from __future__ import annotations

import json

import pytest

from stackc.upstream.simple import FileRow, Hashes, PageError, ProjectStatus, decode_page, decode_status

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
PAGE = "http://127.0.0.1/whl/cu124/torch/"
DIGEST = "0123456789abcdef" * 4


def from_json(*files: object, content_type: str = JSON) -> list[FileRow]:
    body = json.dumps({"meta": {"api-version": "1.1"}, "name": "torch", "files": files}).encode()
    return decode_page(body, content_type=content_type, url=PAGE)


def from_html(body: str, *, content_type: str = HTML, url: str = PAGE) -> list[FileRow]:
    return decode_page(body.encode(), content_type=content_type, url=url)


def refused(body: bytes, content_type: str) -> str:
    with pytest.raises(PageError) as caught:
        decode_page(body, content_type=content_type, url=PAGE)
    return caught.value.reason


def test_a_file_of_a_json_page_is_read_whole() -> None:
    rows = from_json(
        {
            "filename": "torch-2.5.1-cp310-cp310-linux_x86_64.whl",
            "url": "../files/torch.whl",
            "hashes": {"sha256": DIGEST, "md5": "x"},
            "requires-python": ">=3.8",
            "size": 908,
            "upload-time": "2024-10-29T17:00:00.123456Z",
            "yanked": "broken",
            "core-metadata": {"sha256": DIGEST},
            "gpg-sig": False,
            "provenance": None,
        }
    )

    assert rows == [
        FileRow(
            filename="torch-2.5.1-cp310-cp310-linux_x86_64.whl",
            url="../files/torch.whl",
            hashes=Hashes(sha256=DIGEST),
            requires_python=">=3.8",
            size=908,
            upload_time="2024-10-29T17:00:00.123456Z",
            yanked="broken",
            core_metadata=Hashes(sha256=DIGEST),
        )
    ]


def test_what_a_json_page_leaves_out_is_none() -> None:
    least = {"filename": "a-1-py3-none-any.whl", "url": "a.whl"}
    nothing: dict[str, object] = {"requires-python": None, "size": None, "upload-time": None, "hashes": {}, "yanked": False}

    assert from_json(least) == from_json({**least, **nothing}) == [FileRow(filename="a-1-py3-none-any.whl", url="a.whl")]


def test_a_json_page_may_call_itself_plain_json() -> None:
    assert from_json(content_type="application/json; charset=utf-8") == []


def test_files_keep_the_order_of_the_page() -> None:
    named = [{"filename": f"a-{number}.zip", "url": "x"} for number in (3, 1, 2)]

    assert [row.filename for row in from_json(*named)] == ["a-3.zip", "a-1.zip", "a-2.zip"]


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"{", JSON, "its JSON is broken: "),
        (b'{"files": [', JSON, "its JSON is broken: "),
        (b"", JSON, "its JSON is broken: "),
        (b'{"files": {}}', JSON, "its JSON is not of the Simple API's shape: "),
        (b'{"name": "torch"}', JSON, "its JSON is not of the Simple API's shape: "),
        (b'{"files": [{"filename": "a"}]}', JSON, "its JSON is not of the Simple API's shape: "),
        (b'{"files": [{"filename": "a", "url": 1}]}', JSON, "its JSON is not of the Simple API's shape: "),
        (b"[]", "application/json", "its media type is application/json, which no Simple API page has"),
        (b"hello", "text/plain", "its media type is text/plain, which no Simple API page has"),
        (b"hello", "", "its media type is not given, which no Simple API page has"),
        (b"<html>\xff</html>", HTML, "its HTML is not UTF-8"),
        (b"<html><body>Log in</body></html>", HTML, "it is HTML without a single link to a distribution file, "),
    ],
)
def test_what_is_no_page_is_refused_with_the_reason(body: bytes, content_type: str, reason: str) -> None:
    assert refused(body, content_type).startswith(reason)


def test_html_links_are_read_as_the_pytorch_index_spells_them() -> None:
    rows = from_html(
        "<!DOCTYPE html><html><body><h1>Links for torch</h1>\n"
        f'<a href="/whl/cu124/torch-2.5.1%2Bcu124-cp310-cp310-linux_x86_64.whl#sha256={DIGEST.upper()}"'
        f' data-dist-info-metadata="sha256={DIGEST}" data-core-metadata="sha256={DIGEST}">torch</a><br/>\n'
        "</body></html>"
    )

    assert rows == [
        FileRow(
            filename="torch-2.5.1+cu124-cp310-cp310-linux_x86_64.whl",
            url="http://127.0.0.1/whl/cu124/torch-2.5.1%2Bcu124-cp310-cp310-linux_x86_64.whl",
            hashes=Hashes(sha256=DIGEST),
            core_metadata=Hashes(sha256=DIGEST),
        )
    ]


def test_html_attributes_tell_the_python_and_whether_a_file_was_yanked() -> None:
    rows = from_html(
        '<a href="a-1.zip" data-requires-python="&gt;=3.8,&lt;4">a</a>'
        '<a href="a-2.zip" data-yanked="broken &amp; gone">a</a>'
        '<a href="a-3.zip" data-yanked>a</a>'
        '<a href="a-4.zip" data-yanked="">a</a>'
        '<a href="a-5.zip" data-requires-python="">a</a>'
    )

    assert [(row.requires_python, row.yanked) for row in rows] == [
        (">=3.8,<4", False),
        (None, "broken & gone"),
        (None, True),
        (None, True),
        (None, False),
    ]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", False),
        ('data-core-metadata="true"', True),
        ('data-core-metadata="false"', False),
        (f'data-core-metadata="sha256={DIGEST}"', Hashes(sha256=DIGEST)),
        ('data-core-metadata="md5=0"', True),
        ('data-core-metadata="sha256="', True),
        ('data-dist-info-metadata="true"', True),
        ('data-core-metadata="false" data-dist-info-metadata="true"', False),
    ],
)
def test_html_attributes_tell_of_metadata_beside_the_file(attributes: str, expected: bool | Hashes) -> None:
    (row,) = from_html(f'<a href="a-1.zip" {attributes}>a</a>')

    assert row.core_metadata == expected


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("a-1.zip", "http://127.0.0.1/whl/cu124/torch/a-1.zip"),
        ("../a-1.zip", "http://127.0.0.1/whl/cu124/a-1.zip"),
        ("/a-1.zip", "http://127.0.0.1/a-1.zip"),
        ("//example.org/a-1.zip", "http://example.org/a-1.zip"),
        ("https://example.org/x/a-1.zip#md5=00", "https://example.org/x/a-1.zip"),
        ("a-1.zip?token=1", "http://127.0.0.1/whl/cu124/torch/a-1.zip?token=1"),
    ],
)
def test_html_links_are_relative_to_the_page(href: str, url: str) -> None:
    assert from_html(f'<a href="{href}">a</a>') == [FileRow(filename="a-1.zip", url=url)]


def test_a_base_element_moves_what_links_are_relative_to() -> None:
    rows = from_html('<head><base href="../files/"></head><a href="a-1.zip">a</a>')

    assert rows == [FileRow(filename="a-1.zip", url="http://127.0.0.1/whl/cu124/files/a-1.zip")]


def test_links_that_are_no_distribution_files_are_passed_over() -> None:
    rows = from_html('<a href="../">up</a><a name="x">y</a><a href="a-1.exe">a</a><a href="a-1.zip">a</a><a href="">e</a>')

    assert rows == [FileRow(filename="a-1.zip", url="http://127.0.0.1/whl/cu124/torch/a-1.zip")]


def test_an_html_page_without_links_is_empty_if_it_names_the_api() -> None:
    page = '<html><head><meta name="pypi:repository-version" content="1.0"></head><body></body></html>'

    assert from_html(page) == []
    assert from_html(page, content_type="application/vnd.pypi.simple.v1+html") == []


def test_a_broken_address_in_a_page_is_no_traceback() -> None:
    assert from_html('<base href="http://[::1/"><a href="http://[::1/a-1.zip">a</a><a href="a-2.zip">a</a>') == [
        FileRow(filename="a-2.zip", url="http://127.0.0.1/whl/cu124/torch/a-2.zip")
    ]


def test_an_html_page_of_old_files_alone_is_an_empty_page() -> None:
    assert from_html('<a href="a-1.exe#md5=0">a</a>') == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, ProjectStatus()),
        ({"project-status": {"status": "archived"}}, ProjectStatus("archived")),
        ({"project-status": {"status": "quarantined", "reason": "malware"}}, ProjectStatus("quarantined", "malware")),
        ({"project-status": {}}, ProjectStatus()),
        ({"project-status": "archived"}, ProjectStatus()),
        ({"project-status": {"status": 1}}, ProjectStatus()),
    ],
)
def test_a_json_page_says_which_state_its_project_is_in(body: dict[str, object], status: ProjectStatus) -> None:
    assert decode_status(json.dumps({"files": [], **body}).encode(), content_type=JSON, url=PAGE) == status


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("", ProjectStatus()),
        ('<meta name="pypi:project-status" content="archived">', ProjectStatus("archived")),
        (
            (
                '<meta name="pypi:project-status-reason" content="use &quot;b&quot;">'
                '<meta name="pypi:project-status" content="deprecated">'
            ),
            ProjectStatus("deprecated", 'use "b"'),
        ),
        ('<meta name="pypi:project-status">', ProjectStatus("")),
    ],
)
def test_an_html_page_says_which_state_its_project_is_in(head: str, status: ProjectStatus) -> None:
    page = f"<html><head>{head}</head><body></body></html>".encode()

    assert decode_status(page, content_type=f"{HTML}; charset=utf-8", url=PAGE) == status


def test_an_html_page_of_a_project_in_quarantine_is_a_page_without_files() -> None:
    assert from_html('<meta name="pypi:project-status" content="quarantined">') == []
