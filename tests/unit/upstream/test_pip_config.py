"""The address of the built-in index, as the installed pip gives it."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from stackc.errors import UpstreamError
from stackc.upstream.cache import Cache
from stackc.upstream.pip_config import default_index_url


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose pip is configured by one file alone."""
    (tmp_path / "home").mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_HOME": str(tmp_path / "home"),
        "XDG_CONFIG_DIRS": str(tmp_path / "home"),
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
    }


def asked(environment: dict[str, str], cache: Path | None = None) -> str:
    with closing(Cache(cache)) as opened:
        return default_index_url(opened, environment)


def test_pip_s_own_default_is_the_default(home: dict[str, str]) -> None:
    own = asked(home)

    assert "://" in own
    assert own.rstrip("/").endswith("/simple")


@pytest.mark.parametrize("section", ["global", "install"])
def test_a_configuration_file_says_another(home: dict[str, str], section: str) -> None:
    lines = f"[{section}]\nindex-url = https://example.org/simple\nextra-index-url = https://example.org/evil\n"
    Path(home["PIP_CONFIG_FILE"]).write_text(lines, encoding="utf-8")

    assert asked(home) == "https://example.org/simple"


def test_the_environment_wins_over_files_and_install_over_global(home: dict[str, str]) -> None:
    lines = "[global]\nindex-url = https://example.org/global\n[install]\nindex-url = https://example.org/install\n"
    Path(home["PIP_CONFIG_FILE"]).write_text(lines, encoding="utf-8")

    assert asked(home) == "https://example.org/install"
    assert asked({**home, "PIP_INDEX_URL": "https://example.org/environment"}) == "https://example.org/environment"


def test_further_indexes_are_never_taken(home: dict[str, str]) -> None:
    own = asked(home)

    assert asked({**home, "PIP_EXTRA_INDEX_URL": "https://example.org/evil", "PIP_FIND_LINKS": "/evil"}) == own


def test_the_answer_is_kept_until_the_configuration_changes(
    home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, configured = tmp_path / "cache", Path(home["PIP_CONFIG_FILE"])
    configured.write_text("[global]\nindex-url = https://example.org/one\n", encoding="utf-8")
    assert asked(home, cache) == "https://example.org/one"

    with monkeypatch.context() as patched:
        patched.setattr("subprocess.run", _refuse)
        assert asked(home, cache) == "https://example.org/one"
    configured.write_text("[global]\nindex-url = https://example.org/two\n", encoding="utf-8")
    os.utime(configured, ns=(1, 1))
    assert asked(home, cache) == "https://example.org/two"
    assert asked({**home, "PIP_INDEX_URL": "https://example.org/three"}, cache) == "https://example.org/three"


def _refuse(*_: object, **__: object) -> None:
    pytest.fail("pip was asked again")


def test_credentials_are_given_and_not_kept(home: dict[str, str], tmp_path: Path) -> None:
    address = "https://me:s3cr3t@example.org/simple"
    environment = {**home, "PIP_INDEX_URL": address}

    assert asked(environment, tmp_path / "cache") == asked(environment, tmp_path / "cache") == address
    assert not any(b"s3cr3t" in file.read_bytes() for file in tmp_path.glob("cache*"))


def test_a_pip_that_cannot_be_asked_is_told_as_such(home: dict[str, str], tmp_path: Path) -> None:
    Path(home["PIP_CONFIG_FILE"]).write_text("no configuration\n", encoding="utf-8")
    with pytest.raises(UpstreamError) as caught:
        asked(home)

    (found,) = caught.value.findings
    assert (found.code, found.message) == ("S315", "the installed pip could not be asked for the address of index `pypi`")
    assert found.hint == "install pip into the environment that stackc runs in, or set `[indexes.pypi] url`"
    assert len(found.notes) == 1
