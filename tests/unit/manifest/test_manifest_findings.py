"""Each way in which a manifest can be wrong has its own finding, compared whole; all of a file come together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackc.errors import Finding, ManifestError, Place
from stackc.manifest.decode import decode

PROJECT = Path(__file__).parents[3]
HEAD = """\
[stack]
name = "demo"
[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "ubuntu:22.04"
"""
NAME_HINT = "a name holds ASCII letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit"
FOLDER_HINT = "use lower-case letters, digits, `-` and `_`; it names files and folders"
PATH_HINT = "write it relative to the build context, and use no `..`, quote, backslash or `$`"
APT_HINT = "write it as `build-essential` or `git=1:2.34.1-1ubuntu1`"
IMAGE_HINT = "write it as `repository:tag` or `registry/repository:tag@sha256:…`, the repository in lower case"
VERIFY_HINT = "write one expression that is true in a good image, such as `torch.version.cuda == '12.4'`"
URL_HINT = "write it as `https://host/path`: no query, no fragment, all else percent-encoded"
MOMENT_HINT = "write it as `2026-11-01T00:00:00Z`: without an offset it would mean another moment on each machine"
LABEL_HINT = "use letters, digits, `.`, `_`, `-` and `/`, such as `org.opencontainers.image.source`; `stackc.` is taken"
PLAIN_HINT = "write it on one line, in plain text"
TOML_HINT = "strings stand in quotes, tables in `[brackets]`; see https://toml.io"


def test_a_text_that_is_not_toml_is_shown_where_it_breaks() -> None:
    assert findings('[stack]\nname = "demo\n') == (
        Finding(
            code="S104",
            message="cannot be read as TOML: illegal character '\\n', at column 13",
            places=(Place(file="stack.toml", line=2, source='name = "demo'),),
            hint=TOML_HINT,
        ),
    )


@pytest.mark.parametrize(
    "line",
    ["url = 'https://someone:secret@example.org' x", 'url = "someone:secret@example.org', "u = ['https://a:secret@b', x]"],
)
def test_a_line_that_is_not_toml_shows_no_credentials(line: str) -> None:
    assert "secret" not in repr(findings(line))


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 5000])
def test_toml_beyond_all_measure_is_not_toml(text: str) -> None:
    assert [finding.code for finding in findings(text)] == ["S104"]


def test_an_empty_manifest_lacks_a_stack_and_a_target() -> None:
    assert findings("") == (
        Finding(
            code="S107",
            message="the manifest has no `stack`",
            places=(Place(file="stack.toml"),),
            hint="add a `[stack]` table with a `name`",
        ),
        Finding(
            code="S119",
            message="the manifest has no `targets`",
            places=(Place(file="stack.toml"),),
            hint="add a table such as `[targets.gpu]`, with `python`, `platform` and `base`",
        ),
    )


def test_all_problems_come_together_sorted_by_line() -> None:
    text = """\
[components.numpy]
order = 0
[stack]
naem = "demo"
[targets]
"""
    assert findings(text) == (
        one("S107", "`[components.numpy]` has no `version`", 1, "components", "numpy", hint='add `version = ">=1.2,<2"`'),
        one(
            "S110",
            "`order` is out of range",
            2,
            "components",
            "numpy",
            "order",
            source="0",
            wanted="an integer from 1 to 999",
            hint="count from 1",
        ),
        one("S107", "`[stack]` has no `name`", 3, "stack", hint='add `name = "my-image"`'),
        one("S105", "unknown key `naem`", 4, "stack", "naem", source='"demo"', hint="did you mean `name`?"),
        one("S119", "`targets` is empty", 5, "targets", hint="add at least one table to it"),
    )


@pytest.mark.parametrize(
    ("removed", "message", "hint"),
    [
        ('python = "3.10"\n', "`[targets.gpu]` has no `python`", 'add `python = "3.10"`'),
        ('platform = "linux/amd64"\n', "`[targets.gpu]` has no `platform`", 'add `platform = "linux/amd64"`'),
        ('base = "ubuntu:22.04"\n', "`[targets.gpu]` has no `base`", 'add `base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"`'),
    ],
)
def test_a_target_says_what_it_needs(removed: str, message: str, hint: str) -> None:
    assert findings(HEAD.replace(removed, "")) == (one("S107", message, 3, "targets", "gpu", hint=hint),)


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("python = 3.10", ("S106", "`python` has the wrong type", "put it in quotes", "a string", "a float")),
        ('python = "2.7"', ("S121", "`2.7` is not a CPython version from 3.8 on", "write it as `3.10` or `3.10.14`")),
        ('python = "3.07"', ("S121", "`3.07` is not a CPython version from 3.8 on", "write it as `3.10` or `3.10.14`")),
        (
            'platform = "linux/amd46"',
            (
                "S122",
                "`linux/amd46` is not a platform that stackc builds for",
                "did you mean `linux/amd64`?",
                "one of `linux/amd64`, `linux/arm64`",
            ),
        ),
        (
            'platform = "windows"',
            ("S122", "`windows` is not a platform that stackc builds for", None, "one of `linux/amd64`, `linux/arm64`"),
        ),
        ('base = "Ubuntu:22.04"', ("S123", "`Ubuntu:22.04` is not an image reference", IMAGE_HINT)),
        ('base = "ubuntu:22.04 AS x"', ("S123", "`ubuntu:22.04 AS x` is not an image reference", IMAGE_HINT)),
        ('base = "ubuntu:$(id)"', ("S123", "`ubuntu:$(id)` is not an image reference", IMAGE_HINT)),
        ('base = "ubuntu@sha256:12"', ("S123", "`ubuntu@sha256:12` is not an image reference", IMAGE_HINT)),
        ('base = "ubuntu:22.04\\nRUN id"', ("S108", "`ubuntu:22.04\\nRUN id` holds a control character", PLAIN_HINT)),
        ('cuda = "12"', ("S124", "`12` is not a CUDA version", "write it as `12.4`")),
        ('glibc = "2.35-0ubuntu3"', ("S124", "`2.35-0ubuntu3` is not a glibc version", "write it as `2.35`")),
        ('driver = "R550"', ("S124", "`R550` is not a driver version", "write it as `550` or `550.54.15`")),
    ],
)
def test_a_targets_values_have_their_forms(line: str, finding: tuple[str | None, ...]) -> None:
    key, _, source = line.partition(" = ")
    text = re.sub(rf"^{key} = .*\n", "", HEAD, flags=re.MULTILINE) + line
    assert findings(text) == (written(finding, text.count("\n") + 1, "targets", "gpu", key, source=source),)


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        (
            'version = "1.2.3"',
            (
                "S114",
                "`1.2.3` is not a version specifier",
                'write `"==1.2.3"` for this very version, or `">=1.2.3"` for it and all later ones',
            ),
        ),
        ('version = "*"', ("S114", "`*` is not a version specifier", 'write `">=0"` for any version')),
        ('version = "^1.2"', ("S114", "`^1.2` is not a version specifier", 'write a range as `">=1.2,<2"`')),
        (
            'version = ">=1.2.3+cu124"',
            ("S114", "`>=1.2.3+cu124` is not a version specifier", "separate specifiers by commas, such as `>=1.26,<2`"),
        ),
        (
            'version = ">2,<1"',
            ("S114", "no version can satisfy `>2,<1`", "its parts exclude each other: widen one of them"),
        ),
        (
            'version = "===1;$(id)"',
            ("S114", "`===1;$(id)` is not a version specifier", "separate specifiers by commas, such as `>=1.26,<2`"),
        ),
        ("version = 2", ("S106", "`version` has the wrong type", "put it in quotes", "a string", "an integer")),
        ('index = "cu12"', ("S116", "there is no index `cu12`", "did you mean `cu124`?")),
        ('index = "nowhere"', ("S116", "there is no index `nowhere`", "known here: `pypi`, `cu124`")),
        ("order = 0", ("S110", "`order` is out of range", "count from 1", "an integer from 1 to 999")),
        ("order = -1", ("S110", "`order` is out of range", "count from 1", "an integer from 1 to 999")),
        ("order = 1.0", ("S106", "`order` has the wrong type", None, "an integer", "a float")),
        ("order = true", ("S106", "`order` has the wrong type", None, "an integer", "a boolean")),
        ("extras = 'x'", ("S106", "`extras` has the wrong type", None, "an array", "a string")),
        (
            "import = 2026-11-01",
            ("S106", "`import` has the wrong type", None, "a string or an array of strings", "a date"),
        ),
        (
            'import = "os; id"',
            (
                "S128",
                "`os; id` is not a module's name",
                "write what stands after `import`, such as `torch` or `google.protobuf`",
            ),
        ),
        (
            'oder = "x"',
            ("S105", "unknown key `oder`", "did you mean `order`?"),
        ),
        (
            '"\\u001bq" = "x"',
            (
                "S105",
                "unknown key `\\x1bq`",
                "known here: `version`, `index`, `url`, `path`, `sha256`, `order`, `extras`, `import`, `verify`",
            ),
        ),
    ],
)
def test_a_components_values_have_their_forms(line: str, finding: tuple[str | None, ...]) -> None:
    key, _, source = line.partition(" = ")
    path = key if "\\" not in key else "\x1bq"
    version = "" if key == "version" else 'version = ">=1"\n'
    text = f'{HEAD}[indexes.cu124]\nurl = "https://example.org"\n[components.numpy]\n{version}{line}'
    assert findings(text) == (written(finding, text.count("\n") + 1, "components", "numpy", path, source=source),)


@pytest.mark.parametrize(
    ("table", "key", "item", "finding"),
    [
        ("components.a", "extras", "'$(id)'", ("S112", "`$(id)` is not an extra's name", NAME_HINT)),
        ("components.a", "verify", "'1 +'", ("S127", "`1 +` is not a Python expression: invalid syntax", VERIFY_HINT)),
        ("components.a", "verify", "'x = 1'", ("S127", "`x = 1` is not a Python expression: invalid syntax", VERIFY_HINT)),
        ("components.a", "verify", '"x\\ny"', ("S108", "`x\\ny` holds a control character", PLAIN_HINT)),
        ("targets.cpu", "gpus", "'H100'", ("S125", "`H100` is not a GPU architecture", "write it as `sm_90`")),
        ("image", "apt", "'a b'", ("S129", "`a b` is not a Debian package, with or without `=version`", APT_HINT)),
        ("image", "apt", "'--purge'", ("S129", "`--purge` is not a Debian package, with or without `=version`", APT_HINT)),
        ("image", "apt", "'git-'", ("S129", "`git-` is not a Debian package, with or without `=version`", APT_HINT)),
        ("image", "apt", "'$(id)'", ("S129", "`$(id)` is not a Debian package, with or without `=version`", APT_HINT)),
        ("image", "copy", "'/etc'", ("S131", "`/etc` is not a path inside the project", PATH_HINT)),
        ("image", "copy", "'a/../../b'", ("S131", "`a/../../b` is not a path inside the project", PATH_HINT)),
        ("image", "copy", "'..'", ("S131", "`..` is not a path inside the project", PATH_HINT)),
        ("image", "copy", "'--from=x'", ("S131", "`--from=x` is not a path inside the project", PATH_HINT)),
        ("image", "copy", "'a\"b'", ("S131", '`a"b` is not a path inside the project', PATH_HINT)),
        ("image", "cmd", '"a\\u0000"', ("S108", "`a\\x00` holds a control character", PLAIN_HINT)),
        ("image", "cmd", '"a\\u202eb"', ("S108", "`a\\u202eb` holds a control character", PLAIN_HINT)),
        ("image", "cmd", "1", ("S106", "an item of `cmd` has the wrong type", "put it in quotes", "a string", "an integer")),
        (
            "image",
            "build-tools",
            "'a @ https://u:secret@h'",
            (
                "S132",
                "`a @ https://***@h` is not a requirement of a name and its versions",
                "write it as `setuptools` or `setuptools>=70`; addresses, extras and markers have no place here",
            ),
        ),
        ("policy", "sdists", "'a b'", ("S112", "`a b` is not a project's name", NAME_HINT)),
        (
            "matrix",
            "packs",
            "'/etc/*'",
            (
                "S135",
                "`/etc/*` is not `builtin` or a relative pattern of file names",
                "write it as `rules/*.toml`, relative to the manifest",
            ),
        ),
    ],
)
def test_each_item_of_a_list_has_its_form_and_its_line(
    table: str, key: str, item: str, finding: tuple[str | None, ...]
) -> None:
    needed = {
        "components.a": 'version = "matrix"\n',
        "targets.cpu": HEAD.partition("[targets.gpu]\n")[2],
    }
    target = 'default-target = "cpu"\n' if table == "targets.cpu" else ""
    text = HEAD.replace("[targets", f"{target}[targets") + f"[{table}]\n{needed.get(table, '')}{key} = [\n  {item}, # here\n]"
    source = {"'a @ https://u:secret@h'": '"a @ https://***@h"', '"a\\u0000"': '"a\\x00"', '"a\\u202eb"': '"a\\u202eb"'}
    line = text.count("\n")
    assert findings(text) == (written(finding, line, *table.split("."), key, 0, source=source.get(item, item)),)


@pytest.mark.parametrize(
    ("table", "line", "finding"),
    [
        (
            "image",
            'workdir = "app"',
            ("S130", "`app` is not an absolute path", "begin with `/`, and use no `..`, quote, backslash or `$`"),
        ),
        (
            "image",
            'workdir = "/a/$(id)"',
            ("S130", "`/a/$(id)` is not an absolute path", "begin with `/`, and use no `..`, quote, backslash or `$`"),
        ),
        (
            "image",
            'pip = "25"',
            (
                "S114",
                "`25` is not a version specifier",
                'write `"==25"` for this very version, or `">=25"` for it and all later ones',
            ),
        ),
        (
            "image",
            'installer = "conda"',
            ("S136", "`conda` is not an installer", None, "one of `pip`, `uv`"),
        ),
        (
            "image",
            'python-from = "distro"',
            (
                "S136",
                "`distro` is not a source of Python",
                "did you mean `distribution`?",
                "one of `base`, `distribution`, `uv`",
            ),
        ),
        (
            "image",
            'user = "root"',
            (
                "S137",
                "`root` is not the name of a user to create",
                "use lower-case letters, digits, `-` and `_`, such as `app`; leave the key out to run as root",
            ),
        ),
        (
            "image",
            'user = "a; id"',
            (
                "S137",
                "`a; id` is not the name of a user to create",
                "use lower-case letters, digits, `-` and `_`, such as `app`; leave the key out to run as root",
            ),
        ),
        (
            "image",
            'runtime-apt = ["libgomp1"]',
            (
                "S139",
                "`runtime-apt` is for a runtime base, and there is none",
                "name the image to run on as `runtime-base`, or list the packages in `apt`",
            ),
        ),
        (
            "image.labels",
            'stackc = "x"',
            ("S138", "`stackc` is not a label's name", LABEL_HINT),
        ),
        ("image.labels", 'a = "b\\nc"', ("S108", "`b\\nc` holds a control character", PLAIN_HINT)),
        ("policy", "exclude-newer = 2026-11-01", ("S133", "`2026-11-01` is not a moment with its offset", MOMENT_HINT)),
        (
            "policy",
            "exclude-newer = 2026-11-01T00:00:00",
            ("S133", "`2026-11-01T00:00:00` is not a moment with its offset", MOMENT_HINT),
        ),
        (
            "policy",
            'exclude-newer = "2026-02-30T00:00:00Z"',
            (
                "S133",
                "`2026-02-30T00:00:00Z` is not in the calendar",
                "write a moment with its offset, such as `2026-11-01T00:00:00Z`",
            ),
        ),
        (
            "policy",
            "exclude-newer = 2026",
            ("S106", "`exclude-newer` has the wrong type", "put it in quotes", "a string", "an integer"),
        ),
        (
            "policy",
            'unknown = "wran"',
            (
                "S109",
                "`wran` is not a policy for unknown combinations",
                "did you mean `warn`?",
                "one of `allow`, `warn`, `error`",
            ),
        ),
        (
            "policy",
            'fall-back = "eror"',
            ("S109", "`eror` is not a policy for falling back", "did you mean `error`?", "one of `allow`, `warn`, `error`"),
        ),
        (
            "policy",
            "fall-back-minors = -1",
            ("S110", "`fall-back-minors` is out of range", "count from 0", "an integer from 0 to 999"),
        ),
    ],
)
def test_the_single_values_of_the_other_tables_have_their_forms(table: str, line: str, finding: tuple[str | None, ...]) -> None:
    key, _, source = line.partition(" = ")
    assert findings(f"{HEAD}[{table}]\n{line}") == (written(finding, 8, *table.split("."), key, source=source),)


def test_a_waiver_needs_a_rule_a_reason_and_an_end() -> None:
    text = (
        f'{HEAD}[[matrix.waive]]\nrule = "a"\nbecause = " "\nuntil = 2027-01-01\n[[matrix.waive]]\nrule = "No!"\nuntil = "soon"'
    )
    assert findings(text) == (
        one(
            "S134",
            "` ` is not a reason",
            9,
            *("matrix", "waive", 0, "because"),
            source='" "',
            hint="say why the rule does not matter here",
        ),
        one("S107", "`matrix.waive[1]` has no `because`", 11, "matrix", "waive", 1, hint='add `because = "…"`'),
        one(
            "S134",
            "`No!` is not a rule's id",
            12,
            *("matrix", "waive", 1, "rule"),
            source='"No!"',
            hint="`stackc matrix list` shows the rules",
        ),
        one(
            "S134",
            "`soon` is not a day",
            13,
            *("matrix", "waive", 1, "until"),
            source='"soon"',
            hint="write a day as `2027-01-31`",
        ),
    )


def test_the_top_level_tables_are_tables() -> None:
    assert findings("stack = 1\ntargets = []\nindexes = 10:30:00") == (
        one("S106", "`stack` has the wrong type", 1, "stack", source="1", wanted="a table", found="an integer"),
        one("S106", "`targets` has the wrong type", 2, "targets", source="[]", wanted="a table of tables", found="an array"),
        one(
            "S106", "`indexes` has the wrong type", 3, "indexes", source="10:30:00", wanted="a table of tables", found="a time"
        ),
    )


@pytest.mark.parametrize(
    ("url", "shown", "message"),
    [
        ("ftp://example.org", "ftp://example.org", "is not the http or https address of an index"),
        (
            "https://u:secret@example.org/?t=secret",
            "https://***@example.org/?***",
            "is not the http or https address of an index",
        ),
        ("https://u:secret@example.org/#a", "https://***@example.org/#a", "is not the http or https address of an index"),
        ("u:secret@example.org", "***@example.org", "is not the http or https address of an index"),
        ("https://example.org/$(id)", "https://example.org/$(id)", "is not the http or https address of an index"),
        ("https://u:secret@:80/", "https://***@:80/", "has no usable host and port"),
        ("https://u:secret@example.org:99999/", "https://***@example.org:99999/", "has no usable host and port"),
    ],
)
def test_an_index_has_an_address_and_its_credentials_are_never_shown(url: str, shown: str, message: str) -> None:
    hints = {
        "has no usable host and port": (
            "write it as `https://host/path`, with any `%`, `[` or `]` in its user info percent-encoded"
        )
    }
    assert findings(f'{HEAD}[indexes.own]\nurl = "{url}"') == (
        one("S115", f"`{shown}` {message}", 8, "indexes", "own", "url", source=f'"{shown}"', hint=hints.get(message, URL_HINT)),
    )


def test_a_newline_in_an_address_is_refused_without_its_credentials() -> None:
    assert findings(f'{HEAD}[indexes.own]\nurl = "https://u:secret@example.org\\nRUN id"') == (
        one(
            "S108",
            r"`https://***@example.org\nRUN id` holds a control character",
            8,
            *("indexes", "own", "url"),
            source=r'"https://***@example.org\nRUN id"',
            hint=PLAIN_HINT,
        ),
    )


def test_two_default_indexes_are_named_together() -> None:
    own = '[indexes.{}]\nurl = "https://example.org"\ndefault = true\n'
    assert findings(HEAD + own.format("a") + own.format("b")) == (
        Finding(
            code="S117",
            message="more than one index is the default one",
            places=(
                Place(file="stack.toml", line=9, path=("indexes", "a", "default"), source="true"),
                Place(file="stack.toml", line=12, path=("indexes", "b", "default"), source="true"),
            ),
            hint="keep one `default = true`",
        ),
    )


def test_a_manifest_without_a_default_index_is_refused() -> None:
    assert findings(f"{HEAD}[indexes.pypi]\ndefault = false") == (
        one(
            "S117",
            "no index is the default one",
            8,
            *("indexes", "pypi", "default"),
            source="false",
            hint="give another index `default = true`",
        ),
    )


@pytest.mark.parametrize(
    ("claim", "rival", "clash"),
    [
        ("torch", "Torch", "`torch` is"),
        ("nvidia-*", "nvidia-c*", "`nvidia-*` and `nvidia-c*` are"),
        ("*-cu12", "nvidia-*", "`*-cu12` and `nvidia-*` are"),
        ("torch?udio", "torch[a-c]*", "`torch?udio` and `torch[a-c]*` are"),
        ("nvidia-*", "torch*", None),
        ("torch[!v]*", "torchv*", None),
        ("torch?", "torch", None),
        ("a[b", "ab", None),
    ],
)
def test_a_project_is_claimed_by_one_index(claim: str, rival: str, clash: str | None) -> None:
    own = '[indexes.{}]\nurl = "https://example.org"\nserves = ["x-{}", "{}"]\n'
    text = HEAD + own.format("a", "a", claim) + own.format("b", "b", rival)
    clashes = (
        Finding(
            code="S118",
            message=f"{clash} claimed by two indexes, `a` and `b`",
            places=(
                Place(file="stack.toml", line=9, path=("indexes", "a", "serves", 1), source=f'"{claim}"'),
                Place(file="stack.toml", line=12, path=("indexes", "b", "serves", 1), source=f'"{rival}"'),
            ),
            hint="a project is looked up on one index: take it out of the other's `serves`",
        ),
    )
    assert outcome(text) == (clashes if clash else ())


def test_two_spellings_of_one_project_are_named_together() -> None:
    text = f'{HEAD}[components.foo-bar]\nversion = "==1"\n[components."Foo_Bar"]\nversion = "==2"\n'
    assert findings(text) == (
        Finding(
            code="S113",
            message="`foo-bar` and `Foo_Bar` are the same project",
            places=(
                Place(file="stack.toml", line=9, path=("components", "Foo_Bar")),
                Place(file="stack.toml", line=7, path=("components", "foo-bar")),
            ),
            hint="keep one table, `foo-bar`",
        ),
    )


def test_a_virtual_project_is_no_component() -> None:
    assert findings(f'{HEAD}[components.CUDA]\nversion = "==12.4"') == (
        one(
            "S112",
            "`CUDA` is no project of an index",
            7,
            *("components", "CUDA"),
            hint="a target has it: see `python`, `cuda`, `driver`, `glibc` and `gpus` of `[targets.NAME]`",
        ),
    )


def test_an_override_needs_a_component() -> None:
    text = f'{HEAD}[targets.gpu.components.tosch]\norder = 1\n[components.torch]\nversion = "==2.5.1"'
    assert findings(text) == (
        one(
            "S126",
            "there is no component `tosch` to override",
            7,
            *("targets", "gpu", "components", "tosch"),
            hint="did you mean `torch`?",
        ),
    )


def test_the_default_target_exists() -> None:
    assert findings(HEAD.replace('"demo"', '"demo"\ndefault-target = "gqu"')) == (
        one("S120", "there is no target `gqu`", 3, "stack", "default-target", source='"gqu"', hint="did you mean `gpu`?"),
    )


def test_several_targets_need_a_default_one() -> None:
    cpu = HEAD.partition("[targets.gpu]")[2]
    assert findings(f"{HEAD}[targets.cpu]{cpu}") == (
        one("S120", "none of the 2 targets is the default one", 1, "stack", hint='add `default-target = "gpu"`'),
    )


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nRUN id", "$(id)", 'a"b', "../a", "Gpu", "", "https://u:secret@h"])
def test_hostile_names_are_refused_and_shown_escaped(name: str) -> None:
    key = "".join(f"\\u{ord(char):04x}" for char in name)
    shown = name.encode("unicode_escape").decode().replace("u:secret", "***")
    text = f"""\
[stack]
name = "{key}"
[indexes."{key}"]
url = "https://example.org"
[targets."{key}"]
python = "3.10"
platform = "linux/amd64"
base = "ubuntu:22.04"
[components."{key}"]
version = ">=1"
"""
    found = findings(text)
    control = "\x1b" in name or "\n" in name
    assert [(finding.code, finding.message, finding.places[0].line) for finding in found] == [
        ("S108", f"`{shown}` holds a control character", 2) if control else ("S111", f"`{shown}` is not a name", 2),
        ("S111", f"`{shown}` is not an index's name", 3),
        ("S111", f"`{shown}` is not a target's name", 5),
        *([] if name == "Gpu" else [("S112", f"`{shown}` is not a project's name", 9)]),
    ]
    assert "secret" not in repr(found)


def test_every_code_of_the_decoder_has_a_page_and_every_page_a_finding() -> None:
    sources = (PROJECT / "src" / "stackc" / "manifest").glob("*.py")
    used = {code for path in sources for code in re.findall(r'"(S1\d\d)"', path.read_text(encoding="utf-8"))}
    pages = (PROJECT / "src" / "stackc" / "data" / "codes" / "manifest.toml").read_text(encoding="utf-8")
    assert sorted(used) == re.findall(r"^\[(S\d+)\]$", pages, flags=re.MULTILINE)


SNIPPETS = [
    *("", "\n", '"', "'", "[", "]", "{", "}", "=", ".", ",", "#", "\\", '"""', "'''", "é", "1", "-", "@", "://", "nan", "true"),
    *("\x00", "\x1b", "\ud800", "\u2028", "[[a]]\n", "[targets.x]\n", "2026-11-01", "a.b = 1\n", "[" * 500, "a." * 5000),
    "order = 0x" + "f" * 5000,
]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mutated_manifest_decodes_or_says_why_not(data: st.DataObject) -> None:
    text = (PROJECT / "stack.toml").read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=4))) + text[stop:]
    assert all(re.fullmatch(r"S1\d\d", finding.code) and finding.message.isprintable() for finding in outcome(text))


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(ManifestError) as raised:
        decode(text, file="stack.toml")
    return raised.value.findings


def outcome(text: str) -> tuple[Finding, ...]:
    """Return the findings of a text that may have none."""
    try:
        decode(text, file="stack.toml")
    except ManifestError as error:
        return error.findings
    return ()


def one(
    code: str,
    message: str,
    line: int,
    *path: str | int,
    source: str | None = None,
    wanted: str | None = None,
    found: str | None = None,
    hint: str | None = None,
) -> Finding:
    place = Place(file="stack.toml", line=line, path=path, source=source)
    return Finding(code=code, message=message, places=(place,), wanted=wanted, found=found, hint=hint)


def written(finding: tuple[str | None, ...], line: int, *path: str | int, source: str) -> Finding:
    """Return the finding of a row of the tables above: code, message, hint, wanted and found."""
    code, message, hint, wanted, found = (*finding, None, None)[:5]
    assert code is not None
    assert message is not None
    return one(code, message, line, *path, source=source, wanted=wanted, found=found, hint=hint)
