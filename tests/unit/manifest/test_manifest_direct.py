"""Components that name a file of their own: what they decode to, what is wrong with them, and what the schema makes of both."""

from __future__ import annotations

import pytest
import tomli
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.errors import Finding, ManifestError, Place
from stackc.manifest.decode import decode
from stackc.manifest.direct import check_fit
from stackc.manifest.model import Component, DirectReference
from stackc.manifest.schema import json_schema
from stackc.target import Target

SHA = "0123456789abcdef" * 4
HEAD = """\
[stack]
name = "demo"
[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "ubuntu:22.04"
"""
WHEEL = "flash_attn-2.7.4.post1+cu12torch2.5cxx11abiFALSE-cp310-cp310-linux_x86_64.whl"
URL = f"https://example.org/v2.7.4/{WHEEL}".replace("+", "%2B")
OF_URL = f'url = "{URL}"\nsha256 = "{SHA}"\n'
VERSION = SpecifierSet("==2.7.4.post1+cu12torch2.5cxx11abifalse")
BY_URL = DirectReference(kind="url", location=URL, file=WHEEL, sha256=SHA)
NAMED_HINT = (
    "end it with a name such as `mylib-1.0-py3-none-any.whl` or `mylib-1.0.tar.gz`: it says project, version and target"
)
PATH_HINT = "write it from the manifest's folder on, as `wheels/mylib-1.0-py3-none-any.whl`; no `..`, quote, backslash or `$`"
USER_HINT = "leave user and password out: stackc and pip take them from a netrc file, in a build from a mounted secret"
SHA_HINT = 'add `sha256 = "…"`: the 64 digits beside the download, or of `curl -L URL | sha256sum` if you trust it'


def component(lines: str, *, override: str = "", name: str = "flash-attn", rest: str = "") -> Component:
    """Return a component as target `gpu` has it."""
    text = f"{HEAD}{rest}[components.{name}]\n{lines}"
    if override:
        text += f"[targets.gpu.components.{name}]\n{override}"
    (found,) = decode(text, file="stack.toml").components_for("gpu")
    return found


def made(*, version: SpecifierSet = VERSION, direct: DirectReference | None = BY_URL, **more: object) -> Component:
    name = canonicalize_name("flash-attn")
    return Component(name=name, spelled="flash-attn", version=version, direct=direct, **more)  # type: ignore[arg-type]


def test_a_url_fixes_the_version_that_its_name_says() -> None:
    assert component(OF_URL + 'order = 3\nverify = ["True"]') == made(order=3, verify=("True",))


def test_a_url_may_spell_its_plus_as_it_is_and_its_hash_in_capitals() -> None:
    lines = OF_URL.replace("%2B", "+").replace(SHA, SHA.upper())
    assert component(lines) == made(
        direct=DirectReference(kind="url", location=URL.replace("%2B", "+"), file=WHEEL, sha256=SHA)
    )


@pytest.mark.parametrize("version", ["==2.7.4.post1", ">=2.7", VERSION])
def test_a_version_beside_a_file_has_to_admit_it(version: str) -> None:
    assert component(f'{OF_URL}version = "{version}"') == made()


def test_a_path_may_go_without_a_hash() -> None:
    file = "mylib-1.0-py3-none-any.whl"
    found = component(f'path = "my wheels/{file}"', name="mylib")
    assert found.direct == DirectReference(kind="path", location=f"my wheels/{file}", file=file, sha256=None)
    assert (found.version, found.index) == (SpecifierSet("==1.0"), None)


def test_an_override_names_another_file_in_place_of_an_index() -> None:
    assert component('version = ">=2"\nindex = "pypi"\norder = 2\n', override=OF_URL) == made(order=2)


def test_an_override_of_the_order_alone_keeps_the_file() -> None:
    assert component(OF_URL, override="order = 4") == made(order=4)


@pytest.mark.parametrize("index", [None, "pypi"])
def test_an_override_with_a_version_goes_back_to_an_index(index: str | None) -> None:
    override = 'version = "==2.7.4"' + (f'\nindex = "{index}"' if index else "")
    assert component(OF_URL, override=override) == made(version=SpecifierSet("==2.7.4"), direct=None, index=index)


def test_an_sdist_is_a_file_too_where_the_policy_allows_it() -> None:
    found = component('path = "flash_attn-2.7.4.tar.gz"', rest='[policy]\nsdists = ["Flash_Attn"]\n')
    assert found.version == SpecifierSet("==2.7.4")


Row = tuple[str, str, str, str, str | None]
"""The lines of a component, then the code, the message, the key that the finding points at, and its hint."""

