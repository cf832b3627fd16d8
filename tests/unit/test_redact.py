from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackc.redact import redact_text, redact_url


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://user:secret@index.example.org/simple/", "https://***@index.example.org/simple/"),
        ("https://token@index.example.org/simple/", "https://***@index.example.org/simple/"),
        ("https://user:se@cret@index.example.org/x", "https://***@index.example.org/x"),
        ("https://user:se/cr?e#t@index.example.org/x", "https://***@index.example.org/x"),
        ("git+ssh://git@example.org/r@v1", "git+ssh://***@example.org/r@v1"),
        ("https://index.example.org:8080/x@v1", "https://index.example.org:8080/x@v1"),
        ("https://[::1]:8080/x@v1", "https://[::1]:8080/x@v1"),
        ("https://index.example.org?to=a@b", "https://index.example.org?to=a@b"),
        ("https://index.example.org/simple/", "https://index.example.org/simple/"),
        ("https://***@index.example.org/simple/", "https://***@index.example.org/simple/"),
    ],
)
def test_a_url_loses_its_user_information_and_nothing_else(url: str, redacted: str) -> None:
    assert redact_url(url) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("cannot reach (https://u:p@a.invalid/x), retrying", "cannot reach (https://***@a.invalid/x), retrying"),
        (
            "torch @ https://u:p@a.invalid/x and 'https://b.invalid:80/y@z'",
            "torch @ https://***@a.invalid/x and 'https://b.invalid:80/y@z'",
        ),
        ("proxy=user:secret@proxy.invalid:3128", "proxy=***@proxy.invalid:3128"),
        ("login user:secret@[::1]", "login ***@[::1]"),
        ("nvidia/cuda:12.4.1@sha256:00ff", "nvidia/cuda:12.4.1@sha256:00ff"),
        ("requirements.txt:3:torch@https://a.invalid/x", "requirements.txt:3:torch@https://a.invalid/x"),
        ("write to someone@example.org", "write to someone@example.org"),
        ("stack.toml:3: torch @ home", "stack.toml:3: torch @ home"),
        ("nothing here", "nothing here"),
    ],
)
def test_a_text_loses_the_user_information_of_every_address(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


def passwords(*, without: str) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=without), max_size=40).map("x".__add__)


@given(passwords(without="@") | passwords(without="/?#"))
def test_no_password_survives(password: str) -> None:
    text = redact_text(f"GET https://user:{password}@index.invalid/simple/ failed")
    assert text == "GET https://***@index.invalid/simple/ failed"


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact_text(redact_text(text)) == redact_text(text)
