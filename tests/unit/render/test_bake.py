"""The bake file, read back by a parser of HCL."""

from __future__ import annotations

import hcl2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackc.layout import BAKE
from stackc.render.bake import bake_file, bake_of
from unit.render.gpu_stack import gpu_manifest

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)


def parsed(content: bytes) -> dict[str, object]:
    """Return the blocks of a file by their type and label, without the parser's own marks."""
    raw: dict[str, list[dict[str, dict[str, object]]]] = hcl2.loads(content.decode("ascii"))
    blocks = {kind: found for kind, found in raw.items() if not kind.startswith("__")}
    return {
        f"{kind} {label.strip(QUOTE)}": {key: plain(value) for key, value in body.items() if not key.startswith("__")}
        for kind, found in blocks.items()
        for block in found
        for label, body in block.items()
        if not label.startswith("__")
    }


QUOTE = '"'


def plain(value: object) -> object:
    return [plain(item) for item in value] if isinstance(value, list) else str(value).strip(QUOTE)


def test_each_target_of_the_manifest_is_one_of_bake() -> None:
    assert parsed(bake_file("zopilot-gpu", {"gpu": "linux/amd64", "edge": "linux/arm64"})) == {
        "variable IMAGE": {"default": "zopilot-gpu"},
        "group default": {"targets": ["gpu", "edge"]},
        "target gpu": {
            "context": ".",
            "dockerfile": "locks/gpu/Dockerfile",
            "platforms": ["linux/amd64"],
            "tags": ["${IMAGE}:gpu"],
        },
        "target edge": {
            "context": ".",
            "dockerfile": "locks/edge/Dockerfile",
            "platforms": ["linux/arm64"],
            "tags": ["${IMAGE}:edge"],
        },
    }


def test_the_file_is_that_of_the_manifest_and_says_how_to_use_it() -> None:
    content = bake_of(gpu_manifest())
    assert content == bake_file("zopilot-gpu", {"gpu": "linux/amd64"})
    assert f"#   docker buildx bake -f {BAKE} gpu\n" in content.decode()


def test_a_target_that_is_called_default_is_not_hidden_by_the_group_of_all() -> None:
    found = parsed(bake_file("a", {"default": "linux/amd64", "b": "linux/amd64"}))
    assert [block for block in found if not block.startswith("variable")] == ["group all", "target default", "target b"]


@pytest.mark.parametrize(
    ("stack", "image"), [("a", "a"), ("a.b_c-d", "a.b_c-d"), ("a..b", "a-b"), ("a-", "a"), ("a--b", "a--b"), ("0_.-x_", "0-x")]
)
def test_the_image_has_a_name_that_docker_takes(stack: str, image: str) -> None:
    assert parsed(bake_file(stack, {"gpu": "linux/amd64"}))["variable IMAGE"] == {"default": image}


@settings(max_examples=10, deadline=None)
@given(st.dictionaries(NAMES, st.sampled_from(["linux/amd64", "linux/arm64"]), min_size=1, max_size=3))
def test_whatever_targets_are_called_the_file_can_be_read(platforms: dict[str, str]) -> None:
    found = parsed(bake_file("a", platforms))
    targets = {block.removeprefix("target "): body for block, body in found.items() if block.startswith("target ")}
    assert {name: body["platforms"] for name, body in targets.items() if isinstance(body, dict)} == {
        name: [platform] for name, platform in platforms.items()
    }
