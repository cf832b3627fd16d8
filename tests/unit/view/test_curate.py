"""Which file of which release a target is shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from packaging.tags import parse_tag
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from stackc.target import Target, supported_tags
from stackc.upstream.simple import FileRow
from stackc.view.candidates import Candidate
from stackc.view.curate import Curation, Listed, Misfit, Rejection, moment_of
from stackc.view.filenames import versions_of
from support.workbench import make_target, name_of

NUMPY = name_of("numpy")


def row(filename: str, *, python: str | None = None, uploaded: str | None = None, yanked: bool | str = False) -> FileRow:
    return FileRow(filename=filename, url=filename, requires_python=python, upload_time=uploaded, yanked=yanked)


def wheels(*names: str) -> list[FileRow]:
    return [row(f"{name}.whl") for name in names]


def shown(
    files: Sequence[FileRow],
    *,
    project: str = "numpy",
    target: Target | None = None,
    cutoff: dt.datetime | None = None,
    sdists: Sequence[str] = (),
) -> list[tuple[str, str]]:
    curation = Curation(target or make_target(), exclude_newer=cutoff, sdists=map(name_of, sdists))
    return [(found.version, found.file.filename) for found in curation.curate(name_of(project), files)]


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_a_release_shows_the_file_whose_tag_the_target_prefers() -> None:
    files = wheels(
        "numpy-1.0-py3-none-any",
        "numpy-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "numpy-1.0-cp310-cp310-manylinux_2_28_x86_64",
        "numpy-1.0-cp310-abi3-manylinux_2_35_x86_64",
        "numpy-1.0-cp311-cp311-manylinux_2_28_x86_64",
        "numpy-1.0-cp310-cp310-win_amd64",
    )

    assert shown(files) == [("1.0", "numpy-1.0-cp310-cp310-manylinux_2_28_x86_64.whl")]


def test_the_order_in_which_files_are_listed_never_matters() -> None:
    files = wheels("numpy-1.0-py3-none-any", "numpy-1.0-cp310-cp310-linux_x86_64", "numpy-1.0-cp36-abi3-linux_x86_64")

    assert shown(files) == shown(files[::-1]) == [("1.0", "numpy-1.0-cp310-cp310-linux_x86_64.whl")]


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["numpy-1.0-py3-none-any", "numpy-1.0-1-py3-none-any"], "numpy-1.0-1-py3-none-any"),
        (["numpy-1.0-9-py3-none-any", "numpy-1.0-10-py3-none-any"], "numpy-1.0-10-py3-none-any"),
        (["numpy-1.0-2a-py3-none-any", "numpy-1.0-2b-py3-none-any"], "numpy-1.0-2b-py3-none-any"),
        (["numpy-1.0-1-py3-none-any", "numpy-1.0-cp310-cp310-linux_x86_64"], "numpy-1.0-cp310-cp310-linux_x86_64"),
    ],
    ids=["any-before-none", "by-number", "then-by-the-rest", "after-the-tags"],
)
def test_of_equal_tags_the_highest_build_number_wins(names: list[str], best: str) -> None:
    assert shown(wheels(*names)) == [("1.0", f"{best}.whl")]


def test_releases_come_newest_first_whatever_their_versions_look_like() -> None:
    names = ["1.0", "1!0.1", "1.0.post1", "1.0rc1", "1.0+cu124", "1.0.dev1", "0.9"]
    files = wheels(*(f"numpy-{version}-py3-none-any" for version in names))

    versions = [version for version, _ in shown(files)]

    assert versions == ["1!0.1", "1.0.post1", "1.0+cu124", "1.0", "1.0rc1", "1.0.dev1", "0.9"]


def test_two_spellings_of_one_version_are_one_release() -> None:
    files = wheels("numpy-1.0-py3-none-any", "numpy-1.0.0-cp310-cp310-linux_x86_64", "numpy-1.0.0.0-py2.py3-none-any")

    assert shown(files) == [("1.0.0", "numpy-1.0.0-cp310-cp310-linux_x86_64.whl")]


@pytest.mark.parametrize(
    "filename",
    [
        "numpy-1.0-py3-none.whl",
        "numpy-1.0-x1-py3-none-any.whl",
        "numpy-1.0-²-py3-none-any.whl",
        "numpy-one-py3-none-any.whl",
        "other-1.0-py3-none-any.whl",
        "numpy-extra-1.0-py3-none-any.whl",
        "numpy-1.0-py3-none-any.whl.metadata",
        "numpy-1.0-py3-none-any.egg",
        "numpy-1.0-cp310-cp310-.whl",
        "numpy-1.0.tar.gz",
        ".whl",
        "",
    ],
)
def test_a_file_with_an_odd_name_is_passed_over(filename: str) -> None:
    assert shown([row(filename)]) == []


def test_a_project_is_found_under_any_spelling_of_its_name() -> None:
    files = wheels("Ruamel.YAML-1.0-py3-none-any", "ruamel_yaml-2.0-py3-none-any")

    assert shown(files, project="ruamel-yaml") == [
        ("2.0", "ruamel_yaml-2.0-py3-none-any.whl"),
        ("1.0", "Ruamel.YAML-1.0-py3-none-any.whl"),
    ]


@pytest.mark.parametrize(
    ("python", "admitted"),
    [(">=3.9", True), (">=3.11", False), ("<3.10.1", True), ("!=3.10.*", False), ("", True), ("gibberish", True)],
)
def test_requires_python_is_judged_for_the_target(python: str, admitted: bool) -> None:
    assert bool(shown([row("numpy-1.0-py3-none-any.whl", python=python)])) is admitted


def test_a_release_is_left_to_the_files_that_admit_the_python() -> None:
    files = [row("numpy-1.0-cp310-cp310-linux_x86_64.whl", python=">=3.11"), row("numpy-1.0-py3-none-any.whl")]

    assert shown(files) == [("1.0", "numpy-1.0-py3-none-any.whl")]


@pytest.mark.parametrize(
    ("uploaded", "admitted"),
    [
        ("2024-06-01T11:59:59Z", True),
        ("2024-06-01T12:00:00Z", True),
        ("2024-06-01T12:00:01Z", False),
        ("2024-06-01T12:00:00.000001Z", False),
        ("2024-06-01T11:59:59.999999Z", True),
        ("2024-06-01T14:00:00+02:00", True),
        ("2024-06-01T14:00:00.5+02:00", False),
        ("2024-06-01T09:00:01-03:00", False),
        ("2024-06-01 12:00:01Z", False),
        ("2024-06-01t12:00:00z", True),
        ("2024-06-01T12:00:00", True),
        ("2024-06-01T12:00:01", False),
        ("yesterday", True),
        ("0001-01-01T00:00:00+14:00", True),
        (None, True),
    ],
)
def test_a_file_counts_until_the_very_second_of_exclude_newer(uploaded: str | None, admitted: bool) -> None:
    files = [row("numpy-1.0-py3-none-any.whl", uploaded=uploaded)]

    assert bool(shown(files, cutoff=moment("2024-06-01T12:00:00+00:00"))) is admitted


def test_an_exclude_newer_with_a_fraction_is_kept_to_the_fraction() -> None:
    cutoff = moment("2024-06-01T12:00:00.500000+00:00")
    files = [
        row("numpy-1.0-py3-none-any.whl", uploaded="2024-06-01T12:00:00.4Z"),
        row("numpy-2.0-py3-none-any.whl", uploaded="2024-06-01T12:00:00.500001Z"),
        row("numpy-3.0-py3-none-any.whl", uploaded="2024-06-01T12:00:00.5000001Z"),
    ]

    assert shown(files, cutoff=cutoff) == [("1.0", "numpy-1.0-py3-none-any.whl")]


def test_an_exclude_newer_in_another_time_zone_is_the_same_moment() -> None:
    files = [row("numpy-1.0-py3-none-any.whl", uploaded="2024-06-01T12:00:00Z")]

    assert shown(files, cutoff=moment("2024-06-01T14:00:00+02:00")) == [("1.0", "numpy-1.0-py3-none-any.whl")]
    assert shown(files, cutoff=moment("2024-06-01T13:59:59+02:00")) == []


def test_moments_of_upload_are_read_as_rfc_3339_writes_them() -> None:
    spelled = ["2024-06-01T12:00:00Z", "2024-06-01T12:00:00.25+00:00", "2024-06-01", "2024-13-01T12:00:00Z"]

    assert [moment_of(text) for text in spelled] == [
        moment("2024-06-01T12:00:00+00:00"),
        moment("2024-06-01T12:00:00.250000+00:00"),
        None,
        None,
    ]


def test_a_yanked_file_stands_back_behind_any_other_of_its_release() -> None:
    files = [row("numpy-1.0-cp310-cp310-linux_x86_64.whl", yanked="broken"), row("numpy-1.0-py3-none-any.whl")]

    assert shown(files) == [("1.0", "numpy-1.0-py3-none-any.whl")]


def test_a_yanked_release_is_kept_and_marked() -> None:
    file = row("numpy-1.0-py3-none-any.whl", yanked="broken")

    assert Curation(make_target()).curate(NUMPY, [file]) == [Candidate("1.0", file)]


def test_an_sdist_counts_only_for_projects_that_the_policy_names() -> None:
    files = [row("numpy-2.0.tar.gz"), row("numpy-1.0-py3-none-any.whl"), row("numpy-1.0.zip")]

    assert shown(files) == [("1.0", "numpy-1.0-py3-none-any.whl")]
    assert shown(files, sdists=["numpy"]) == [("2.0", "numpy-2.0.tar.gz"), ("1.0", "numpy-1.0-py3-none-any.whl")]


def test_an_sdist_of_old_is_found_though_its_name_holds_hyphens() -> None:
    files = [row("ruamel.yaml-clib-0.2.8.tar.gz"), row("ruamel-yaml-clib-0.2.7-post1.tar.gz")]

    assert shown(files, project="ruamel-yaml-clib", sdists=["ruamel-yaml-clib"]) == [
        ("0.2.8", "ruamel.yaml-clib-0.2.8.tar.gz"),
        ("0.2.7.post1", "ruamel-yaml-clib-0.2.7-post1.tar.gz"),
    ]


def test_a_target_of_older_glibc_or_another_machine_sees_other_files() -> None:
    files = wheels(
        "numpy-2.0-cp310-cp310-manylinux_2_28_x86_64",
        "numpy-1.0-cp310-cp310-manylinux2014_x86_64",
        "numpy-3.0-cp310-cp310-manylinux2014_aarch64",
    )

    assert shown(files, target=make_target(glibc=(2, 27))) == [("1.0", "numpy-1.0-cp310-cp310-manylinux2014_x86_64.whl")]
    assert shown(files, target=make_target(platform="linux/arm64")) == [
        ("3.0", "numpy-3.0-cp310-cp310-manylinux2014_aarch64.whl")
    ]


@pytest.mark.parametrize("python", ["3.10", "3.12", "3.13.2"])
@pytest.mark.parametrize("glibc", [(2, 17), (2, 31), (2, 39)])
def test_the_best_file_is_the_one_that_packaging_ranks_first(python: str, glibc: tuple[int, int]) -> None:
    target = make_target(python, glibc=glibc)
    tags = [
        "py3-none-any", "py2.py3-none-any", "py310-none-any", "py39-none-any", "cp310-none-any",
        "cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp312-cp312-manylinux_2_31_x86_64",
        "cp313-cp313t-manylinux_2_31_x86_64", "cp313-cp313-manylinux_2_28_x86_64", "cp37.cp38-abi3-manylinux1_x86_64",
        "py3-none-manylinux_2_31_x86_64", "py3-none-linux_x86_64", "cp39-abi3-manylinux2014_x86_64",
    ]  # fmt: skip
    names = [
        f"numpy-1.{number}{build}-{tag}.whl" for number in range(3) for build in ("", "-1", "-2x") for tag in tags[number::2]
    ]
    ranks = {tag: rank for rank, tag in enumerate(supported_tags(target))}
    best: dict[Version, tuple[int, tuple[int, str] | tuple[()], str]] = {}
    for name in names:
        _, version, build, found = parse_wheel_filename(name)
        fitting = [ranks[tag] for tag in found if tag in ranks]
        if fitting and (version not in best or (-min(fitting), build) > best[version][:2]):
            best[version] = (-min(fitting), build, name)

    assert dict(shown([row(name) for name in names], target=target)) == {str(v): best[v][2] for v in best}
    assert len(best) == 3


def test_each_release_that_is_not_shown_has_its_reason() -> None:
    files = [
        row("numpy-5.0.tar.gz"),
        row("numpy-4.0-py3-none-any.whl", python=">=3.12"),
        row("numpy-3.0-py3-none-any.whl", uploaded="2024-07-01T00:00:00Z"),
        row("numpy-2.0-cp310-cp310-win_amd64.whl"),
        row("numpy-1.0-py3-none-any.whl"),
        row("numpy-1.0.tar.gz"),
        row("other-9.0-py3-none-any.whl"),
    ]

    found = Curation(make_target(), exclude_newer=moment("2024-06-01T12:00:00+00:00")).rejections(NUMPY, files)

    assert found == [
        Rejection(Version("5.0"), "it has no wheel, and `[policy] sdists` does not name the project"),
        Rejection(Version("4.0"), "it needs Python >=3.12"),
        Rejection(Version("3.0"), "it was uploaded after `exclude-newer`, on 2024-07-01"),
        Rejection(Version("2.0"), "its wheels do not fit Python 3.10 on linux/amd64 with glibc 2.35"),
    ]


def test_of_several_reasons_the_one_of_most_files_is_told() -> None:
    files = [
        row("numpy-1.0-cp311-cp311-win_amd64.whl"),
        row("numpy-1.0-cp312-cp312-win_amd64.whl"),
        row("numpy-1.0.tar.gz"),
    ]

    assert Curation(make_target()).rejections(NUMPY, files) == [
        Rejection(Version("1.0"), "its wheels do not fit Python 3.10 on linux/amd64 with glibc 2.35")
    ]


def test_each_release_above_a_version_is_listed_whether_the_target_can_install_it_or_not() -> None:
    late, early = "2024-07-01T00:00:00Z", "2024-05-01T00:00:00Z"
    files = [
        row("numpy-6.0-py3-none-any.whl", uploaded=early, yanked=True),
        row("numpy-6.0.tar.gz", uploaded=early, yanked="broken"),
        row("numpy-5.0.tar.gz"),
        row("numpy-4.0-py3-none-any.whl", python=">=3.12", uploaded=late),
        row("numpy-3.0-py3-none-any.whl", uploaded=late),
        row("numpy-3.0-cp310-cp310-win_amd64.whl", uploaded=early),
        row("numpy-2.0-cp310-cp310-win_amd64.whl", yanked=True),
        row("numpy-2.0-cp310-cp310-win_arm64.whl"),
        row("numpy-1.1-py3-none-any.whl"),
        row("numpy-1.0-py3-none-any.whl"),
        row("other-9.0-py3-none-any.whl"),
        row("numpy-odd-py3-none-any.whl"),
        row("numpy-7.0.egg"),
    ]
    curation = Curation(make_target(), exclude_newer=moment("2024-06-01T12:00:00+00:00"))

    assert curation.listed(NUMPY, files, above=Version("1.0")) == [
        Listed(version=Version("6.0"), uploaded=early, yanked="broken"),
        Listed(
            version=Version("5.0"),
            misfit=Misfit("it has no wheel, and `[policy] sdists` does not name the project", "sdists"),
        ),
        Listed(version=Version("4.0"), misfit=Misfit("it needs Python >=3.12", "python"), too_new=True, uploaded=late),
        Listed(version=Version("3.0"), too_new=True, uploaded=late),
        Listed(
            version=Version("2.0"), misfit=Misfit("its wheels do not fit Python 3.10 on linux/amd64 with glibc 2.35", "base")
        ),
        Listed(version=Version("1.1")),
    ]
    assert versions_of(NUMPY, files) == [Version(text) for text in ("1.0", "1.1", "2.0", "3.0", "4.0", "5.0", "6.0")]


def test_the_key_of_a_curation_changes_with_all_that_decides_an_outcome() -> None:
    target, cutoff = make_target(), moment("2024-06-01T12:00:00+00:00")
    curations = [
        Curation(target),
        Curation(target, exclude_newer=cutoff),
        Curation(target, exclude_newer=cutoff.replace(microsecond=1)),
        Curation(target, sdists=[NUMPY]),
        Curation(make_target("3.11")),
        Curation(make_target(glibc=(2, 31))),
        Curation(make_target(platform="linux/arm64")),
    ]

    assert len({curation.key for curation in curations}) == len(curations)
    assert Curation(target, exclude_newer=cutoff).key == Curation(make_target(), exclude_newer=cutoff).key


def test_tags_that_packaging_refuses_are_passed_over() -> None:
    with pytest.raises(ValueError, match="any"):
        parse_tag("py3-none-any-more-and-more")

    assert shown([row("numpy-1.0-1-py3-none-any-more.whl")]) == []
