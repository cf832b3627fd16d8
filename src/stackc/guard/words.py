"""Verdicts as findings: what stands where, what would happen, where it is installed instead, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stackc.errors import Finding, Place
from stackc.guard.fix import removable
from stackc.guard.inspection import Read
from stackc.guard.judge import Verdict
from stackc.guard.occurrence import Occurrence, Option, Redirect, Trouble
from stackc.guard.policy import Installed, KeptOut, Policy
from stackc.manifest.shown import cut, escaped
from stackc.redact import redact_text

__all__ = ["finding", "shown"]

_ALLOW = "`# stackc: allow {name} — REASON`"


def finding(verdict: Verdict, policy: Policy, *, fixing: bool = False) -> Finding:
    """Return a verdict in words; `fixing` says that `--fix` ran, and that it left this."""
    match verdict.read.item:
        case Occurrence() as item if verdict.kept is not None:
            return _of_occurrence(verdict, item, verdict.kept, policy, fixing=fixing)
        case Option() as item:
            return _of_option(verdict, item, policy)
        case Redirect() as item:
            return _of_redirect(verdict, item)
        case Trouble() as item:
            return _of_trouble(verdict, item)
        case _:
            raise TypeError(verdict.code)  # a verdict is about one of these


def _of_occurrence(verdict: Verdict, item: Occurrence, kept: KeptOut, policy: Policy, *, fixing: bool) -> Finding:
    if verdict.code == "S705":
        return Finding(
            code="S705",
            message=f"the comment that allows `{kept.name}` gives no reason, so it does not count",
            places=(_place(verdict.read),),
            hint=f"say why: {_ALLOW.format(name=kept.name)}",
        )
    return Finding(
        code=verdict.code,
        message=_message(verdict.code, item, kept),
        places=(_place(verdict.read), *_manifest_place(kept, policy)),
        notes=(
            *_chain(verdict.read),
            f"what would happen: {_outcome(item, kept, verdict.origins)}",
            *(f"installed instead: {_where(kept)}" for _ in kept.installed[:1]),
        ),
        hint=_advice(verdict.code, item, kept, policy, fixing=fixing),
        severity="warning" if verdict.code == "S703" else "error",
    )


def _message(code: str, item: Occurrence, kept: KeptOut) -> str:
    said, name = shown(item.text), kept.name
    if code == "S702":
        return f"`{said}` cannot be read as a requirement, and names `{name}`, which is kept out"
    if code == "S703":
        return f"`{said}` belongs to a build of torch, which needs one exact version of it"
    if code == "S704":
        return f"`{said}` asks for another `{name}` than the one that an ordered step installs"
    return f"`{name}` is kept out" if said == name else f"`{said}` requires `{name}`, which is kept out"


def _outcome(item: Occurrence, kept: KeptOut, origins: Sequence[str]) -> str:
    """Return which build would be installed over which."""
    there = _there(kept)
    if item.reader == "conda":
        return f"conda would install a build of its own, with CUDA libraries of its own, beside or over {there}"
    if item.by_url:
        return f"what stands at this address would be installed over {there}"
    if item.reader == "poetry":
        return f"the tool that reads this would lock and install a `{kept.name}` of its own, over {there}"
    return _outcome_of_pip(item, kept, there, f"from {_indexes(origins)}")


def _outcome_of_pip(item: Occurrence, kept: KeptOut, there: str, source: str) -> str:
    name = f"`{kept.name}`"
    if not item.valid:
        return f"pip ends with an error, or another {name} is installed {source}, over {there}"
    locked = next((place.version for place in kept.installed if place.version is not None), None)
    if locked is None:
        return f"the newest {name} that this admits would be installed {source}, over {there}"
    if _admits(item.text, locked):
        when = f"wherever step {kept.installed[0].step} has not run before, or with `--upgrade`"
        return f"{when}, {name} would be installed {source}, not {there}"
    return f"{there} would be replaced by a version that this admits, {source}"


def _indexes(origins: Sequence[str]) -> str:
    """Return the addresses of indexes, without credentials."""
    return " or ".join(dict.fromkeys(shown(origin) if origin else "the default index" for origin in origins))


def _admits(text: str, version: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text).specifier.contains(version, prereleases=True)
    except InvalidRequirement:
        return False


def _there(kept: KeptOut) -> str:
    """Return what is there before, as far as manifest and lock say."""
    name = "the CUDA libraries" if "*" in kept.name else f"`{kept.name}`"
    if not kept.installed:
        return f"whatever build of {name} the image has"
    place = kept.installed[0]
    if place.version is not None:
        return f"{kept.name} {place.version} of step {place.step}"
    return f"{kept.name} {kept.wanted} of step {place.step}" if kept.wanted else f"the {name} of step {place.step}"


def _where(kept: KeptOut) -> str:
    return "; ".join(_installed(kept, place, several=len(kept.installed) > 1) for place in kept.installed)


def _installed(kept: KeptOut, place: Installed, *, several: bool) -> str:
    target = f" of target `{place.target}`" if several else ""
    version = place.version or (kept.wanted if kept.wanted and kept.wanted != "matrix" else "")
    source = f"from index `{place.origin}`" if place.origin else "from the file that stack.toml names"
    return f"step {place.step}{target} installs {' '.join(filter(None, (kept.name, version)))} {source}"


def _advice(code: str, item: Occurrence, kept: KeptOut, policy: Policy, *, fixing: bool) -> str:
    name = kept.name if "*" not in kept.name else item.candidates[0]
    if code == "S703":
        return f"leave it to torch's own metadata; if it has to be here, say why: {_ALLOW.format(name=name)}"
    if not item.valid and not removable(item):
        delete = f"correct or delete `{shown(item.text)}` by hand"
    elif item.removal is None:
        delete = f"it is no line of its own: delete `{shown(item.text)}` by hand"
    elif fixing:
        delete = "`--fix` leaves it, since more than this may hang on the line: delete it by hand"
    else:
        delete = "delete the line, or run `stackc guard --fix`"
    change = f"; choose another version in {Path(policy.manifest).name}" if kept.wanted and policy.manifest else ""
    return f"{delete}{change}\nif it has to be here, say why on its line: {_ALLOW.format(name=name)}"


def _of_option(verdict: Verdict, item: Option, policy: Policy) -> Finding:
    read, name = verdict.read, item.name
    if verdict.code == "S710":
        return Finding(
            code="S710",
            message=f"`{name}` behind a requirement does nothing: pip ignores it there without a word",
            places=(_place(read),),
            notes=(*_chain(read), f"what would happen: pip would look `{shown(item.after or '')}` up as if it were not there"),
            hint="give it a line of its own, which governs the whole file, or order the project in stack.toml with an `index`",
        )
    if verdict.code == "S712" and verdict.beside is not None:
        return Finding(
            code="S712",
            message=f"`{name}` has no effect: an option further down replaces all indexes that were given before it",
            places=(_place(read), _place(verdict.beside)),
            notes=(*_chain(read), f"what would happen: pip would never ask {shown(item.value)}"),
            hint="if it is meant, put it below the other option, or on its line; else delete it",
        )
    kept = verdict.kept.name if verdict.kept is not None else "torch"
    return Finding(
        code="S711",
        message=f"`{name}` opens `{kept}` to two indexes",
        places=(_place(read), *(_manifest_place(verdict.kept, policy) if verdict.kept is not None else ())),
        notes=(
            *_chain(read),
            f"what would happen: pip would take its highest version, be it from {_indexes(verdict.origins)}",
        ),
        hint="install it in a step of its own with one `--index-url`: order it in stack.toml, with an `index`",
    )


def _of_redirect(verdict: Verdict, item: Redirect) -> Finding:
    does = "writes what is printed to" if item.operator == ">" else "reads its input from"
    given = f"what would happen: the installer is given `{shown(item.word)}`, without a version"
    return Finding(
        code="S713",
        message=f"`{item.operator}` in `{shown(item.text)}` is a redirect of the shell: it {does} a file `{shown(item.file)}`",
        places=(_place(verdict.read),),
        notes=(given,) if item.word else (),
        hint=f"quote the requirement: `'{shown(item.text)}'`" if item.word else "quote the requirement, its version included",
    )


def _of_trouble(verdict: Verdict, item: Trouble) -> Finding:
    return Finding(
        code=item.code,
        message=redact_text(item.message),
        places=(_place(verdict.read),) if item.at is not None else (),
        notes=tuple(_chain(verdict.read)),
        hint=item.hint,
        severity="warning" if item.code == "S724" else "error",
    )


def _place(read: Read) -> Place:
    item = read.item
    line, column = read.source.position(item.at or 0)
    return Place(file=escaped(read.source.name), line=line, column=column, source=shown(item.text))


def _manifest_place(kept: KeptOut, policy: Policy) -> Iterator[Place]:
    """Yield where the manifest orders a project."""
    if policy.manifest is None or kept.wanted is None:
        return
    from stackc.manifest.locate import located

    manifest = Path(policy.manifest)
    name = _relative(manifest)
    places = located(manifest.read_text(encoding="utf-8", errors="replace"), file=name)
    key = next((path for path in places.lines if path[:1] == ("components",) and len(path) == 2 and _is(path[1], kept)), None)
    if key is not None:
        yield places.at(*key, "order")


def _is(key: str | int, kept: KeptOut) -> bool:
    from stackc.guard.names import canonical

    return isinstance(key, str) and canonical(key) == kept.name


def _relative(path: Path) -> str:
    return path.name if path.is_absolute() else str(path)


def _chain(read: Read) -> Iterator[str]:
    """Yield a line for each inclusion, the innermost first."""
    for link in reversed(read.chain):
        line, column = link.source.position(link.at)
        yield f"included by {link.source.name}:{line}:{column}: {shown(link.text)}"


def shown(text: str) -> str:
    """Return a file's own words as a finding may show them: on one line, without credentials, escaped and never too long."""
    return cut(escaped(redact_text(" ".join(text.split()))))
