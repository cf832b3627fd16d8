"""Lone transfers: requests that are answered before the call returns, for threads that have no loop."""

from __future__ import annotations

import time

from stackc.redact import redact_url
from stackc.upstream.exchange import LARGEST_BODY, RETRIED_STATUS, Exchange, Part, apply_settings, ca_file_of
from stackc.upstream.settings import NetworkSettings

__all__ = ["fetch_range", "fetch_whole"]


def fetch_range(url: str, start: int, end: int, settings: NetworkSettings, credentials: str | None = None) -> Part:
    """Return the bytes of `url` from `start` up to `end`, and its whole length.

    Raises OSError where the server does not answer, or not with just that range.
    """
    exchange = Exchange(url=url, span=(start, end), largest=LARGEST_BODY)
    status, error = _performed(exchange, settings, credentials)
    part = exchange.part(status, exchange.explain(error, 0) if error is not None else None)
    if isinstance(part, OSError):
        raise part
    return part


def fetch_whole(url: str, settings: NetworkSettings, *, largest: int = LARGEST_BODY) -> bytes:
    """Return the whole of what is at `url`, as it is stored.

    A failure to connect, a cut-off answer and a busy server are tried again, as `Transfers` does. Raises OSError where the
    server does not answer, or not with 200, or with more than `largest` bytes.
    """
    for attempt in range(1, settings.attempts):
        try:
            return _fetch_whole(url, settings, largest)
        except ConnectionError:  # noqa: PERF203 (one round is one transfer)
            time.sleep(settings.first_delay * 2 ** (attempt - 1))
    return _fetch_whole(url, settings, largest)


def _fetch_whole(url: str, settings: NetworkSettings, largest: int) -> bytes:
    """Fetch once. Raises ConnectionError for what may be otherwise the next time, and OSError for the rest."""
    import pycurl

    exchange = Exchange(url=url, largest=largest)
    status, error = _performed(exchange, settings)
    if error is not None:
        if error[0] == pycurl.E_WRITE_ERROR:
            raise OSError(f"{redact_url(url)}: is longer than {largest // 2**20} MiB")
        hopeless = error[0] in {pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_PEER_FAILED_VERIFICATION}
        raise (OSError if hopeless else ConnectionError)(exchange.explain(error, 0))
    if status != 200:
        raise (ConnectionError if status in RETRIED_STATUS else OSError)(f"{redact_url(url)}: answered {status}")
    return exchange.body


def _performed(
    exchange: Exchange, settings: NetworkSettings, credentials: str | None = None
) -> tuple[int, tuple[int, str] | None]:
    """Return the status of the answer, and what went wrong on the way, if anything did."""
    import pycurl

    easy = pycurl.Curl()
    error: tuple[int, str] | None = None
    try:
        exchange.describe(easy)
        apply_settings(easy, settings, credentials=credentials, ca_file=ca_file_of(settings))
        easy.perform()
    except pycurl.error as raised:
        error = raised.args[0], raised.args[1]
    status: int = easy.getinfo(pycurl.RESPONSE_CODE)
    easy.close()
    return status, error
