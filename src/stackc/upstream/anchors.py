"""The links of an HTML page (PEP 503), and what it says of its project (PEP 792)."""

from __future__ import annotations

from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import urljoin

__all__ = ["AnchorReader"]

_VERSION = "pypi:repository-version"
_STATUS = "pypi:project-status"
_REASON = "pypi:project-status-reason"


class AnchorReader(HTMLParser):
    """Collects the attributes of every anchor; `base` is what their addresses are relative to."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = url
        self.anchors: list[dict[str, str]] = []
        self.looks_like_index = False
        self._said: dict[str, str] = {}

    @property
    def status(self) -> tuple[str, str | None]:
        """Return the state that the page says its project is in, and the reason if it gives one."""
        return self._said.get(_STATUS, "active"), self._said.get(_REASON)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a link, of the page's own base, and of the mark of a Simple API."""
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in values:
            self.anchors.append(values)
        elif tag == "base" and "href" in values:
            with suppress(ValueError):  # no address at all
                self.base = urljoin(self.base, values["href"])
        elif tag == "meta" and values.get("name") in {_VERSION, _STATUS, _REASON}:
            self.looks_like_index = True
            self._said[values["name"]] = values.get("content", "")
