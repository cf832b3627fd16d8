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
_DIGITS = 10
_MANIFEST = "stack.toml"

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
    yield f"lock {target['name']} {state}"
    yield from _settings("input", _table(content["inputs"]))
    yield from _settings("target", {key: value for key, value in target.items() if key != "name"})
    yield from _settings("engine", _table(content["engine"]))
    yield from _settings("plan", {key: plan[key] for key in ("exclude-newer", "sdists") if key in plan})
    yield from (_index(_table(index)) for index in _list(plan, "indexes"))
    yield from (_root(_table(root)) for root in _list(plan, "roots"))
    for heading, key in (("tools", "tool"), ("pins", "package")):
        yield from ("", f"{heading}:")
        yield from (_pin(_table(package)) for package in _list(content, key))


def _settings(kind: str, table: Table) -> Iterator[str]:
    for key, value in table.items():
        yield f"{kind} {key}: {_value(value)}"


def _index(index: Table) -> str:
    serves = ", ".join(map(str, _list(index, "serves"))) or "what names it"
    return f"index {index['name']}: {'default' if index.get('default') else serves}"


def _root(root: Table) -> str:
    parts = [f"asks {root['requirement']}"]
    parts += [f"order {root['order']}"] if "order" in root else []
    parts += [f"index {root['index']}"] if "index" in root else []
    if "direct" in root:
        parts.append(f"{root['direct']} {root['file']} {str(root['sha256'])[:_DIGITS]}")
    return ", ".join(parts)


def _pin(package: Table) -> str:
    extras = ",".join(map(str, _list(package, "extras")))
    name = f"{package['name']}[{extras}]" if extras else str(package["name"])
    source = package["index"] if "index" in package else package["direct"]
    reasons = [str(reason) for reason in _list(package, "why")]
    pin = f"{name:<22} {package['version']:<13} {source:<6} step {package['step']:<2}"
    yanked = package.get("yanked")
    taken_back = f", yanked: {yanked}" if isinstance(yanked, str) else ", yanked" if yanked else ""
    return f"  {pin} {str(package['sha256'])[:_DIGITS]} {_why(reasons)}{taken_back}"


def _why(reasons: list[str]) -> str:
    """Return what asks for a pin: the manifest with its bound, or the one project that does.

    Of several nothing is told but that: who else needs a project changes often, and the pin does not.
    """
    stated = [reason.removeprefix(_MANIFEST).strip() for reason in reasons if reason.split(" ")[0] == _MANIFEST]
    if stated:
        return f"asked {', '.join(stated)}".rstrip()
    sources = {_source(reason) for reason in reasons}
    if len(sources) > 1:
        return "for several"
    return f"for {sources.pop()}" if sources else ""


def _source(reason: str) -> str:
    words = reason.split(" ")
    return " ".join(words[:2]) if words[0] == "rule" else words[0]


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
