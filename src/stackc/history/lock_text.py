"""A lock as git shows it in a diff: one line per pin, in columns that do not move when another line does.

git runs this once for each side of a file, so it imports a TOML reader and no more, and works on the text as data: whatever is
not a lock of this format is shown as it is. The line of the lock's own digest differs wherever anything does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from stackc.lock.head import digest_of, is_intact
from stackc.manifest.shown import escaped

__all__ = ["shown"]

_FORMAT = 1
_DIGITS = 12
_REASONS = 3

Table = dict[str, object]


def shown(text: str) -> str:
    """Return a lock's text pin by pin; any other text, a lock of another format included, as it is."""
    import tomli

    try:
        content: Table = tomli.loads(text)
        if content.get("format") != _FORMAT:
            return text
        return "".join(f"{escaped(line.rstrip())}\n" for line in _lines(content, text))
    except (ValueError, RecursionError, TypeError, KeyError):
        return text


def _lines(content: Table, text: str) -> Iterator[str]:
    target, plan = _table(content["target"]), _table(content["plan"])
    state = _value(content["digest"]) if is_intact(text) else f"edited by hand: {_value(digest_of(text))}"
    yield _row("lock", f"{target['name']} {state}")
    yield from _settings("input", _table(content["inputs"]))
    yield from _settings("target", {key: value for key, value in target.items() if key != "name"})
    yield from _settings("engine", _table(content["engine"]))
    yield from _settings("plan", {key: plan[key] for key in ("exclude-newer", "sdists") if key in plan})
    yield from (_index(_table(index)) for index in _list(plan, "indexes"))
    yield from (_root(_table(root)) for root in _list(plan, "roots"))
    for kind, key in (("tool", "tool"), ("pin", "package")):
        yield from (_pin(kind, _table(package)) for package in _list(content, key))


def _settings(kind: str, table: Table) -> Iterator[str]:
    for key, value in table.items():
        yield _row(kind, f"{key:<28}", _value(value))


def _index(index: Table) -> str:
    serves = ", ".join(map(str, _list(index, "serves")))
    return _row("index", f"{index['name']:<28}", "default" if index.get("default") else f"serves {serves}")


def _root(root: Table) -> str:
    order = f"order {root['order']}" if "order" in root else ""
    return _row("asks", f"{root['requirement']:<45}", f"{order:<8}", f"index {root['index']}" if "index" in root else "")


def _pin(kind: str, package: Table) -> str:
    extras = ",".join(map(str, _list(package, "extras")))
    name = f"{package['name']}[{extras}]" if extras else str(package["name"])
    return _row(
        kind,
        f"{name:<28}",
        f"{package['version']:<16}",
        f"{package['index']:<8}",
        f"step {package['step']:<2}",
        str(package["sha256"])[:_DIGITS],
        _why([str(reason) for reason in _list(package, "why")]),
    )


def _why(reasons: list[str]) -> str:
    """Return what asks for a pin: the manifest with its bound, else the first few by name."""
    stated = [reason for reason in reasons if reason.startswith("stack.toml")]
    if stated:
        return f"for {', '.join(stated)}"
    names = list(dict.fromkeys(_source(reason) for reason in reasons))
    more = ", ..." if len(names) > _REASONS else ""
    return f"for {', '.join(names[:_REASONS])}{more}" if names else ""


def _source(reason: str) -> str:
    words = reason.split(" ")
    return " ".join(words[:2]) if words[0] == "rule" else words[0]


def _row(kind: str, *cells: str) -> str:
    return f"{kind:<7} {' '.join(cells)}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = value.isoformat().replace("+00:00", "Z") if isinstance(value, dt.datetime) else str(value)
    return text[: len(_SHA256) + _DIGITS].removeprefix(_SHA256) if text.startswith(_SHA256) else text


_SHA256 = "sha256:"


def _table(value: object) -> Table:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _list(table: Table, key: str) -> list[object]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise TypeError
    return value
