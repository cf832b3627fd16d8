"""A `stack.toml` as a Manifest: read once, with everything that is wrong in it reported together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Finding, ManifestError, Place
from stackc.manifest import fields, model
from stackc.manifest.cursor import Cursor
from stackc.manifest.digest import digest
from stackc.manifest.direct import direct_of, version_of
from stackc.manifest.kinds import Row
from stackc.manifest.links import check_links
from stackc.manifest.locate import located
from stackc.manifest.shown import escaped
from stackc.manifest.syntax import parse

__all__ = ["decode", "digest", "load"]


def load(path: Path) -> model.Manifest:
    """Return the manifest in a file. Raises ManifestError with all that is wrong in it."""
    return decode(_read(path), file=str(path))


def decode(text: str, *, file: str) -> model.Manifest:
    """Return the manifest that a TOML text says; `file` names the text in places.

    Raises ManifestError with every finding of the text, sorted by line.
    """
    raw = parse(text, file=file)
    at = Cursor()
    document = fields.DOCUMENT.read(raw, at) or Row((), {})
    check_links(document, at)
    places = located(text, file=file)
    if at.drafts:
        raise ManifestError(sorted((draft.finding(places) for draft in at.drafts), key=_line))
    return _manifest(document, places)


def _read(path: Path) -> str:
    place = Place(file=escaped(str(path)))
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = "run stackc in the folder that holds `stack.toml`, or name the file"
        raise ManifestError(Finding(code="S101", message="there is no manifest", places=(place,), hint=hint)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"the manifest cannot be read: {reason.lower()}"
        raise ManifestError(Finding(code="S102", message=message, places=(place,), hint="name a readable file")) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8: byte 0x{content[error.start]:02x} at position {error.start}"
        hint = "save the file as UTF-8; TOML has no other encoding"
        raise ManifestError(Finding(code="S103", message=message, places=(replace(place, line=line),), hint=hint)) from None


def _line(finding: Finding) -> int:
    return finding.places[0].line or 0


def _manifest(document: Row, places: model.Places) -> model.Manifest:
    stack = document[fields.Document.stack]
    targets = {name: _target(name, row) for name, row in document[fields.Document.targets].items()}
    return model.Manifest(
        name=stack[fields.Stack.name],
        default_target=stack.get(fields.Stack.default_target) or next(iter(targets)),
        indexes=_indexes(document.get(fields.Document.indexes) or {}),
        targets=targets,
        components=_components(document.get(fields.Document.components) or {}),
        image=_image(document[fields.Document.image]),
        policy=_policy(document[fields.Document.policy]),
        matrix=_matrix(document[fields.Document.matrix]),
        places=places,
    )


def _indexes(rows: Mapping[str, Row]) -> Mapping[str, model.Index]:
    """Return the indexes in the manifest's order, before them the built-in one unless the manifest has it."""
    declared = {name: _index(name, row) for name, row in rows.items()}
    indexes = {model.BUILTIN_INDEX: model.Index(name=model.BUILTIN_INDEX, url=None), **declared}
    if model.BUILTIN_INDEX in declared:
        indexes = declared
    if not any(index.default for index in indexes.values()):
        indexes[model.BUILTIN_INDEX] = replace(indexes[model.BUILTIN_INDEX], default=True)
    return indexes


def _index(name: str, row: Row) -> model.Index:
    return model.Index(
        name=name,
        url=row.get(fields.Index.url),
        serves=row.get(fields.Index.serves) or (),
        default=row.get(fields.Index.default) or False,
    )


def _components(rows: Mapping[str, Row]) -> Mapping[NormalizedName, model.Component]:
    components = [_component(spelled, row) for spelled, row in rows.items()]
    return {component.name: component for component in components}


def _component(spelled: str, row: Row) -> model.Component:
    direct = direct_of(row)
    return model.Component(
        name=canonicalize_name(spelled),
        spelled=spelled,
        version=row[fields.Component.version] if direct is None else version_of(direct),
        index=row.get(fields.Component.index),
        order=row.get(fields.Component.order),
        extras=_unique(row.get(fields.Component.extras)),
        imports=row.get(fields.Component.imports),
        verify=row.get(fields.Component.verify) or (),
        direct=direct,
    )


def _target(name: str, row: Row) -> model.TargetTable:
    overrides = row.get(fields.Target.overrides) or {}
    return model.TargetTable(
        name=name,
        python=row[fields.Target.python],
        platform=row[fields.Target.platform],
        base=row[fields.Target.base],
        cuda=row.get(fields.Target.cuda),
        glibc=row.get(fields.Target.glibc),
        driver=row.get(fields.Target.driver),
        gpus=row.get(fields.Target.gpus) or (),
        without=row.get(fields.Target.without) or (),
        overrides=tuple(_override(spelled, override) for spelled, override in overrides.items()),
    )


def _override(spelled: str, row: Row) -> model.Override:
    extras, direct = row.get(fields.Component.extras), direct_of(row)
    return model.Override(
        name=canonicalize_name(spelled),
        spelled=spelled,
        version=row.get(fields.Component.version_override) if direct is None else version_of(direct),
        index=row.get(fields.Component.index),
        order=row.get(fields.Component.order),
        extras=None if extras is None else _unique(extras),
        imports=row.get(fields.Component.imports),
        verify=row.get(fields.Component.verify),
        direct=direct,
    )


def _image(row: Row) -> model.Image:
    installer, python_from = row[fields.Image.installer], row.get(fields.Image.python_from)
    return model.Image(
        apt=row.get(fields.Image.apt) or (),
        workdir=row[fields.Image.workdir],
        copy=row.get(fields.Image.copy) or (),
        cmd=row.get(fields.Image.cmd) or (),
        pip=str(row.get(fields.Image.pip) or ""),
        build_tools=_build_tools(row[fields.Image.build_tools], uv="uv" in {installer, python_from}),
        installer=installer,
        python_from=python_from,
        cache_mounts=row.get(fields.Image.cache_mounts) or False,
        user=row.get(fields.Image.user),
        runtime_base=row.get(fields.Image.runtime_base),
        runtime_apt=row.get(fields.Image.runtime_apt) or (),
        labels=dict(row.get(fields.Image.labels) or {}),
    )


def _build_tools(listed: tuple[str, ...], *, uv: bool) -> tuple[str, ...]:
    """Return the listed tools, and uv where the image needs it: in any version unless one of them says which."""
    named = {canonicalize_name(Requirement(tool).name) for tool in listed}
    return (*listed, "uv") if uv and "uv" not in named else listed


def _policy(row: Row) -> model.Policy:
    return model.Policy(
        exclude_newer=row.get(fields.Policy.exclude_newer),
        unknown=row[fields.Policy.unknown],
        fall_back=row[fields.Policy.fall_back],
        fall_back_minors=row[fields.Policy.fall_back_minors],
        sdists=_unique(row.get(fields.Policy.sdists)),
    )


def _matrix(row: Row) -> model.MatrixChoice:
    waivers = tuple(
        model.Waiver(rule=waiver[fields.Waiver.rule], because=waiver[fields.Waiver.because], until=waiver[fields.Waiver.until])
        for waiver in row.get(fields.Matrix.waive) or ()
    )
    return model.MatrixChoice(packs=row[fields.Matrix.packs], waivers=waivers)


def _unique(names: tuple[NormalizedName, ...] | None) -> tuple[NormalizedName, ...]:
    """Return the names once each, in the order of their first mention."""
    return tuple(dict.fromkeys(names or ()))
