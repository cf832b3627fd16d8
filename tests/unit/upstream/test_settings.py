"""What an environment says of the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackc.upstream.settings import NetworkSettings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert NetworkSettings.from_environment({}) == NetworkSettings()


def test_the_variables_that_people_use_are_understood(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("", encoding="utf-8")
    environment = {"HOME": "/home/me", "no_proxy": "example.org", "SSL_CERT_FILE": str(ca)}

    assert NetworkSettings.from_environment(environment, offline=True) == NetworkSettings(
        ca_file=ca, netrc=Path("/home/me/.netrc"), no_proxy="example.org", offline=True
    )


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_may_be_named_as_other_tools_name_them(tmp_path: Path, name: str) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("", encoding="utf-8")

    assert NetworkSettings.from_environment({name: str(ca)}).ca_file == ca
    assert NetworkSettings.from_environment({name: str(tmp_path / "missing")}).ca_file is None
    assert NetworkSettings.from_environment({name: ""}).ca_file is None


def test_a_netrc_may_be_named_and_lower_case_comes_first() -> None:
    environment = {"HOME": "/home/me", "NETRC": "/etc/netrc", "no_proxy": "one", "NO_PROXY": "two"}

    found = NetworkSettings.from_environment(environment)

    assert (found.netrc, found.no_proxy) == (Path("/etc/netrc"), "one")
    assert NetworkSettings.from_environment({"NO_PROXY": "two"}).no_proxy == "two"