BAD: list[Row] = [
    (
        f'url = "https://me:secret@example.org/a-1.0.tar.gz"\nsha256 = "{SHA}"',
        "S140",
        "`https://***@example.org/a-1.0.tar.gz` is not the http or https address of a wheel or an sdist",
        "url",
        USER_HINT,
    ),
    (
        f'url = "https://example.org/a-1.0.tar.gz#sha256=1"\nsha256 = "{SHA}"',
        "S140",
        "`https://example.org/a-1.0.tar.gz#sha256=1` is not the http or https address of a wheel or an sdist",
        "url",
        "leave out what follows `#`: the hash goes into `sha256`",
    ),
    (
        f'url = "https://example.org/a.whl?token=secret"\nsha256 = "{SHA}"',
        "S140",
        "`https://example.org/a.whl?***` is not the http or https address of a wheel or an sdist",
        "url",
        "leave out what follows `?`: a signed address ends with its signature; use a lasting one",
    ),
    (
        f'url = "git+https://example.org/a.git"\nsha256 = "{SHA}"',
        "S140",
        "`git+https://example.org/a.git` is not the http or https address of a wheel or an sdist",
        "url",
        "write it as `https://host/path/mylib-1.0-py3-none-any.whl`, all else percent-encoded",
    ),
    (
        f'url = "https://example.org/a.whl"\nsha256 = "{SHA}"',
        "S140",
        "`a.whl` is not the name of a wheel or an sdist",
        "url",
        NAMED_HINT,
    ),
    (
        f'url = "https://example.org/a%2Fb-1.0-py3-none-any.whl"\nsha256 = "{SHA}"',
        "S140",
        "`a/b-1.0-py3-none-any.whl` is not the name of a wheel or an sdist",
        "url",
        NAMED_HINT,
    ),
    (
        f'url = "https://:80/flash_attn-1.0-py3-none-any.whl"\nsha256 = "{SHA}"',
        "S140",
        "`https://:80/flash_attn-1.0-py3-none-any.whl` has no usable host and port",
        "url",
        "write it as `https://host/path`, with any `%`, `[` or `]` in its user info percent-encoded",
    ),
    *(
        (
            f'path = "{path}"',
            "S141",
            f"`{path}` is not the path of a wheel or an sdist inside the project",
            "path",
            PATH_HINT,
        )
        for path in (
            "../flash_attn-1.0-py3-none-any.whl",
            "/flash_attn-1.0-py3-none-any.whl",
            "./flash_attn-1.0-py3-none-any.whl",
            "a/../flash_attn-1.0-py3-none-any.whl",
            "a//flash_attn-1.0-py3-none-any.whl",
            "$HOME/flash_attn-1.0-py3-none-any.whl",
            "flash_attn-*.whl",
        )
    ),
    ('path = "dist/flash.whl"', "S141", "`flash.whl` is not the name of a wheel or an sdist", "path", NAMED_HINT),
    (
        f'url = "{URL}"\nsha256 = "sha256:{SHA}"',
        "S142",
        f"`sha256:{SHA}` is not a sha256",
        "sha256",
        "write its 64 hexadecimal digits alone, as `sha256sum FILE` prints them",
    ),
    (
        f'version = ">=1"\nsha256 = "{SHA}"',
        "S142",
        "`sha256` is that of a `url` or a `path`, and there is none here",
        "sha256",
        "name the file as `url` or `path` in this very table, or remove the line",
    ),
    (f'url = "{URL}"', "S143", "a `url` needs the `sha256` of its file", "url", SHA_HINT),
    (
        f'url = "{URL.replace("flash_attn", "other")}"\nsha256 = "{SHA}"',
        "S145",
        f"`{WHEEL.replace('flash_attn', 'other')}` is a file of `other`, not of `flash-attn`",
        "url",
        "name a file of this project, or rename the component",
    ),
    (
        'path = "flash_attn-1.0.tar.gz"',
        "S149",
        "`flash_attn-1.0.tar.gz` is an sdist, which would be built from source",
        "path",
        'allow it with `sdists = ["flash-attn"]` below `[policy]`, or name a wheel',
    ),
]


@pytest.mark.parametrize(("lines", "code", "message", "key", "hint"), BAD)
def test_what_is_wrong_with_a_file_is_told_at_its_line(lines: str, code: str, message: str, key: str, hint: str | None) -> None:
    (found,) = findings(f"{HEAD}[components.flash-attn]\n{lines}")
    line = 8 + [text.partition(" = ")[0] for text in lines.splitlines()].index(key)
    assert (found.code, found.message, found.hint) == (code, message, hint)
    assert [(place.line, place.path) for place in found.places] == [(line, ("components", "flash-attn", key))]
    assert "me:secret" not in repr(found)


@pytest.mark.parametrize(
    ("lines", "code", "message", "keys", "hint"),
    [
        (f'{OF_URL}path = "a/{WHEEL}"', "S144", "`url` and `path` name two files", ("url", "path"), "keep one of the two"),
        (
            f'{OF_URL}index = "pypi"',
            "S144",
            "`url` and `index` are two sources",
            ("url", "index"),
            "remove `index`: the file is taken from where it is, and no index is asked",
        ),
        (
            f'{OF_URL}version = "matrix"',
            "S144",
            '`url` leaves nothing for `version = "matrix"` to choose',
            ("url", "version"),
            "remove `version`: the file's name says which one it is, and the matrix checks that it fits",
        ),
        (
            f'{OF_URL}version = ">=2.8"',
            "S145",
            "the file is of version 2.7.4.post1+cu12torch2.5cxx11abifalse, which `>=2.8` does not admit",
            ("url", "version"),
            "change one of the two lines; a component with a file of its own needs no `version`",
        ),
    ],
)
@pytest.mark.parametrize("table", ["components.flash-attn", "targets.gpu.components.flash-attn"])
def test_two_lines_that_contradict_each_other_are_told_together(
    table: str, lines: str, code: str, message: str, keys: tuple[str, str], hint: str
) -> None:
    base = "" if table.startswith("components") else '[components.flash-attn]\nversion = ">=1"\n'
    found = findings(f"{HEAD}{base}[{table}]\n{lines}")
    assert [(each.code, each.message, tuple(place.path[-1] for place in each.places), each.hint) for each in found] == [
        (code, message, keys, hint)
    ]


