"""The values of `STACK.md`: one stack for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from packaging.utils import NormalizedName

from stackc.lock.model import Lock
from stackc.render.layout import root_name
from stackc.render.reasons import Bound, bounds

__all__ = ["Row", "Totals", "values"]

_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


class Row(Struct, frozen=True, kw_only=True):
    """One component as it was locked, and what bounds its version. `index` is `url` or `path` where it names a file itself."""

    name: str
    version: str
    index: str
    step: int
    bounds: tuple[Bound, ...]


class Totals(Struct, frozen=True, kw_only=True):
    """How many projects there are, what the known files weigh, and how many files have no known size."""

    packages: int
    size: str
    unsized: int


def values(lock: Lock, *, left_out: Iterable[NormalizedName]) -> Mapping[str, object]:
    """Return the values of the summary's template; `left_out` are the components that the target leaves out."""
    return {
        "facts": tuple(_facts(lock)),
        "components": tuple(_rows(lock)),
        "left_out": tuple(f"{name} (needed all the same)" if name in lock.by_name else name for name in left_out),
        "totals": _totals(lock),
    }


def _facts(lock: Lock) -> Iterator[tuple[str, str]]:
    target = lock.target
    known = {
        "platform": target.platform,
        "base image": target.base,
        "Python": target.python,
        "glibc": target.glibc,
        "CUDA": target.cuda,
        "oldest driver": target.driver,
        "GPUs": ", ".join(target.gpus),
        "uploaded before": lock.exclude_newer and lock.exclude_newer.strftime("%Y-%m-%d %H:%M UTC"),
    }
    yield from ((fact, value) for fact, value in known.items() if value)
    yield from ((str(tool.name), str(tool.version)) for tool in lock.tools)
    for package in (*lock.tools, *lock.packages):
        if package.file.yanked:
            reason = f": {package.file.yanked}" if isinstance(package.file.yanked, str) else ""
            yield "yanked", f"{package.name} {package.version}{reason}"


def _rows(lock: Lock) -> Iterator[Row]:
    for root in lock.roots:
        package = lock.by_name.get(root_name(root.requirement))
        if package is not None:
            stated = tuple(bound for bound in bounds(package.why) if bound.specifier)
            yield Row(
                name=package.name,
                version=str(package.version),
                index=package.index or str(package.direct),
                step=package.step,
                bounds=stated,
            )


def _totals(lock: Lock) -> Totals:
    sizes = [package.file.size for package in lock.packages]
    known = [size for size in sizes if size is not None]
    return Totals(packages=len(sizes), size=_readable(sum(known)), unsized=len(sizes) - len(known))


def _readable(size: int) -> str:
    """Return a size in decimal units, as download pages give it, with one digit after the point."""
    for unit, factor in _UNITS:
        if size >= factor:
            tenths = size * 10 // factor
            return f"{tenths // 10}.{tenths % 10} {unit}"
    return f"{size} bytes"
