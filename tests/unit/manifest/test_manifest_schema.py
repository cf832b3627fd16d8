"""Schema and decoder agree, since both are read from the same fields.

To write the committed schema anew, print `stackc.manifest.schema.schema_text()` into it.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import tomli
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from stackc.errors import ManifestError
from stackc.manifest.decode import decode
from stackc.manifest.schema import json_schema, schema_text

PROJECT = Path(__file__).parents[3]
HEAD = """\
[stack]
name = "demo"
[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "ubuntu:22.04"
"""
COMPONENT = HEAD + '[components.a]\nversion = ">=1"\n'
LEAVING_OUT = (
    COMPONENT.replace('"demo"', '"demo"\ndefault-target = "gpu"')
    + '[components.A_b]\nversion = ">=1"\n'
    + '[targets.cpu]\npython = "3.10"\nplatform = "linux/amd64"\nbase = "a"\nwithout = ["a-b"]\n'
)
INDEX = HEAD + '[indexes.own]\nurl = "https://example.org/simple"\n'
WAIVER = HEAD + '[[matrix.waive]]\nrule = "a"\nbecause = "b"\nuntil = 2027-01-01\n'


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = (PROJECT / "src" / "stackc" / "data" / "stack.schema.json").read_bytes()
    assert committed == schema_text().encode("utf-8")


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert json.loads(schema_text()) == json_schema()


def test_the_projects_own_manifest_fits_the_schema() -> None:
    assert reports((PROJECT / "stack.toml").read_text(encoding="utf-8")) == []


def test_every_key_of_the_schema_is_described() -> None:
    assert [path for path, schema in properties(json_schema()) if not str(schema.get("description", "")).endswith(".")] == []


GOOD = [
    HEAD,
    COMPONENT,
    INDEX,
    WAIVER,
    COMPONENT + 'order = 1\nextras = ["X-y"]\nimport = "a.b"\nverify = ["True"]',
    COMPONENT + 'import = ["a", "b.c"]',
    COMPONENT.replace(">=1", "matrix"),
    COMPONENT.replace(">=1", " >= 1.0a1 , !=1.1.*, ==2!3+cu124"),
    HEAD + "components.A-b = {}\n[components.a-b]\nversion = '==1'",
    HEAD + 'cuda = "12.4"\nglibc = "2.35"\ndriver = "550"\ngpus = ["sm_90a", "sm_120"]',
    LEAVING_OUT,
    HEAD.replace("ubuntu:22.04", "localhost/a/b__c:T_1@sha256:" + "a" * 64),
    HEAD.replace("ubuntu:22.04", "[::1]:5000/a-b.c"),
    HEAD.replace('"demo"', '"demo"\ndefault-target = "gpu"'),
    INDEX + 'serves = ["torch", "nvidia-*"]\ndefault = true',
    HEAD + "[indexes.pypi]\nserves = []",
    HEAD
    + '[image]\napt = ["g++", "ab=1:2~b"]\nworkdir = "/"\ncopy = ["a/b/", "*.py"]\ncmd = []\npip = ">=2"\nbuild-tools = ["b"]',
    HEAD
    + '[image]\ninstaller = "uv"\npython-from = "base"\ncache-mounts = true\nuser = "app_1-x"\nlabels = {"a.b/c-d" = "x y"}',
    HEAD + '[image]\nruntime-base = "ubuntu:22.04"\nruntime-apt = ["libgomp1"]\nlabels = {stackcx = ""}',
    HEAD + '[policy]\nexclude-newer = 2026-11-01T00:00:00Z\nunknown = "allow"\nsdists = ["a"]',
    HEAD + '[policy]\nfall-back = "error"\nfall-back-minors = 0',
    HEAD + '[policy]\nexclude-newer = "2026-11-01 00:00:00.5+01:00"',
    HEAD + '[matrix]\npacks = ["builtin", "../rules/*.toml"]\nwaive = []',
    WAIVER.replace("2027-01-01", '"2027-01-01"'),
]
BAD = [
    "",
    HEAD.partition("[targets")[0],
    HEAD.partition("[targets")[0] + "[targets]",
    HEAD.replace("name", "nmae"),
    HEAD.replace('"demo"', "1"),
    HEAD.replace('"demo"', '"De mo"'),
    HEAD.replace('"demo"', r'"demo\n"'),
    HEAD.replace('"demo"', f'"{"a" * 101}"'),
    HEAD.replace('"demo"', '"demo"\ndefault-target = "../gpu"'),
    HEAD + "[unknown]",
    HEAD.replace("targets.gpu", "targets.Gpu"),
    HEAD.replace("targets.gpu", r'targets."gpu\n"'),
    *[
        HEAD.replace('"3.10"', python)
        for python in ("3.10", '"3.7"', '"3.010"', '"3"', '"3.10.1.1"', '"4.0"', '"3.10\\n"', "[]")
    ],
    *[HEAD.replace("linux/amd64", platform) for platform in ("linux/amd46", "windows/amd64", "")],
    *[
        HEAD.replace("ubuntu:22.04", base)
        for base in ("", "Ubuntu", "a b", "a:$(b)", "a:", "a@sha256:1", "a//b", "-a", "a:" + "b" * 129, "$BASE", "a'b", r"a\n")
    ],
    *[LEAVING_OUT.replace('"a-b"', without) for without in ('"a-b", "a-b"', "1", '"a b"')],
    LEAVING_OUT.replace('["a-b"]', '"a-b"'),
    *[
        HEAD + line
        for line in ('cuda = "12"', "cuda = 12.4", 'glibc = "2"', 'driver = "R550"', 'gpus = "sm_90"', 'gpus = ["H100"]')
    ],
    HEAD + "components.a.version = 1",
    HEAD + "components.a.b = 1",
    HEAD + "[components.a]",
    HEAD + "components = []",
    HEAD + '[components."a b"]\nversion = ">=1"',
    HEAD + '[components.""]\nversion = ">=1"',
    *[
        COMPONENT.replace(">=1", version)
        for version in ("", "1", "*", "^1", ">=1 <2", ">=1;x", ">=$(id)", r">=1\n", "latest", "Matrix")
    ],
    *[COMPONENT + f"order = {order}" for order in ("0", "-1", "1000", "'1'", "true", "1.5")],
    *[COMPONENT + line for line in ('index = "A"', "index = 1", "extras = 'x'", "extras = ['$(id)']", "extras = [1]")],
    *[COMPONENT + f"import = {value}" for value in ("1", "'a b'", "['a', 1]", "['a..b']", "{}", "''")],
    *[COMPONENT + f"verify = {value}" for value in ("'True'", "[true]", r'["a\nb"]', f'["{"1+" * 600}1"]')],
    *[
        INDEX.replace("https://example.org/simple", url)
        for url in ("", "ftp://a", "https://a?b", "https://a#b", "https://a b", "https://")
    ],
    HEAD + "[indexes.own]\ndefault = true",
    INDEX + "default = 'yes'",
    INDEX + "serves = ['a b']",
    INDEX + "serves = 'a'",
    HEAD + "[indexes.pypi]\nsevres = []",
    *[
        HEAD + f"[image]\n{line}"
        for line in (
            *(
                "apt = 'a'",
                "apt = ['a b']",
                "apt = ['-y']",
                "apt = ['a-']",
                "apt = ['a=']",
                "workdir = 'a'",
                "workdir = '/a/../b'",
            ),
            *(
                "workdir = ''",
                "workdir = '/$HOME'",
                "copy = ['/a']",
                "copy = ['..']",
                "copy = ['a/..']",
                "copy = ['--a']",
                "copy = ['']",
            ),
            *(
                "cmd = 'a'",
                "cmd = [1]",
                r'cmd = ["a\u0000"]',
                "pip = '25'",
                "pip = 25",
                "build-tools = ['a @ b']",
                "buildtools = []",
            ),
            *("installer = 'conda'", "installer = true", "python-from = 'apt'", "cache-mounts = 'yes'", "runtime-base = 'A'"),
            *("user = 'root'", "user = ''", "user = 'a b'", "user = 'A'", "user = '1'", f"user = '{'a' * 33}'"),
            *("labels = []", "labels = {a = 1}", "labels = {'a b' = 'c'}", "labels = {stackc = 'a'}", "labels = {'' = 'a'}"),
            *("labels.'stackc.x' = 'a'", "labels.'$x' = 'a'", "labels.a- = 'b'", r'labels.a = "b\nc"', r'labels."a\n" = "b"'),
        )
    ],
    *[
        HEAD + f"[policy]\n{line}"
        for line in (
            *(
                "exclude-newer = 2026-11-01",
                "exclude-newer = 2026-11-01T00:00:00",
                "exclude-newer = 'soon'",
                "exclude-newer = 1",
            ),
            *("fall-back = 'eror'", "fall-back-minors = -1", "fall-back-minors = '3'", "fall-back-minors = 1000"),
            *("unknown = 'wran'", "unknown = true", "sdists = ['a b']", "sdists = 'a'", "sdist = []"),
        )
    ],
    *[
        HEAD + f"[matrix]\n{line}"
        for line in ("packs = 'builtin'", "packs = ['/a']", "packs = ['']", "waive = {}", "waive = [{}]")
    ],
    *[WAIVER.replace(f"{old}", new) for old, new in (('"b"', '" "'), ('"a"', '"A!"'), ("2027-01-01", "2027-01-01T00:00:00Z"))],
    WAIVER + "extra = 1",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_the_decoder_accepts_fits_the_schema(text: str) -> None:
    assert (reports(text), decodes(text)) == ([], True)


@pytest.mark.parametrize("text", BAD)
def test_what_the_decoder_refuses_does_not_fit_the_schema(text: str) -> None:
    assert (reports(text) != [], decodes(text)) == (True, False)


def reports(text: str) -> list[object]:
    return list(Draft202012Validator(json_schema()).iter_errors(as_json(tomli.loads(text))))


def decodes(text: str) -> bool:
    try:
        decode(text, file="stack.toml")
    except ManifestError:
        return False
    return True


def as_json(value: object) -> object:
    """Return TOML's data as an editor's validator sees it: dates are strings."""
    if isinstance(value, dict):
        return {key: as_json(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_json(child) for child in value]
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


def properties(schema: object, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], dict[str, object]]]:
    """Return the schema of each property at any depth, with its path."""
    found: list[tuple[tuple[str, ...], dict[str, object]]] = []
    if not isinstance(schema, dict):
        return found
    for key, child in schema.get("properties", {}).items():
        if path[-1:] != ("indexes",):
            found.append(((*path, key), child))
        found += properties(child, (*path, key))
    return found + properties(schema.get("additionalProperties"), (*path, "*")) + properties(schema.get("items"), (*path, "[]"))
