"""The tables of a manifest, field by field: the decoder and the JSON Schema both read them here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import ClassVar, Literal

from packaging.specifiers import SpecifierSet

from stackc.manifest import grammar
from stackc.manifest.kinds import Choice, Entries, Field, Flag, Items, Named, OneOrMore, Row, Schema, Table, TextOrTime, Whole
from stackc.manifest.model import BUILTIN_INDEX, FALL_BACK_MINORS, BaseImage, MatrixVersion
from stackc.target import MACHINES

__all__ = [
    "DOCUMENT",
    "Component",
    "Document",
    "Image",
    "Index",
    "Matrix",
    "Policy",
    "Stack",
    "Target",
    "Waiver",
]


class Stack:
    """`[stack]`."""

    name = Field(
        key="name", kind=grammar.STACK_NAME, doc="The name of the stack.", required=True, example='`name = "my-image"`'
    )
    default_target = Field(
        key="default-target",
        kind=grammar.TARGET_NAME,
        doc="The target that a command means where none is named; needed only where there are several.",
    )
    table = Table(fields=(name, default_target))


class Index:
    """`[indexes.NAME]`."""

    url = Field(
        key="url",
        kind=grammar.INDEX_URL,
        doc="The address of the index's Simple API, such as https://download.pytorch.org/whl/cu124.",
        required=True,
        example='`url = "https://…"`',
    )
    builtin_url = Field(
        key="url", kind=url.kind, doc="Where the built-in index is reached; pip's own configuration where absent."
    )
    serves = Field(
        key="serves",
        kind=Items(of=grammar.SERVED),
        doc="The projects that are looked up here and nowhere else: names, or patterns over normalized names.",
    )
    default = Field(key="default", kind=Flag(), doc="Whether all projects are looked up here that no index is named for.")
    table = Table(fields=(url, serves, default))
    builtin = Table(fields=(builtin_url, serves, default))


class Component:
    """`[components.NAME]`, and with nothing of it being required, `[targets.X.components.NAME]`."""

    version: Field[SpecifierSet | MatrixVersion] = Field(
        key="version",
        kind=grammar.VERSION,
        doc='The versions that may be chosen, such as >=1.26,<2; or "matrix": the partner that the matrix names.',
        example='`version = ">=1.2,<2"`',
    )
    version_override: Field[SpecifierSet | MatrixVersion] = Field(
        key="version", kind=grammar.VERSION, doc="The versions that may be chosen for this target."
    )
    index = Field(key="index", kind=grammar.INDEX_NAME, doc="The one index that the project is looked up on.")
    url = Field(
        key="url",
        kind=grammar.FILE_URL,
        doc="The address of the one wheel or sdist to install, in place of any index; `sha256` goes with it.",
    )
    path = Field(
        key="path",
        kind=grammar.FILE_PATH,
        doc="The one wheel or sdist to install, as a path from the manifest's folder on, in place of any index.",
    )
    sha256 = Field(
        key="sha256", kind=grammar.SHA256, doc="The sha256 of the file at `url` or `path`; one at a path may go without."
    )
    order = Field(
        key="order",
        kind=Whole(minimum=1, maximum=999),
        doc="The numbered install step; equal numbers share a step, and without one requirements.txt installs it.",
    )
    extras = Field(key="extras", kind=Items(of=grammar.EXTRA), doc="The extras to install with it.")
    imports = Field(
        key="import",
        kind=OneOrMore(of=grammar.MODULE),
        doc="The modules that the verification imports, where the project's name does not say.",
    )
    verify = Field(key="verify", kind=Items(of=grammar.EXPRESSION), doc="Python expressions that must be true in the image.")
    _others = (index, url, path, sha256, order, extras, imports, verify)
    _together: ClassVar[Schema] = {
        "dependentRequired": {"url": ["sha256"]},
        "dependentSchemas": {
            "sha256": {"anyOf": [{"required": ["url"]}, {"required": ["path"]}]},
            "index": {"not": {"anyOf": [{"required": ["url"]}, {"required": ["path"]}]}},
            "url": {"not": {"required": ["path"]}},
        },
    }
    table = Table(fields=(version, *_others), any_of=(version, url, path), also=_together)
    override = Table(fields=(version_override, *_others), also=_together)


def _components(table: Table) -> Named:
    return Named(noun="a project's name", code="S112", pattern=grammar.PROJECT_PATTERN, of=table, hint=grammar.PROJECT_HINT)


class Target:
    """`[targets.NAME]`."""

    python = Field(
        key="python",
        kind=grammar.PYTHON,
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
        kind=grammar.BASE_IMAGE,
        doc="The base image.",
        required=True,
        example='`base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"`',
    )
    cuda = Field(key="cuda", kind=grammar.CUDA, doc="The CUDA version, where the base image's tag does not say.")
    glibc = Field(key="glibc", kind=grammar.GLIBC, doc="The glibc version, where the base image's tag does not say.")
    driver = Field(key="driver", kind=grammar.DRIVER, doc="The oldest GPU driver that the image must start on.")
    gpus = Field(key="gpus", kind=Items(of=grammar.GPU), doc="The GPU architectures that the image must run on.")
    without = Field(
        key="without",
        kind=Items(of=grammar.PROJECT, once=True),
        doc="The components that this target leaves out; what else needs one of them brings it all the same.",
    )
    overrides = Field(
        key="components", kind=_components(Component.override), doc="What differs in a component for this target."
    )
    table = Table(fields=(python, platform, base, cuda, glibc, driver, gpus, without, overrides))


class Image:
    """`[image]`."""

    apt = Field(
        key="apt", kind=Items(of=grammar.SYSTEM_PACKAGE), doc="System packages to install, each with or without =version."
    )
    workdir = Field(key="workdir", kind=grammar.WORKDIR, doc="The working directory of the image.", default="/app")
    copy = Field(
        key="copy", kind=Items(of=grammar.COPIED), doc="Files and folders of the project to copy into the working directory."
    )
    cmd = Field(key="cmd", kind=Items(of=grammar.ARGUMENT), doc="The command that the image runs, as a list.")
    pip: Field[SpecifierSet] = Field(
        key="pip",
        kind=grammar.PIP_VERSION,
        doc="The versions of pip that may be chosen for the image; the newest where absent.",
    )
    build_tools = Field(
        key="build-tools",
        kind=Items(of=grammar.TOOL),
        doc="Requirements to install beside pip, before the first step.",
        default=["setuptools"],
    )
    installer: Field[Literal["pip", "uv"]] = Field(
        key="installer",
        kind=Choice(noun="an installer", code="S136", options=("pip", "uv")),
        doc="What installs the locked files into the image; uv is locked like pip.",
        default="pip",
    )
    python_from: Field[Literal["base", "distribution", "uv"]] = Field(
        key="python-from",
        kind=Choice(noun="a source of Python", code="S136", options=("base", "distribution", "uv")),
        doc="Where the image's Python comes from; the base image where absent if it brings one, else its distribution.",
    )
    cache_mounts = Field(
        key="cache-mounts", kind=Flag(), doc="Whether downloads are kept in cache mounts of BuildKit from build to build."
    )
    user = Field(key="user", kind=grammar.USER, doc="The user that the image runs as, created for it; root where absent.")
    runtime_base: Field[BaseImage] = Field(
        key="runtime-base", kind=grammar.BASE_IMAGE, doc="The base image to run on, where `base` is only built on."
    )
    runtime_apt = Field(
        key="runtime-apt",
        kind=Items(of=grammar.SYSTEM_PACKAGE),
        doc="System packages to install on the runtime base; those of `apt` are for building then.",
    )
    labels = Field(
        key="labels",
        kind=Entries(
            noun="a label's name", code="S138", pattern=grammar.LABEL_PATTERN, of=grammar.LABEL, hint=grammar.LABEL_HINT
        ),
        doc="Labels of the image, beside those that stackc gives.",
    )
    table = Table(
        fields=(
            apt,
            workdir,
            copy,
            cmd,
            pip,
            build_tools,
            installer,
            python_from,
            cache_mounts,
            user,
            runtime_base,
            runtime_apt,
            labels,
        )
    )


class Policy:
    """`[policy]`."""

    exclude_newer: Field[dt.datetime] = Field(
        key="exclude-newer",
        kind=TextOrTime(text=grammar.MOMENT),
        doc="The moment after which nothing that was uploaded counts, with its offset, such as 2026-11-01T00:00:00Z.",
    )
    unknown: Field[Literal["allow", "warn", "error"]] = Field(
        key="unknown",
        kind=Choice(noun="a policy for unknown combinations", code="S109", options=("allow", "warn", "error")),
        doc="What to do about a combination that the matrix does not know.",
        default="warn",
    )
    fall_back: Field[Literal["allow", "warn", "error"]] = Field(
        key="fall-back",
        kind=Choice(noun="a policy for falling back", code="S109", options=("allow", "warn", "error")),
        doc="What to do about a component that lands far below the newest release that its own range admits.",
        default="warn",
    )
    fall_back_minors = Field(
        key="fall-back-minors",
        kind=Whole(minimum=0, maximum=999),
        doc="How many minor releases below the newest are not far.",
        default=FALL_BACK_MINORS,
    )
    sdists = Field(key="sdists", kind=Items(of=grammar.PROJECT), doc="The projects that may be built from source.")
    table = Table(fields=(exclude_newer, unknown, fall_back, fall_back_minors, sdists))


class Waiver:
    """One entry of `[matrix] waive`."""

    rule = Field(
        key="rule", kind=grammar.RULE, doc="The id of the rule that is set aside.", required=True, example='`rule = "…"`'
    )
    because = Field(
        key="because", kind=grammar.REASON, doc="Why it does not matter here.", required=True, example='`because = "…"`'
    )
    until: Field[dt.date] = Field(
        key="until",
        kind=TextOrTime(text=grammar.DAY),
        doc="The last day on which the waiver holds.",
        required=True,
        example="`until = 2027-01-31`, the day to look at it again",
    )
    table = Table(fields=(rule, because, until))


class Matrix:
    """`[matrix]`."""

    packs = Field(
        key="packs",
        kind=Items(of=grammar.PACK),
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
            pattern=grammar.FOLDER_PATTERN,
            of=Index.table,
            special={BUILTIN_INDEX: Index.builtin},
            hint=grammar.FOLDER_HINT,
        ),
        doc="The indexes beside the built-in one, `pypi`, by name.",
    )
    targets: Field[Mapping[str, Row]] = Field(
        key="targets",
        kind=Named(
            noun="a target's name",
            code="S111",
            pattern=grammar.FOLDER_PATTERN,
            of=Target.table,
            hint=grammar.FOLDER_HINT,
            empty="S119",
        ),
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
