"""What can be wrong with the answer for a page, as findings."""

from __future__ import annotations

import re

from msgspec import Struct
from packaging.utils import NormalizedName

from stackc.errors import Finding

__all__ = ["AskedPage", "failed", "refused", "unreachable", "unusable"]

_TIMING = re.compile(r" after \d+ (?:ms|milliseconds)")


class AskedPage(Struct, frozen=True):
    """One project's page on one index. `address` is the index's, without the `credentials` (`user:password`) to ask with."""

    index: str
    address: str
    credentials: str | None
    url: str
    project: NormalizedName


def failed(page: AskedPage, reason: str) -> Finding:
    """Return the finding that no whole answer came; `reason` is in libcurl's words."""
    return Finding(
        code="S311",
        message=f"index `{page.index}` did not answer for `{page.project}`",
        notes=(f"{page.url}: {reason}",),
        hint="try again; if it stays so, look at the index's state or at the proxy in between",
    )


def unreachable(page: AskedPage, reason: str, *, offline: bool) -> Finding:
    """Return the finding that no connection came about, or that none was allowed."""
    if offline:
        return Finding(
            code="S312",
            message=f"the page of `{page.project}` on index `{page.index}` is not in the cache, and --offline was given",
            hint="compile once without --offline",
        )
    return Finding(
        code="S310",
        message=f"index `{page.index}` cannot be reached",
        notes=(f"{page.address}: {_TIMING.sub('', reason)}",),
        hint="check the address and the network; pages that are in the cache can be used with --offline",
    )


def refused(page: AskedPage, status: int) -> Finding:
    """Return the finding that the index answered with a status that says no."""
    hints = {
        401: "the index wants credentials: put them into a netrc file, or into the index's `url` as `user:password@`",
        403: "the index forbids this address to you: look at the credentials and at what they may read",
    }
    return Finding(
        code="S313" if status in hints else "S311",
        message=f"index `{page.index}` answered {status} for `{page.project}`",
        notes=(page.url,),
        hint=hints.get(status, "try again; if it stays so, the index is at fault"),
    )


def unusable(page: AskedPage, reason: str) -> Finding:
    """Return the finding that what came is no page of the Simple API."""
    return Finding(
        code="S314",
        message=f"what index `{page.index}` answered for `{page.project}` is not a page of the Simple API",
        notes=(f"{page.url}: {reason}",),
        hint="check that `url` is the root of the Simple API, such as `https://host/simple`, with no login page in between",
    )
