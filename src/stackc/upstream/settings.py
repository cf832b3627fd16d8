"""What the outside world looks like to the upstream clients: passed in by the shell, never read here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

__all__ = ["NetworkSettings"]

_CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class NetworkSettings(Struct, frozen=True, kw_only=True):
    """How to reach an index: certificates, netrc, proxies excepted hosts, patience.

    Times are in seconds. `offline` forbids every transfer. Proxies themselves are libcurl's business, which reads the usual
    variables; loopback addresses never go through one.
    """

    ca_file: Path | None = None
    netrc: Path | None = None
    no_proxy: str = ""
    offline: bool = False
    connections: int = 32
    connect_timeout: float = 10.0
    stall_timeout: int = 20
    attempts: int = 4
    first_delay: float = 0.25

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, offline: bool = False) -> NetworkSettings:
        """Return the settings that an environment's own variables ask for."""
        named = (environment[name] for name in _CA_VARIABLES if environment.get(name))
        netrc = environment.get("NETRC")
        home = environment.get("HOME")
        return cls(
            ca_file=next((Path(name) for name in named if Path(name).is_file()), None),
            netrc=Path(netrc) if netrc else Path(home, ".netrc") if home else None,
            no_proxy=environment.get("no_proxy") or environment.get("NO_PROXY") or "",
            offline=offline,
        )
