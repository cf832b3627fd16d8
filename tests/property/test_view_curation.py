"""Curation, whatever an index lists: the same files give the same candidates, and no name is a traceback."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from stackc.target import supported_tags
from stackc.upstream.simple import FileRow
from stackc.view.candidates import Candidate
from stackc.view.curate import Curation, Curations
from support.workbench import make_target, name_of

TARGET = make_target()
RANKS = {tag: rank for rank, tag in enumerate(supported_tags(TARGET))}
TAGS = (
    "py3-none-any", "py2.py3-none-any", "cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp310-none-any",
    "cp39-abi3-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_17_x86_64", "cp310-cp310-win_amd64", "py3-none-linux_x86_64",
)  # fmt: skip
VERSIONS = ("1.0", "1.0.0", "1", "2.0rc1", "1!0.1", "1.0+cu124", "1.0.post1", "v1.0", "one", "")

names = st.sampled_from(("demo_project", "Demo.Project", "demo", "other", ""))
wheel_names = st.builds(
    lambda name, version, build, tags: "-".join(filter(None, (name, version, build, tags))) + ".whl",
    names,
    st.sampled_from(VERSIONS),
    st.sampled_from(("", "1", "2", "10", "2a", "2b", "x", "²")),
    st.sampled_from(TAGS),
)
filenames = st.one_of(
    wheel_names, wheel_names, st.text(max_size=30), st.sampled_from(("demo-project-1.0.tar.gz", "demo_project-2.zip"))
)
rows = st.builds(
    lambda filename, yanked, python, uploaded: FileRow(
        filename=filename, url="x", yanked=yanked, requires_python=python, upload_time=uploaded
    ),
    filenames,
    st.booleans(),
    st.sampled_from((None, ">=3.8", ">=3.11", "gibberish")),
    st.sampled_from((None, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")),
)
curations = st.builds(
    lambda python, glibc, newest, sdists: Curation(
        make_target(python, glibc=glibc),
        exclude_newer=newest,
        sdists=[name_of("demo-project")] if sdists else [],
    ),
    st.sampled_from(("3.9", "3.10", "3.11")),
    st.sampled_from(((2, 17), (2, 35))),
    st.sampled_from((None, dt.datetime(2024, 6, 1, tzinfo=dt.timezone.utc))),
    st.booleans(),
)


def curated(files: list[FileRow], *, sdists: bool) -> list[Candidate]:
    return Curation(TARGET, sdists=[name_of("demo-project")] if sdists else []).curate(name_of("demo-project"), files)


@given(files=st.lists(rows, max_size=12), sdists=st.booleans(), data=st.data())
def test_the_order_of_a_page_never_changes_what_is_shown(files: list[FileRow], sdists: bool, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(files))

    def shown(found: list[FileRow]) -> list[tuple[str, str, bool | str]]:
        return [(one.version, one.file.filename, one.file.yanked) for one in curated(found, sdists=sdists)]

    assert shown(files) == shown(shuffled)


@given(files=st.lists(rows, max_size=12), sdists=st.booleans())
def test_what_is_shown_and_what_is_rejected_share_no_release(files: list[FileRow], sdists: bool) -> None:
    curation = Curation(TARGET, sdists=[name_of("demo-project")] if sdists else [])
    shown = [Version(one.version) for one in curation.curate(name_of("demo-project"), files)]
    rejected = [one.version for one in curation.rejections(name_of("demo-project"), files)]

    assert shown == sorted(set(shown), reverse=True)
    assert rejected == sorted(set(rejected), reverse=True)
    assert not set(shown) & set(rejected)


@given(names=st.lists(wheel_names, max_size=12))
def test_the_best_wheel_is_the_one_that_packaging_ranks_first(names: list[str]) -> None:
    best: dict[Version, tuple[int, tuple[int, str] | tuple[()]]] = {}
    order: dict[str, tuple[Version, tuple[int, tuple[int, str] | tuple[()]]]] = {}
    for filename in names:
        try:
            name, version, build, tags = parse_wheel_filename(filename)
        except ValueError:
            continue
        ranks = [RANKS[tag] for tag in tags if tag in RANKS]
        if canonicalize_name(name) == "demo-project" and ranks:
            order[filename] = (version, (-min(ranks), build))
            best[version] = max(best.get(version, (-9999, ())), (-min(ranks), build))

    shown = {
        Version(one.version): one.file.filename for one in curated([FileRow(filename=n, url="x") for n in names], sdists=False)
    }

    assert {version: order[filename][1] for version, filename in shown.items() if filename in order} == best


@given(files=st.lists(rows, max_size=12), several=st.lists(curations, min_size=1, max_size=6))
def test_several_targets_are_shown_what_each_is_shown_alone_and_share_what_is_the_same(
    files: list[FileRow], several: list[Curation]
) -> None:
    together = Curations()
    for curation in several:
        together.add(curation)
    found = together.curate(name_of("demo-project"), files)

    assert found == {curation.key: curation.curate(name_of("demo-project"), files) for curation in several}
    by_files = {tuple(id(candidate.file) for candidate in made) for made in found.values()}
    assert len({id(made) for made in found.values()}) == len(by_files)
