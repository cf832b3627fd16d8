"""Direct references: components that name the one file to install, and what such a table may say beside."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Finding, Place
from stackc.lock.filename import FileName, parse_filename
from stackc.manifest.cursor import Cursor
from stackc.manifest.fields import Component, Image, Policy
from stackc.manifest.kinds import Row
from stackc.manifest.model import DirectReference, MatrixVersion
from stackc.manifest.reference import file_name, project, tool_name
from stackc.manifest.shown import shown
from stackc.target import Target, supported_tags

__all__ = ["check_direct", "check_fit", "direct_of", "version_of"]

_LOCATIONS = (Component.url, Component.path)
_PIP = "pip"


def direct_of(row: Row) -> DirectReference | None:
    """Return the file that a table of a component names, in a document where nothing was refused."""
    url, path, sha256 = row.get(Component.url), row.get(Component.path), row.get(Component.sha256)
    if url is not None:
        return DirectReference(kind="url", location=url, file=file_name(url), sha256=sha256)
    if path is not None:
        return DirectReference(kind="path", location=path, file=file_name(path), sha256=sha256)
    return None


def version_of(direct: DirectReference) -> SpecifierSet:
    """Return the specifier of the one version that the name of the file says."""
    found = parse_filename(direct.file)
    return SpecifierSet() if found is None else SpecifierSet(f"=={found.version}")


def check_direct(
    components: Mapping[str, Row],
    overrides: Mapping[str, Row],
    *,
    image: Row | None,
    policy: Row | None,
    at: Cursor,
) -> None:
    """Report what is wrong with the direct references of `overrides`; for the components' own, the two are the same."""
    sdists = (policy.get(Policy.sdists) if policy is not None else None) or ()
    tools = _tools(image)
    bases = {canonicalize_name(spelled): row for spelled, row in components.items()}
    for spelled, row in overrides.items():
        given = [each.key for each in _LOCATIONS if each.key in row.given]
        if given:
            _check_beside(row, given, at)
            _check_file(canonicalize_name(spelled), row, sdists=sdists, tools=tools, at=at)
        else:
            _check_alone(row, bases.get(canonicalize_name(spelled), row), at)


def _check_beside(row: Row, given: list[str], at: Cursor) -> None:
    """Report the keys that do not go together with the location of a file."""
    place = at.at(*row.path, given[0])
    if len(given) > 1:
        place.report("S144", "`url` and `path` name two files", (*row.path, given[1]), hint="keep one of the two")
    if Component.index.key in row.given:
        hint = "remove `index`: the file is taken from where it is, and no index is asked"
        place.report("S144", f"`{given[0]}` and `index` are two sources", (*row.path, "index"), hint=hint)
    if isinstance(row.get(Component.version), MatrixVersion):
        hint = "remove `version`: the file's name says which one it is, and the matrix checks that it fits"
        message = f'`{given[0]}` leaves nothing for `version = "matrix"` to choose'
        place.report("S144", message, (*row.path, "version"), hint=hint)
    if Component.url.key in given and Component.sha256.key not in row.given:
        hint = 'add `sha256 = "…"`: the 64 digits beside the download, or of `curl -L URL | sha256sum` if you trust it'
        place.report("S143", "a `url` needs the `sha256` of its file", hint=hint)


def _check_alone(row: Row, base: Row, at: Cursor) -> None:
    """Report what only makes sense beside a file where a table names none."""
    if Component.sha256.key in row.given:
        hint = "name the file as `url` or `path` in this very table, or remove the line"
        at.at(*row.path, "sha256").report("S142", "`sha256` is that of a `url` or a `path`, and there is none here", hint=hint)
    direct = any(each.key in base.given for each in _LOCATIONS)
    if row is not base and direct and "index" in row.given and "version" not in row.given:
        hint = 'add `version = ">=1.2,<2"`: the component itself names a file, and no versions'
        at.at(*row.path, "index").report("S147", "an override that goes back to an index needs a `version`", hint=hint)


def _check_file(
    name: NormalizedName, row: Row, *, sdists: Collection[NormalizedName], tools: Collection[NormalizedName], at: Cursor
) -> None:
    """Report a file that cannot be that of its component."""
    direct = direct_of(row)
    file = None if direct is None else parse_filename(direct.file)
    if direct is None or file is None:
        return
    place = at.at(*row.path, direct.kind)
    if file.project != name:
        hint = "name a file of this project, or rename the component"
        place.report("S145", f"`{shown(direct.file)}` is a file of `{file.project}`, not of `{name}`", hint=hint)
        return
    if name in tools:
        hint = "name a file of another project; `pip` and `build-tools` of `[image]` choose versions of this one"
        place.report("S148", f"`{name}` is installed before the first step, from its index", hint=hint)
    if file.tags is None and name not in sdists:
        hint = f'allow it with `sdists = ["{name}"]` below `[policy]`, or name a wheel'
        place.report("S149", f"`{shown(direct.file)}` is an sdist, which would be built from source", hint=hint)
    _check_version(row, file, place)


def _check_version(row: Row, file: FileName, place: Cursor) -> None:
    version = row.get(Component.version)
    if isinstance(version, SpecifierSet) and not version.contains(file.version, prereleases=True):
        hint = "change one of the two lines; a component with a file of its own needs no `version`"
        message = f"the file is of version {file.version}, which `{version}` does not admit"
        place.report("S145", message, (*row.path, "version"), hint=hint)


def check_fit(direct: DirectReference, target: Target, place: Place) -> Finding | None:
    """Return the finding that a file cannot be installed on a target, None where it can."""
    named = parse_filename(direct.file)
    tags = None if named is None else named.tags
    if tags is None or not tags.isdisjoint(supported_tags(target)):
        return None
    return Finding(
        code="S146",
        message=f"`{direct.file}` does not fit target `{target.name}`",
        places=(place,),
        wanted=f"a wheel for Python {target.python_minor[0]}.{target.python_minor[1]} on {target.platform} "
        f"with glibc {target.glibc[0]}.{target.glibc[1]} or older",
        found=", ".join(sorted(str(tag) for tag in tags)),
        hint=f"name another file for this target, as `{direct.kind}` in `[targets.{target.name}.components.…]`; "
        f"or leave the component out of it: name it in `without` of `[targets.{target.name}]`",
    )


def _tools(image: Row | None) -> frozenset[NormalizedName]:
    listed = (image.get(Image.build_tools) if image is not None else None) or ()
    return frozenset((project(_PIP), *map(tool_name, listed)))
