"""What a target leaves out: who is left, where that is said, and what cannot be meant."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from stackc.errors import Finding, ManifestError, Place
from stackc.lock.model import Route
from stackc.manifest.decode import decode
from stackc.manifest.model import Manifest
from stackc.plan import routes_of

HEAD = """\
[stack]
name = "demo"
default-target = "gpu"

[indexes.cu124]
url = "https://example.org/whl/cu124"
serves = ["Torch", "nvidia-*"]

[indexes.own]
url = "https://example.org/own"

[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "ubuntu:22.04"

[targets.cpu]
python = "3.10"
platform = "linux/amd64"
base = "ubuntu:22.04"
"""
COMPONENTS = """
[components.numpy]
version = ">=1.26"
order = 1

[components.Flash_Attn]
version = "==2.7"
order = 2

[components.torch]
version = "==2.5.1"
index = "cu124"
order = 3
"""


def read(without: str, *, components: str = COMPONENTS) -> Manifest:
    """The manifest whose target `cpu` has these further lines."""
    return decode(f"{HEAD}{without}\n{components}", file="stack.toml")


def refused(without: str, *, components: str = COMPONENTS) -> tuple[Finding, ...]:
    with pytest.raises(ManifestError) as raised:
        read(without, components=components)
    return raised.value.findings


def finding(code: str, message: str, *places: Place, hint: str) -> Finding:
    return Finding(code=code, message=message, places=places, hint=hint)


def at(line: int, *path: str | int, source: str | None = None) -> Place:
    return Place(file="stack.toml", line=line, path=path, source=source)


def test_what_a_target_leaves_out_is_there_for_the_others_alone() -> None:
    manifest = read('without = ["flash-attn", "torch"]')
    names = {target: [component.name for component in manifest.components_for(target)] for target in manifest.targets}
    assert names == {"gpu": ["numpy", "flash-attn", "torch"], "cpu": ["numpy"]}


def test_who_has_a_component_and_where_it_is_left_out_can_be_asked() -> None:
    manifest = read('without = [\n  "Flash.Attn", # for CUDA alone\n  "torch",\n]')
    flash, torch, numpy = (canonicalize_name(name) for name in ("flash-attn", "torch", "numpy"))
    assert [manifest.having(name) for name in (flash, torch, numpy)] == [("gpu",), ("gpu",), ("gpu", "cpu")]
    assert manifest.left_out("gpu") == {}
    assert manifest.left_out("cpu") == {
        flash: at(22, "targets", "cpu", "without", 0, source='"Flash.Attn"'),
        torch: at(23, "targets", "cpu", "without", 1, source='"torch"'),
    }


def test_nothing_is_left_out_by_an_empty_list() -> None:
    assert [component.name for component in read("without = []").components_for("cpu")] == ["numpy", "flash-attn", "torch"]


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        (
            'without = ["flash-atn"]',
            finding(
                "S172",
                "there is no component `flash-atn` to leave out",
                at(21, "targets", "cpu", "without", 0, source='"flash-atn"'),
                hint="did you mean `Flash_Attn`?",
            ),
        ),
        (
            'without = ["torch", "flash-attn", "TORCH"]',
            finding(
                "S173",
                "`torch` is left out twice",
                at(21, "targets", "cpu", "without", 2, source='"TORCH"'),
                at(21, "targets", "cpu", "without", 0, source='"torch"'),
                hint="keep one of the two",
            ),
        ),
        (
            'without = ["flash-attn"]\n[targets.cpu.components.FLASH-ATTN]\nversion = "==2.6"',
            finding(
                "S174",
                "`flash-attn` is left out of target `cpu`, which also says what differs in it there",
                at(21, "targets", "cpu", "without", 0, source='"flash-attn"'),
                at(22, "targets", "cpu", "components", "FLASH-ATTN"),
                hint="a target leaves a component out, or has it and says what differs: keep one of the two",
            ),
        ),
        (
            'without = ["flash-attn", "torch", "numpy"]',
            finding(
                "S175",
                "target `cpu` leaves every component out",
                at(21, "targets", "cpu", "without", source='["flash-attn", "torch", "numpy"]'),
                hint="leave one of them in, or remove the target",
            ),
        ),
        (
            'without = ["torch version"]',
            finding(
                "S112",
                "`torch version` is not a project's name",
                at(21, "targets", "cpu", "without", 0, source='"torch version"'),
                hint="a name holds ASCII letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit",
            ),
        ),
    ],
)
def test_a_list_that_cannot_be_meant_is_told_with_its_lines(without: str, expected: Finding) -> None:
    assert refused(without) == (expected,)


def test_where_nothing_is_a_component_a_name_is_to_be_removed() -> None:
    (found,) = refused('without = ["torch"]', components="")
    assert (found.code, found.hint) == ("S172", "remove it")


def test_a_component_that_every_target_leaves_out_is_told_with_all_of_its_lines() -> None:
    text = f"{HEAD}{COMPONENTS}".replace('base = "ubuntu:22.04"', 'base = "ubuntu:22.04"\nwithout = ["torch"]')
    with pytest.raises(ManifestError) as raised:
        decode(text, file="stack.toml")
    assert raised.value.findings == (
        finding(
            "S176",
            "`torch` is left out of every target",
            at(32, "components", "torch"),
            at(16, "targets", "gpu", "without", 0, source='"torch"'),
            at(22, "targets", "cpu", "without", 0, source='"torch"'),
            hint="remove the component and these names of it, or leave it in one target",
        ),
    )


def test_the_index_of_what_is_left_out_serves_it_to_whoever_else_needs_it() -> None:
    manifest = read('without = ["flash-attn"]', components=COMPONENTS.replace('"==2.7"', '"==2.7"\nindex = "own"'))
    whole = routes_of(manifest)
    assert (
        routes_of(manifest, "gpu")
        == whole
        == (
            Route(index="cu124", serves=("torch", "nvidia-*")),
            Route(index="own"),
            Route(index="pypi", default=True),
        )
    )
    assert routes_of(manifest, "cpu") == (whole[0], Route(index="own", serves=("flash-attn",)), whole[2])


def test_the_index_of_what_is_left_out_goes_before_one_that_serves_its_name() -> None:
    manifest = read('without = ["torch"]', components=COMPONENTS.replace('index = "cu124"', 'index = "own"'))
    assert routes_of(manifest, "cpu") == (
        Route(index="cu124", serves=("nvidia-*",)),
        Route(index="own", serves=("torch",)),
        Route(index="pypi", default=True),
    )


def test_what_an_index_serves_by_name_is_named_once() -> None:
    manifest = read('without = ["torch"]')
    assert routes_of(manifest, "cpu") == routes_of(manifest)
