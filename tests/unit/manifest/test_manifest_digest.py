"""The digest covers what a manifest says, and nothing of how it is laid out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stackc.errors import ManifestError
from stackc.manifest.digest import digest

TEXT = '[policy]\nexclude-newer = 2026-11-01T00:00:00Z\n[components]\nnumpy.version = ">=1"\nscipy.version = ">=2"\n'


def test_the_digest_never_changes_for_the_same_content() -> None:
    assert digest('a = "b"\nc = 2026-11-01T00:00:00Z\n') == (
        "sha256:f579bf4048c507e2a982196a54f5408271b4bd8e7baf1955a9c95efabb7626f5"
    )


@pytest.mark.parametrize(
    "same",
    [
        f"# a comment\n\n{TEXT}",
        "\ufeff" + TEXT.replace("\n", "\r\n"),
        TEXT.replace("2026-11-01T00:00:00Z", "2026-11-01T02:00:00+02:00"),
        TEXT.replace('">=1"', "'>=1'"),
        TEXT.replace("[components]\nnumpy.version", "[components.numpy]\nversion").replace("scipy.", "[components.scipy]\n"),
    ],
)
def test_comments_and_layout_do_not_count(same: str) -> None:
    assert digest(same) == digest(TEXT)


@pytest.mark.parametrize(
    "other",
    [
        TEXT.replace(">=1", ">=1.0"),
        TEXT.replace("01T00:00:00Z", "01T00:00:01Z"),
        TEXT.replace("01T00:00:00Z", "01T00:00:00"),
        TEXT.replace("01T00:00:00Z", "01"),
        TEXT.replace('numpy.version = ">=1"\nscipy.version = ">=2"', 'scipy.version = ">=2"\nnumpy.version = ">=1"'),
        TEXT.replace('">=2"', "2"),
        TEXT.replace('">=2"', "2.0"),
        TEXT.replace('">=2"', "10:30:00"),
    ],
)
def test_every_value_and_the_order_count(other: str) -> None:
    assert digest(other) != digest(TEXT)


def test_a_moment_at_the_end_of_the_calendar_has_a_digest_too() -> None:
    assert digest("a = 0001-01-01T00:00:00+23:59") != digest("a = 0001-01-01T00:00:00+23:58")


@pytest.mark.parametrize("text", ["a = ", "a = 0x" + "f" * 5000, "a." * 5000 + "a = 1", "a = " + "[" * 5000])
def test_what_has_no_digest_is_an_error_of_the_manifest(text: str) -> None:
    with pytest.raises(ManifestError) as raised:
        digest(text, file="other.toml")
    assert [(finding.code, finding.places[0].file) for finding in raised.value.findings] == [("S104", "other.toml")]


def test_the_digest_loads_no_more_than_the_parser() -> None:
    script = (
        "import sys, stackc.manifest.digest as module; module.digest('a = 1');"
        "print(sorted(name for name in sys.modules if name.startswith(('packaging', 'stackc', 'dataclasses'))))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(["stackc", "stackc.manifest", "stackc.manifest.digest", "stackc.manifest.syntax"])
