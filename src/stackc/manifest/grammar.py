"""The grammars of a manifest's strings: what each may hold, who reads it, and what to say of one that does not fit."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet

from stackc.manifest import reference
from stackc.manifest.kinds import Text
from stackc.manifest.model import MatrixVersion

__all__ = [
    "ARGUMENT",
    "BASE_IMAGE",
    "COPIED",
    "CUDA",
    "DAY",
    "DRIVER",
    "EXPRESSION",
    "EXTRA",
    "FILE_PATH",
    "FILE_URL",
    "FOLDER_HINT",
    "FOLDER_PATTERN",
    "GLIBC",
    "GPU",
    "INDEX_NAME",
    "INDEX_URL",
    "LABEL",
    "LABEL_HINT",
    "LABEL_PATTERN",
    "MODULE",
    "MOMENT",
    "PACK",
    "PIP_VERSION",
    "PROJECT",
    "PROJECT_HINT",
    "PROJECT_PATTERN",
    "PYTHON",
    "REASON",
    "RULE",
    "SERVED",
    "SHA256",
    "STACK_NAME",
    "SYSTEM_PACKAGE",
    "TARGET_NAME",
    "TOOL",
    "USER",
    "WORKDIR",
]

PROJECT_PATTERN = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
PROJECT_HINT = "a name holds ASCII letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit"
FOLDER_PATTERN = "[a-z0-9][a-z0-9_-]{0,99}"
LABEL_PATTERN = r"(?!stackc(?:\.|$))[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?"
LABEL_HINT = "use letters, digits, `.`, `_`, `-` and `/`, such as `org.opencontainers.image.source`; `stackc.` is taken"
FOLDER_HINT = "use lower-case letters, digits, `-` and `_`; it names files and folders"

_NUMBER = "(?:0|[1-9][0-9]{0,3})"
_TWO_NUMBERS = rf"{_NUMBER}\.{_NUMBER}"
_RELEASE = r"[A-Za-z0-9][A-Za-z0-9.+!_-]*(?:\.\*)?"
_SPECIFIER = rf" *(?:~=|===?|!=|<=?|>=?) *{_RELEASE} *"
_SPECIFIERS = f"{_SPECIFIER}(?:,{_SPECIFIER})*"
_MODULE = "[A-Za-z_][A-Za-z0-9_]*"


def _text(text: str) -> str:
    return text


PROJECT = Text(noun="a project's name", code="S112", pattern=PROJECT_PATTERN, parse=reference.project, hint=PROJECT_HINT)
EXTRA = Text(noun="an extra's name", code="S112", pattern=PROJECT_PATTERN, parse=reference.project, hint=PROJECT_HINT)
STACK_NAME = Text(
    noun="a name",
    code="S111",
    pattern="[a-z0-9][a-z0-9._-]{0,99}",
    parse=_text,
    hint="use lower-case letters, digits, `.`, `-` and `_`",
)
TARGET_NAME = Text(noun="a target's name", code="S120", pattern=FOLDER_PATTERN, parse=_text, hint=FOLDER_HINT)
INDEX_URL = Text(
    noun="the http or https address of an index",
    code="S115",
    pattern=r"https?://[^\s\"'`$\\<>?#{}|^]+",
    parse=reference.index_url,
    hint="write it as `https://host/path`: no query, no fragment, all else percent-encoded",
    secret=True,
)
SERVED = Text(
    noun="a project's name, or a pattern such as `nvidia-*`",
    code="S112",
    pattern=r"[A-Za-z0-9*?\[\]!._-]+",
    parse=reference.served,
    longest=100,
    hint="a pattern may hold letters, digits, `-`, `*`, `?` and `[…]`",
)
VERSION: Text[SpecifierSet | MatrixVersion] = Text(
    noun="a version specifier",
    code="S114",
    pattern=f"matrix|{_SPECIFIERS}",
    parse=reference.component_version,
    hint=reference.version_hint,
)
INDEX_NAME = Text(noun="an index's name", code="S116", pattern=FOLDER_PATTERN, parse=_text, hint=FOLDER_HINT)
FILE_URL = Text(
    noun="the http or https address of a wheel or an sdist",
    code="S140",
    pattern=r"https?://[A-Za-z0-9._~:/%!&()*+,;=\[\]-]+",
    parse=reference.file_url,
    longest=2048,
    hint=reference.file_url_hint,
    secret=True,
)
FILE_PATH = Text(
    noun="the path of a wheel or an sdist inside the project",
    code="S141",
    pattern=r"(?![/<-])(?:(?!\.{1,2}(?:/|$))[^\"'`$\\/*?\[\]]+/)*[^\"'`$\\/*?\[\]]+",
    parse=reference.file_path,
    hint="write it from the manifest's folder on, as `wheels/mylib-1.0-py3-none-any.whl`; no `..`, quote, backslash or `$`",
)
SHA256 = Text(
    noun="a sha256",
    code="S142",
    pattern="[0-9a-fA-F]{64}",
    parse=str.lower,
    hint="write its 64 hexadecimal digits alone, as `sha256sum FILE` prints them",
)
MODULE = Text(
    noun="a module's name",
    code="S128",
    pattern=rf"{_MODULE}(?:\.{_MODULE})*",
    parse=_text,
    hint="write what stands after `import`, such as `torch` or `google.protobuf`",
)
EXPRESSION = Text(noun="a Python expression", code="S127", parse=reference.expression)
PYTHON = Text(
    noun="a CPython version from 3.8 on",
    code="S121",
    pattern=r"3\.(?:[89]|[1-9][0-9])(?:\.(?:0|[1-9][0-9]?))?",
    parse=_text,
    hint="write it as `3.10` or `3.10.14`",
)
BASE_IMAGE = Text(
    noun="an image reference",
    code="S123",
    pattern=reference.IMAGE,
    parse=reference.base_image,
    hint="write it as `repository:tag` or `registry/repository:tag@sha256:…`, the repository in lower case",
)
CUDA = Text(noun="a CUDA version", code="S124", pattern=_TWO_NUMBERS, parse=_text, hint="write it as `12.4`")
GLIBC = Text(noun="a glibc version", code="S124", pattern=_TWO_NUMBERS, parse=_text, hint="write it as `2.35`")
DRIVER = Text(
    noun="a driver version",
    code="S124",
    pattern=r"[0-9]{1,5}(?:\.[0-9]{1,5}){0,3}",
    parse=_text,
    hint="write it as `550` or `550.54.15`",
)
GPU = Text(noun="a GPU architecture", code="S125", pattern="sm_[1-9][0-9]{1,2}a?", parse=_text, hint="write it as `sm_90`")
SYSTEM_PACKAGE = Text(
    noun="a Debian package, with or without `=version`",
    code="S129",
    pattern=r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](?:=[0-9][A-Za-z0-9.+~:-]*)?",
    parse=_text,
    hint="write it as `build-essential` or `git=1:2.34.1-1ubuntu1`",
)
WORKDIR = Text(
    noun="an absolute path",
    code="S130",
    pattern=r"/(?:(?!\.\.(?:/|$))[^\"'`$\\/]+(?:/|$))*",
    parse=_text,
    hint="begin with `/`, and use no `..`, quote, backslash or `$`",
)
COPIED = Text(
    noun="a path inside the project",
    code="S131",
    pattern=r"(?![/<-])(?:(?!\.\.(?:/|$))[^\"'`$\\/]+(?:/|$))+",
    parse=_text,
    hint="write it relative to the build context, and use no `..`, quote, backslash or `$`",
)
ARGUMENT = Text(noun="an argument", code="S132", parse=_text)
USER = Text(
    noun="the name of a user to create",
    code="S137",
    pattern="(?!root$)[a-z_][a-z0-9_-]{0,31}",
    parse=_text,
    hint="use lower-case letters, digits, `-` and `_`, such as `app`; leave the key out to run as root",
)
LABEL = Text(noun="a label's text", code="S138", parse=_text)
PIP_VERSION = Text(
    noun="a version specifier", code="S114", pattern=_SPECIFIERS, parse=reference.specifiers, hint=reference.version_hint
)
TOOL = Text(
    noun="a requirement of a name and its versions",
    code="S132",
    pattern=rf"{PROJECT_PATTERN} *(?:{_SPECIFIERS})?",
    parse=reference.tool,
    hint="write it as `setuptools` or `setuptools>=70`; addresses, extras and markers have no place here",
)
MOMENT = Text(
    noun="a moment with its offset",
    code="S133",
    pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})",
    parse=reference.moment,
    hint="write it as `2026-11-01T00:00:00Z`: without an offset it would mean another moment on each machine",
)
RULE = Text(
    noun="a rule's id", code="S134", pattern="[a-z0-9][a-z0-9._-]*", parse=_text, hint="`stackc matrix list` shows the rules"
)
REASON = Text(noun="a reason", code="S134", pattern=r".*\S.*", parse=_text, hint="say why the rule does not matter here")
DAY = Text(
    noun="a day", code="S134", pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}", parse=reference.day, hint="write a day as `2027-01-31`"
)
PACK = Text(
    noun="`builtin` or a relative pattern of file names",
    code="S135",
    pattern=r"[^/\\][^\\]*",
    parse=_text,
    hint="write it as `rules/*.toml`, relative to the manifest",
)
