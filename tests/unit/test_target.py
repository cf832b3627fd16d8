from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.tags import compatible_tags, cpython_tags
from packaging.version import Version

from stackc.target import Target, supported_tags


def make(python: str = "3.10", *, platform: str = "linux/amd64", glibc: tuple[int, int] = (2, 35)) -> Target:
    return Target(name="gpu", python=Version(python), platform=platform, base="debian:12", glibc=glibc)


def test_the_first_tags_are_the_python_s_own_from_the_newest_glibc_down() -> None:
    tags = [str(tag) for tag in supported_tags(make())]
    assert tags[:34] == [
        *(f"cp310-cp310-manylinux_2_{minor}_x86_64" for minor in range(35, 16, -1)),
        "cp310-cp310-manylinux2014_x86_64",
        *(f"cp310-cp310-manylinux_2_{minor}_x86_64" for minor in range(16, 11, -1)),
        "cp310-cp310-manylinux2010_x86_64",
        *(f"cp310-cp310-manylinux_2_{minor}_x86_64" for minor in range(11, 4, -1)),
        "cp310-cp310-manylinux1_x86_64",
    ]
    assert tags[34:37] == [
        "cp310-cp310-linux_x86_64",
        "cp310-abi3-manylinux_2_35_x86_64",
        "cp310-abi3-manylinux_2_34_x86_64",
    ]


def test_the_last_tags_are_those_of_any_platform_with_the_oldest_python_last() -> None:
    tags = [str(tag) for tag in supported_tags(make())]
    assert tags[-13:] == [
        "cp310-none-any",
        "py310-none-any",
        "py3-none-any",
        *(f"py3{minor}-none-any" for minor in range(9, -1, -1)),
    ]


def test_the_order_is_that_of_packaging_for_the_same_platforms() -> None:
    ours = list(supported_tags(make()))
    platforms = [tag.platform for tag in ours if (tag.interpreter, tag.abi) == ("cp310", "cp310")]
    assert ours == [
        *cpython_tags((3, 10), abis=["cp310"], platforms=platforms),
        *compatible_tags((3, 10), interpreter="cp310", platforms=platforms),
    ]


def test_no_tag_is_yielded_twice() -> None:
    tags = list(supported_tags(make("3.13")))
    assert len(tags) == len(set(tags))


def test_arm_begins_at_manylinux2014() -> None:
    platforms = dict.fromkeys(tag.platform for tag in supported_tags(make(platform="linux/arm64", glibc=(2, 19))))
    assert list(platforms) == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
        "linux_aarch64",
        "any",
    ]


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ('python_version < "3.11"', True),
        ('python_full_version >= "3.10.1"', False),
        ('platform_system == "Linux" and platform_machine == "x86_64"', True),
        ('sys_platform == "win32" or os_name == "nt"', False),
        ('implementation_name == "cpython" and platform_python_implementation == "CPython"', True),
        ('extra == "test"', False),
    ],
)
def test_markers_are_evaluated_for_the_target_and_not_for_this_machine(marker: str, holds: bool) -> None:
    assert Marker(marker).evaluate({**make().marker_environment(), "extra": ""}) == holds


def test_the_marker_environment_is_complete() -> None:
    assert make("3.11.9", platform="linux/arm64").marker_environment() == {
        "implementation_name": "cpython",
        "implementation_version": "3.11.9",
        "os_name": "posix",
        "platform_machine": "aarch64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": "3.11.9",
        "python_version": "3.11",
        "sys_platform": "linux",
    }


def test_virtual_projects_have_the_versions_that_the_target_fixes() -> None:
    target = Target(
        name="gpu",
        python=Version("3.10"),
        platform="linux/amd64",
        base="nvidia/cuda:12.4.1-devel-ubuntu22.04",
        glibc=(2, 35),
        cuda=Version("12.4"),
        driver=Version("550.54.15"),
        gpus=("sm_80", "sm_120"),
    )
    assert (target.virtual_versions(), make().virtual_versions()) == (
        {
            "python": (Version("3.10.0"),),
            "glibc": (Version("2.35"),),
            "cuda": (Version("12.4"),),
            "driver": (Version("550.54.15"),),
            "sm": (Version("80"), Version("120")),
        },
        {"python": (Version("3.10.0"),), "glibc": (Version("2.35"),)},
    )
