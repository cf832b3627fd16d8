"""What there is for a package beyond its pin."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from packaging.version import Version

from stackc.obstacles import Obstacle
from stackc.online.outlook import Elsewhere, Later, Outlook, outlook_of
from stackc.view.curate import Listed, Misfit
from unit.lock.lock_samples import NUMPY, name

PYTHON = Misfit("it needs Python >=3.13", "python")
WHY = Obstacle(PYTHON.text)
LATE = "2026-12-01T00:00:00Z"


def listed(text: str, **more: object) -> list[Listed]:
    return [replace(Listed(version=Version(word)), **more) for word in text.split()]


def looked(releases: Sequence[Listed], *, pin: str = "1.26.4", allowed: str | None = "1.26.4") -> Outlook:
    return outlook_of(
        replace(NUMPY, version=Version(pin)),
        listed=releases,
        allowed=Version(allowed) if allowed is not None else None,
        obstacles=(),
        elsewhere=WHY,
        component=True,
    )


def outlook(*, pin: str = "1.26.4", newest: str, later: Later | None = None, elsewhere: Elsewhere | None = None) -> Outlook:
    return Outlook(
        name=name("numpy"),
        index="pypi",
        component=True,
        locked=Version(pin),
        allowed=Version("1.26.4"),
        newest=Version(newest),
        later=later,
        elsewhere=elsewhere,
    )


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        ([], outlook(newest="1.26.4")),
        (listed("2.0 2.1 1.27"), outlook(newest="2.1")),
        (listed("2.0 2.1rc1 2.2.dev1"), outlook(newest="2.0")),
        (listed("2.0") + listed("2.1", yanked="broken"), outlook(newest="2.0")),
        (listed("2.0+cu124 1.27"), outlook(newest="2.0+cu124")),
        (listed("2.0") + listed("2.1 2.2", misfit=PYTHON), outlook(newest="2.0", elsewhere=Elsewhere(Version("2.2"), WHY))),
        (listed("2.2") + listed("2.1", misfit=PYTHON), outlook(newest="2.2")),
        (
            listed("2.0") + listed("2.1 2.2", too_new=True, uploaded=LATE) + listed("3.0", too_new=True, misfit=PYTHON),
            outlook(newest="2.0", later=Later(Version("2.2"), LATE)),
        ),
        (listed("2.0") + listed("1.27", too_new=True), outlook(newest="2.0")),
    ],
)
def test_the_newest_is_what_the_target_can_install_before_the_cut_off(releases: Sequence[Listed], expected: Outlook) -> None:
    assert looked(releases) == expected


def test_pre_releases_count_where_the_pin_is_one() -> None:
    assert looked(listed("2.0rc2 2.0rc1"), pin="2.0rc1").newest == Version("2.0rc2")


@pytest.mark.parametrize(
    ("allowed", "can_move", "is_kept_below"),
    [("1.26.4", False, True), ("1.27", True, True), ("2.0", True, False), ("1.25", False, True), (None, False, True)],
)
def test_a_package_can_move_and_be_kept_below_its_newest(allowed: str | None, can_move: bool, is_kept_below: bool) -> None:
    found = looked(listed("2.0 1.27"), allowed=allowed)
    assert (found.can_move, found.is_kept_below) == (can_move, is_kept_below)
