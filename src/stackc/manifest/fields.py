"""The tables of a manifest, field by field: the decoder and the JSON Schema both read them here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from stackc.manifest import reference
from stackc.manifest.kinds import Choice, Field, Flag, Items, Named, OneOrMore, Row, Table, Text, TextOrTime, Whole
from stackc.manifest.model import BaseImage, MatrixVersion
from stackc.target import MACHINES

__all__ = ["BUILTIN_INDEX", "DOCUMENT"]

BUILTIN_INDEX = "pypi"
"""The index that needs no entry: it is the default one, and pip knows its address."""

_PROJECT = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_FOLDER = "[a-z0-9][a-z0-9_-]{0,99}"
_FOLDER_HINT = "use lower-case letters, digits, `-` and `_`; it names files and folders"
_NUMBER = "(?:0|[1-9][0-9]{0,3})"
_TWO_NUMBERS = rf"{_NUMBER}\.{_NUMBER}"
_RELEASE = r"[A-Za-z0-9][A-Za-z0-9.+!_-]*(?:\.\*)?"
_SPECIFIER = rf" *(?:~=|===?|!=|<=?|>=?) *{_RELEASE} *"
_SPECIFIERS = f"{_SPECIFIER}(?:,{_SPECIFIER})*"
_MODULE = "[A-Za-z_][A-Za-z0-9_]*"


def _text(text: str) -> str:
    return text


def _projects(noun: str = "a project's name") -> Items[NormalizedName]:
    hint = "a name holds ASCII letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit"
    return Items(of=Text(noun=noun, code="S112", pattern=_PROJECT, parse=reference.project, hint=hint))


class Stack:
    """`[stack]`."""

    name = Field(
        key="name",
        kind=Text(
            noun="a name",
            code="S111",
            pattern="[a-z0-9][a-z0-9._-]{0,99}",
            parse=_text,
            hint="use lower-case letters, digits, `.`, `-` and `_`",
        ),
        doc="The name of the stack.",
        required=True,
        example='`name = "my-image"`',
    )
    default_target = Field(
        key="default-target",
        kind=Text(noun="a target's name", code="S120", pattern=_FOLDER, parse=_text, hint=_FOLDER_HINT),
        doc="The target that a command means where none is named; needed only where there are several.",
    )
    table = Table(fields=(name, default_target))


class Index:
    """`[indexes.NAME]`."""

    url = Field(
        key="url",
        kind=Text(
            noun="the http or https address of an index",
            code="S115",
            pattern=r"https?://[^\s\"'`$\\<>?#{}|^]+",
            parse=reference.index_url,
            hint="write it as `https://host/path`: no query, no fragment, all else percent-encoded",
            secret=True,
        ),
        doc="The address of the index's Simple API, such as https://download.pytorch.org/whl/cu124.",
        required=True,
        example='`url = "https://…"`',
    )
    builtin_url = Field(
        key="url", kind=url.kind, doc="Where the built-in index is reached; pip's own configuration where absent."
    )
    serves = Field(
        key="serves",
        kind=Items(
            of=Text(
                noun="a project's name, or a pattern such as `nvidia-*`",
                code="S112",
                pattern=r"[A-Za-z0-9*?\[\]!._-]+",
                parse=reference.served,
                longest=100,
                hint="a pattern may hold letters, digits, `-`, `*`, `?` and `[…]`",
            )
        ),
        doc="The projects that are looked up here and nowhere else: names, or patterns over normalized names.",
    )
    default = Field(key="default", kind=Flag(), doc="Whether all projects are looked up here that no index is named for.")
    table = Table(fields=(url, serves, default))
    builtin = Table(fields=(builtin_url, serves, default))


class Component:
    """`[components.NAME]`, and without `version` being required, `[targets.X.components.NAME]`."""

    _version: Text[SpecifierSet | MatrixVersion] = Text(
        noun="a version specifier",
        code="S114",
        pattern=f"matrix|{_SPECIFIERS}",
        parse=reference.component_version,
        hint=reference.version_hint,
    )
    version: Field[SpecifierSet | MatrixVersion] = Field(
        key="version",
        kind=_version,
        doc='The versions that may be chosen, such as >=1.26,<2; or "matrix": the partner that the matrix names.',
        required=True,
        example='`version = ">=1.2,<2"`',
    )
    version_override: Field[SpecifierSet | MatrixVersion] = Field(
        key="version", kind=_version, doc="The versions that may be chosen for this target."
    )
    index = Field(
        key="index",
        kind=Text(noun="an index's name", code="S116", pattern=_FOLDER, parse=_text, hint=_FOLDER_HINT),
        doc="The one index that the project is looked up on.",
    )
    order = Field(
        key="order",
        kind=Whole(minimum=1, maximum=999),
        doc="The numbered install step; equal numbers share a step, and without one requirements.txt installs it.",
    )
    extras = Field(key="extras", kind=_projects("an extra's name"), doc="The extras to install with it.")
    imports = Field(
        key="import",
        kind=OneOrMore(
            of=Text(
                noun="a module's name",
                code="S128",
                pattern=rf"{_MODULE}(?:\.{_MODULE})*",
                parse=_text,
                hint="write what stands after `import`, such as `torch` or `google.protobuf`",
            )
        ),
        doc="The modules that the verification imports, where the project's name does not say.",
    )
    verify = Field(
        key="verify",
        kind=Items(of=Text(noun="a Python expression", code="S127", parse=reference.expression)),
        doc="Python expressions that must be true in the image.",
    )
    _others = (index, order, extras, imports, verify)
    table = Table(fields=(version, *_others))
    override = Table(fields=(version_override, *_others))


def _components(table: Table) -> Named:
    return Named(
        noun="a project's name",
        code="S112",
        pattern=_PROJECT,
        of=table,
        hint="a name holds ASCII letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit",
    )


class Target:
    """`[targets.NAME]`."""

    python = Field(
        key="python",
        kind=Text(
            noun="a CPython version from 3.8 on",
            code="S121",
            pattern=r"3\.(?:[89]|[1-9][0-9])(?:\.(?:0|[1-9][0-9]?))?",
            parse=_text,
            hint="write it as `3.10` or `3.10.14`",
        ),
        doc="The version of CPython, X.Y or X.Y.Z.",
        required=True,
        example='`python = "3.10"`',
    )
    platform = Field(
        key="platform",
        kind=Choice(noun="a platform that stackc builds for", code="S122", options=tuple(MACHINES)),
        doc="The platform of the image, in Docker's words.",
        required=True,
        example='`platform = "linux/amd64"`',
    )
    base: Field[BaseImage] = Field(
        key="base",
        kind=Text(
            noun="an image reference",
            code="S123",
            pattern=reference.IMAGE,
            parse=reference.base_image,
            hint="write it as `repository:tag` or `registry/repository:tag@sha256:…`, the repository in lower case",
        ),
        doc="The base image.",
        required=True,
        example='`base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"`',
    )
    cuda = Field(
        key="cuda",
        kind=Text(noun="a CUDA version", code="S124", pattern=_TWO_NUMBERS, parse=_text, hint="write it as `12.4`"),
        doc="The CUDA version, where the base image's tag does not say.",
    )
    glibc = Field(
        key="glibc",
        kind=Text(noun="a glibc version", code="S124", pattern=_TWO_NUMBERS, parse=_text, hint="write it as `2.35`"),
        doc="The glibc version, where the base image's tag does not say.",
    )
    driver = Field(
        key="driver",
        kind=Text(
            noun="a driver version",
            code="S124",
            pattern=r"[0-9]{1,5}(?:\.[0-9]{1,5}){0,3}",
            parse=_text,
            hint="write it as `550` or `550.54.15`",
        ),
        doc="The oldest GPU driver that the image must start on.",
    )
    gpus = Field(
        key="gpus",
        kind=Items(
            of=Text(
                noun="a GPU architecture", code="S125", pattern="sm_[1-9][0-9]{1,2}a?", parse=_text, hint="write it as `sm_90`"
            )
        ),
        doc="The GPU architectures that the image must run on.",
    )
    overrides = Field(
        key="components", kind=_components(Component.override), doc="What differs in a component for this target."
    )
    table = Table(fields=(python, platform, base, cuda, glibc, driver, gpus, overrides))


class Image:
    """`[image]`."""

    apt = Field(
        key="apt",
        kind=Items(
            of=Text(
                noun="a Debian package, with or without `=version`",
                code="S129",
                pattern=r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](?:=[0-9][A-Za-z0-9.+~:-]*)?",
                parse=_text,
                hint="write it as `build-essential` or `git=1:2.34.1-1ubuntu1`",
            )
        ),
        doc="System packages to install, each with or without =version.",
    )
    workdir = Field(
        key="workdir",
        kind=Text(
            noun="an absolute path",
            code="S130",
            pattern=r"/(?:(?!\.\.(?:/|$))[^\"'`$\\/]+(?:/|$))*",
            parse=_text,
            hint="begin with `/`, and use no `..`, quote, backslash or `$`",
        ),
        doc="The working directory of the image.",
        default="/app",
    )
    copy = Field(
        key="copy",
        kind=Items(
            of=Text(
                noun="a path inside the project",
                code="S131",
                pattern=r"(?![/<-])(?:(?!\.\.(?:/|$))[^\"'`$\\/]+(?:/|$))+",
                parse=_text,
                hint="write it relative to the build context, and use no `..`, quote, backslash or `$`",
            )
        ),
        doc="Files and folders of the project to copy into the working directory.",
    )
    cmd = Field(
        key="cmd",
        kind=Items(of=Text(noun="an argument", code="S132", parse=_text)),
        doc="The command that the image runs, as a list.",
    )
    pip: Field[SpecifierSet] = Field(
        key="pip",
        kind=Text(
            noun="a version specifier",
            code="S114",
            pattern=_SPECIFIERS,
            parse=reference.specifiers,
            hint=reference.version_hint,
        ),
        doc="The versions of pip that may be chosen for the image; the newest where absent.",
    )
    build_tools = Field(
        key="build-tools",
        kind=Items(
            of=Text(
                noun="a requirement of a name and its versions",
                code="S132",
                pattern=rf"{_PROJECT} *(?:{_SPECIFIERS})?",
                parse=reference.tool,
                hint="write it as `setuptools` or `setuptools>=70`; addresses, extras and markers have no place here",
            )
        ),
        doc="Requirements to install beside pip, before the first step.",
        default=["setuptools"],
    )
    table = Table(fields=(apt, workdir, copy, cmd, pip, build_tools))


class Policy:
    """`[policy]`."""

    exclude_newer: Field[dt.datetime] = Field(
        key="exclude-newer",
        kind=TextOrTime(
            text=Text(
                noun="a moment with its offset",
                code="S133",
                pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})",
                parse=reference.moment,
                hint="write it as `2026-11-01T00:00:00Z`: without an offset it would mean another moment on each machine",
            )
        ),
        doc="The moment after which nothing that was uploaded counts, with its offset, such as 2026-11-01T00:00:00Z.",
    )
    unknown: Field[Literal["allow", "warn", "error"]] = Field(
        key="unknown",
        kind=Choice(noun="a policy for unknown combinations", code="S109", options=("allow", "warn", "error")),
        doc="What to do about a combination that the matrix does not know.",
        default="warn",
    )
    sdists = Field(key="sdists", kind=_projects(), doc="The projects that may be built from source.")
    table = Table(fields=(exclude_newer, unknown, sdists))


class Waiver:
    """One entry of `[matrix] waive`."""

    rule = Field(
        key="rule",
        kind=Text(
            noun="a rule's id",
            code="S134",
            pattern="[a-z0-9][a-z0-9._-]*",
            parse=_text,
            hint="`stackc matrix list` shows the rules",
        ),
        doc="The id of the rule that is set aside.",
        required=True,
        example='`rule = "…"`',
    )
    because = Field(
        key="because",
        kind=Text(noun="a reason", code="S134", pattern=r".*\S.*", parse=_text, hint="say why the rule does not matter here"),
        doc="Why it does not matter here.",
        required=True,
        example='`because = "…"`',
    )
    until: Field[dt.date] = Field(
        key="until",
        kind=TextOrTime(
            text=Text(
                noun="a day",
                code="S134",
                pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}",
                parse=reference.day,
                hint="write a day as `2027-01-31`",
            )
        ),
        doc="The last day on which the waiver holds.",
        required=True,
        example="`until = 2027-01-31`, the day to look at it again",
    )
    table = Table(fields=(rule, because, until))


class Matrix:
    """`[matrix]`."""

    packs = Field(
        key="packs",
        kind=Items(
            of=Text(
                noun="`builtin` or a relative pattern of file names",
                code="S135",
                pattern=r"[^/\\][^\\]*",
                parse=_text,
                hint="write it as `rules/*.toml`, relative to the manifest",
            )
        ),
        doc='The rule packs: "builtin", or patterns of files beside the manifest.',
        default=["builtin"],
    )
    waive = Field(key="waive", kind=Items(of=Waiver.table), doc="The rules that this project sets aside.")
    table = Table(fields=(packs, waive))


class Document:
    """The whole manifest."""

    stack: Field[Row] = Field(
        key="stack", kind=Stack.table, doc="The stack as a whole.", required=True, example="a `[stack]` table with a `name`"
    )
    indexes: Field[Mapping[str, Row]] = Field(
        key="indexes",
        kind=Named(
            noun="an index's name",
            code="S111",
            pattern=_FOLDER,
            of=Index.table,
            special={BUILTIN_INDEX: Index.builtin},
            hint=_FOLDER_HINT,
        ),
        doc="The indexes beside the built-in one, `pypi`, by name.",
    )
    targets: Field[Mapping[str, Row]] = Field(
        key="targets",
        kind=Named(noun="a target's name", code="S111", pattern=_FOLDER, of=Target.table, hint=_FOLDER_HINT, empty="S119"),
        doc="What locks are made for, by name: one lock each.",
        required=True,
        absent="S119",
        example="a table such as `[targets.gpu]`, with `python`, `platform` and `base`",
    )
    components: Field[Mapping[str, Row]] = Field(
        key="components", kind=_components(Component.table), doc="The projects that the stack is made of, by name."
    )
    image: Field[Row] = Field(
        key="image", kind=Image.table, doc="What the Dockerfile holds beside the locked projects.", default={}
    )
    policy: Field[Row] = Field(key="policy", kind=Policy.table, doc="What may be chosen at all.", default={})
    matrix: Field[Row] = Field(key="matrix", kind=Matrix.table, doc="The compatibility rules in force.", default={})
    table = Table(fields=(stack, indexes, targets, components, image, policy, matrix))


DOCUMENT = Document.table