def test_a_component_says_a_version_or_a_file() -> None:
    assert findings(f"{HEAD}[components.a]\norder = 1") == (
        Finding(
            code="S107",
            message="`[components.a]` has no `version`",
            places=(Place(file="stack.toml", line=7, path=("components", "a")),),
            hint='add `version = ">=1.2,<2"`',
        ),
    )


def test_an_override_that_goes_back_to_an_index_says_a_version() -> None:
    (found,) = findings(f'{HEAD}[components.flash-attn]\n{OF_URL}[targets.gpu.components.flash-attn]\nindex = "pypi"')
    assert (found.code, found.message) == ("S147", "an override that goes back to an index needs a `version`")
    assert found.places[0].path == ("targets", "gpu", "components", "flash-attn", "index")


@pytest.mark.parametrize("name", ["pip", "setuptools", "Hatchling"])
def test_the_tools_of_the_image_come_from_an_index(name: str) -> None:
    image = '[image]\nbuild-tools = ["setuptools", "hatchling>=1"]\n'
    (found,) = findings(f'{HEAD}{image}[components.{name}]\npath = "{name}-1.0-py3-none-any.whl"')
    assert (found.code, found.message) == ("S148", f"`{name.lower()}` is installed before the first step, from its index")


@pytest.mark.parametrize(
    "lines",
    [
        OF_URL,
        f'{OF_URL}version = ">=1"',
        'path = "a-1.0-py3-none-any.whl"',
        f'path = "a-1.0-py3-none-any.whl"\nsha256 = "{SHA}"',
    ],
)
def test_the_schema_admits_a_file(lines: str) -> None:
    assert reported(f"{HEAD}[components.a]\n{lines}") == 0


@pytest.mark.parametrize(
    "lines",
    [
        "order = 1",
        f'url = "{URL}"',
        f'version = ">=1"\nsha256 = "{SHA}"',
        f'{OF_URL}index = "pypi"',
        f'{OF_URL}path = "a-1.0-py3-none-any.whl"',
        f'path = "../a-1.0-py3-none-any.whl"\nsha256 = "{SHA}"',
        f'url = "https://a:b@c/a-1.0-py3-none-any.whl"\nsha256 = "{SHA}"',
        f'url = "{URL}"\nsha256 = "0"',
    ],
)
def test_the_schema_refuses_what_the_decoder_refuses(lines: str) -> None:
    assert reported(f"{HEAD}[components.a]\n{lines}") > 0
    assert findings(f"{HEAD}[components.a]\n{lines}") != ()


TARGET = Target(name="gpu", python=Version("3.10"), platform="linux/amd64", base="ubuntu:22.04", glibc=(2, 35))


@pytest.mark.parametrize("tags", ["cp310-cp310-linux_x86_64", "py3-none-any", "cp38-abi3-manylinux_2_34_x86_64"])
def test_a_file_that_the_targets_installer_takes_fits(tags: str) -> None:
    direct = DirectReference(kind="path", location="a", file=f"a-1.0-{tags}.whl", sha256=None)
    assert check_fit(direct, TARGET, Place(file="stack.toml")) is None


@pytest.mark.parametrize(
    "tags", ["cp311-cp311-linux_x86_64", "cp310-cp310-linux_aarch64", "cp310-cp310-manylinux_2_36_x86_64", "py3-none-win_amd64"]
)
def test_a_file_for_another_python_platform_or_glibc_does_not_fit(tags: str) -> None:
    place = Place(file="stack.toml", line=3)
    direct = DirectReference(kind="url", location="a", file=f"a-1.0-{tags}.whl", sha256=SHA)
    assert check_fit(direct, TARGET, place) == Finding(
        code="S146",
        message=f"`a-1.0-{tags}.whl` does not fit target `gpu`",
        places=(place,),
        wanted="a wheel for Python 3.10 on linux/amd64 with glibc 2.35 or older",
        found=tags,
        hint="name another file for this target, as `url` in `[targets.gpu.components.…]`; "
        "or leave the component out of it: name it in `without` of `[targets.gpu]`",
    )


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(ManifestError) as raised:
        decode(text, file="stack.toml")
    return raised.value.findings


def reported(text: str) -> int:
    """Return how much JSON Schema has against a manifest."""
    return len(list(Draft202012Validator(json_schema()).iter_errors(tomli.loads(text))))
