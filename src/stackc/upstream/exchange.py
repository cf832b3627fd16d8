"""One exchange: a request as libcurl is told of it, and what came back, whether in a loop or in a thread beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field

from stackc.redact import redact_url
from stackc.upstream.settings import NetworkSettings

if TYPE_CHECKING:
    import pycurl

__all__ = [
    "LARGEST_BODY",
    "RETRIED_STATUS",
    "Exchange",
    "Part",
    "Response",
    "apply_settings",
    "ca_file_of",
    "split_credentials",
]

LARGEST_BODY = 256 * 1024 * 1024
"""No answer may be longer than this, in bytes: an index page of a large project is 2 MB."""

RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What a server says that may say otherwise the next time."""

_LOOPBACK = "localhost,127.0.0.1,::1"

Part = tuple[bytes, int]
"""Bytes of a file, and the length of the whole."""


class Response(Struct, frozen=True, kw_only=True):
    """What came back: a status with headers (names in lower case) and the body as sent, or why nothing usable came.

    `url` is the address that answered, after redirects and without credentials. `body` is still encoded as `content-encoding`
    says. `failure` is None where an answer arrived whole. `unreachable` says that no connection came about: no such host,
    refused, or no answer.
    """

    url: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str | None = None
    unreachable: bool = False


class Exchange(Struct, kw_only=True):
    """One GET request, and its answer as far as it came, `largest` bytes at the most.

    `span` is the part that is wanted, from one byte to before another; a negative start counts from the end, and goes up to it.
    """

    url: str
    headers: tuple[str, ...] = ()
    largest: int
    span: tuple[int, int] | None = None
    answered: str = ""
    chunks: list[bytes] = field(default_factory=list)
    length: int = 0
    status: str = ""
    received: dict[str, str] = field(default_factory=dict)

    def describe(self, easy: pycurl.Curl) -> None:
        """Tell libcurl of this request; what is the same for all of a run is told by `apply_settings`."""
        import pycurl as curl

        easy.setopt(curl.URL, self.url.encode())
        easy.setopt(curl.HTTPHEADER, list(self.headers))
        if self.span is not None:
            start, end = self.span
            easy.setopt(curl.RANGE, f"{start}-{end - 1}" if start >= 0 else str(start))
        easy.setopt(curl.WRITEFUNCTION, self._receive)
        easy.setopt(curl.HEADERFUNCTION, self._receive_header)

    def forget(self) -> None:
        """Begin anew, as if nothing had come."""
        self.chunks, self.length, self.received = [], 0, {}

    @property
    def body(self) -> bytes:
        """Return what came."""
        return b"".join(self.chunks)

    def explain(self, error: tuple[int, str], status: int, *, attempt: int = 1) -> str:
        """Return libcurl's own words, without addresses or credentials, and how far the answer had come."""
        url = self.answered or self.url
        host = urlsplit(url).hostname or redact_url(url)
        if self.length > self.largest:
            return f"the answer is longer than {self.largest // 2**20} MiB"
        detail = f"{error[1] or 'transfer failed'} (libcurl {error[0]})"
        got = f", after {self.length} bytes of a {status} answer" if status else ""
        tried = f", {attempt} times" if attempt > 1 else ""
        return f"{host}: {detail}{got}{tried}"

    def part(self, status: int, failure: str | None) -> Part | OSError:
        """Return the span that was wanted, or why it did not come."""
        if failure is not None and status in {0, 206}:
            return OSError(failure)
        got, _, total = self.received.get("content-range", "").partition("/")
        if status != 206 or not total.isdigit():
            return OSError(f"{redact_url(self.url)}: answered {status} to a range request")
        start, end = self.span or (0, 0)
        if start < 0:
            start, end = max(0, int(total) + start), int(total)
        if got.split() != ["bytes", f"{start}-{end - 1}"] or self.length != end - start:
            return OSError(f"{redact_url(self.url)}: answered with another range than the one asked for")
        return self.body, int(total)

    def _receive(self, chunk: bytes) -> int:
        """Keep what comes. Where none is taken, libcurl ends the transfer with a write error."""
        if self.span is not None and self.status != "206":
            return 0 if self.status.startswith("2") else len(chunk)  # who knows no ranges would send a whole wheel
        self.length += len(chunk)
        if self.length > self.largest:
            return 0
        self.chunks.append(chunk)
        return len(chunk)

    def _receive_header(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self.received[name.strip().lower()] = value.strip()
        elif name.startswith("HTTP/"):
            self.status = name.split(" ")[1]
            self.received.clear()
            self.chunks.clear()  # the body of a redirect is nobody's


def apply_settings(easy: pycurl.Curl, settings: NetworkSettings, *, credentials: str | None, ca_file: Path | None) -> None:
    """Set all that is the same for every request of a run."""
    import pycurl as curl

    easy.setopt(curl.USERAGENT, "stackc")
    easy.setopt(curl.PROTOCOLS, curl.PROTO_HTTP | curl.PROTO_HTTPS)
    easy.setopt(curl.REDIR_PROTOCOLS, curl.PROTO_HTTP | curl.PROTO_HTTPS)
    easy.setopt(curl.FOLLOWLOCATION, 1)
    easy.setopt(curl.MAXREDIRS, 5)
    easy.setopt(curl.NOSIGNAL, 1)
    easy.setopt(curl.PIPEWAIT, 1)
    easy.setopt(curl.HTTP_VERSION, curl.CURL_HTTP_VERSION_2TLS)
    easy.setopt(curl.CONNECTTIMEOUT_MS, int(settings.connect_timeout * 1000))
    easy.setopt(curl.LOW_SPEED_LIMIT, 1)
    easy.setopt(curl.LOW_SPEED_TIME, settings.stall_timeout)
    easy.setopt(curl.NOPROXY, ",".join(filter(None, (settings.no_proxy, _LOOPBACK))))
    if ca_file is not None:
        easy.setopt(curl.CAINFO, str(ca_file))
    if credentials is not None:
        easy.setopt(curl.USERPWD, credentials)
    elif settings.netrc is not None:
        easy.setopt(curl.NETRC, curl.NETRC_OPTIONAL)
        easy.setopt(curl.NETRC_FILE, str(settings.netrc))


def split_credentials(url: str) -> tuple[str, str | None]:
    """Return an address without its user information, and that information as `user:password`."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None
    userinfo, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl(), unquote(userinfo)


def ca_file_of(settings: NetworkSettings) -> Path | None:
    """Return the system's certificates: libcurl's wheels bring a default path of the machine that built them."""
    if settings.ca_file is not None:
        return settings.ca_file
    import ssl

    found = ssl.get_default_verify_paths().cafile
    known = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    candidates = (found, *known)
    return next((Path(path) for path in candidates if path and Path(path).is_file()), None)
