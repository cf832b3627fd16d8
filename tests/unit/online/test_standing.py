"""What the answers of indexes say of locked files."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from stackc.errors import Finding, Place
from stackc.lock.model import Lock
from stackc.manifest.decode import decode
from stackc.online.answers import Answer, Gone, Listing, NotAsked, Subject
from stackc.online.standing import findings_of, locked_in, subject_of
from stackc.upstream.simple import FileRow, Hashes, ProjectStatus
from unit.lock.lock_samples import LOCK, NUMPY, TORCH, name

MANIFEST = decode(
    """\
[stack]
name = "demo"
default-target = "gpu"
[indexes.cu124]
url = "http://127.0.0.1/cu124"
[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "ubuntu:22.04"
[targets.other]
python = "3.10"
platform = "linux/amd64"
base = "ubuntu:22.04"
[components.numpy]
version = ">=1.26.0,<2.0.0"
""",
    file="stack.toml",
)
NUMPY_LINE = Place(file="stack.toml", line=15, path=("components", "numpy", "version"), source='">=1.26.0,<2.0.0"')


def lock_place(project: str, *, target: str = "gpu", table: str = "package") -> Place:
    return Place(file=f"locks/{target}/lock.toml", path=(table, project))


NUMPY_PLACES = (NUMPY_LINE, lock_place("numpy"))
FILE = NUMPY.file.name


def as_locked(*locks: Lock) -> dict[Subject, Answer]:
    """The answers of indexes that have everything as it was locked."""
    answers: dict[Subject, Answer] = {}
    for each in locked_in(locks, MANIFEST):
        file = each.package.file
        before = answers.get(subject_of(each))
        files = dict(before.files) if isinstance(before, Listing) else {}
        files[file.name] = FileRow(filename=file.name, url=file.name, hashes=Hashes(sha256=file.sha256.upper()))
        answers[subject_of(each)] = Listing(files)
    return answers


def told(changed: Mapping[tuple[str, str], Answer], *locks: Lock) -> tuple[Finding, ...]:
    answers = as_locked(*(locks or (LOCK,)))
    answers |= {Subject(index, name(project)): answer for (index, project), answer in changed.items()}
    return findings_of(locked_in(locks or (LOCK,), MANIFEST), answers, MANIFEST)


def numpy_row(**more: object) -> Listing:
    row = FileRow(filename=FILE, url=FILE, hashes=Hashes(sha256=NUMPY.file.sha256))
    return Listing({FILE: replace(row, **more), "numpy-2.0.tar.gz": row})


def test_nothing_is_told_of_what_is_as_it_was_locked() -> None:
    assert told({}) == ()
    assert told({("pypi", "numpy"): numpy_row(hashes=Hashes())}) == ()


def test_a_file_that_left_its_index_is_an_error() -> None:
    assert told({("pypi", "numpy"): Listing({"numpy-2.0.tar.gz": FileRow(filename="", url="")})}) == (
        Finding(
            code="S820",
            message=f"`{FILE}` is no longer on index `pypi`",
            places=NUMPY_PLACES,
            notes=("the index still has 1 other file of `numpy`",),
            hint="build from a mirror that kept it, or lock one that the index has: `stackc compile --upgrade numpy`",
        ),
    )


def test_a_file_with_another_hash_is_an_error_and_a_yank_a_warning() -> None:
    assert told({("pypi", "numpy"): numpy_row(hashes=Hashes(sha256="f" * 64), yanked="it is broken")}) == (
        Finding(
            code="S821",
            message=f"`{FILE}` on index `pypi` is no longer the file that was locked",
            places=NUMPY_PLACES,
            wanted=f"sha256 {NUMPY.file.sha256}",
            found=f"sha256 {'f' * 64}",
            hint="install nothing from this index until its publisher explains the change",
        ),
        Finding(
            code="S822",
            message="`numpy` 1.26.4 was yanked from index `pypi`",
            places=NUMPY_PLACES,
            notes=("the index's reason: it is broken",),
            hint="read why, and lock another release: `stackc compile --upgrade numpy` takes no yanked one",
            severity="warning",
        ),
    )


def test_a_project_that_is_gone_or_in_quarantine_is_an_error_of_its_own() -> None:
    quarantined = Listing({}, ProjectStatus("quarantined", "malware"))
    assert told({("cu124", "torch"): Gone(), ("pypi", "pip"): quarantined}) == (
        Finding(
            code="S823",
            message="index `cu124` no longer has the project `torch`",
            places=(lock_place("torch"),),
            hint="where all projects of an index are gone, look at its address; else find out why before replacing it",
        ),
        Finding(
            code="S824",
            message="index `pypi` has put `pip` in quarantine, and offers no file of it",
            places=(lock_place("pip", table="tool"),),
            notes=("the index's reason: malware",),
            hint="treat images that hold it as suspect until the index says why, and take it out of the stack",
        ),
    )


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        (
            ProjectStatus("archived", "moved"),
            ("S825", "`numpy` is archived: no release will follow, says index `pypi`", "moved"),
        ),
        (ProjectStatus("deprecated"), ("S826", "`numpy` is deprecated, says index `pypi`", None)),
        (ProjectStatus("limbo", "what"), None),
    ],
)
def test_a_state_that_leaves_the_files_there_is_a_warning(
    status: ProjectStatus, finding: tuple[str, str, str | None] | None
) -> None:
    found = told({("pypi", "numpy"): Listing(numpy_row().files, status)})
    expected: tuple[Finding, ...] = ()
    if finding is not None:
        code, message, reason = finding
        expected = (
            Finding(
                code=code,
                message=message,
                places=NUMPY_PLACES,
                notes=(f"the index's reason: {reason}",) if reason else (),
                hint="what is locked can still be installed; look for what takes its place",
                severity="warning",
            ),
        )
    assert found == expected


def test_what_could_not_be_asked_is_told_once_for_each_index_and_reason_and_never_as_gone() -> None:
    def not_asked(project: str) -> NotAsked:
        notes = (f"http://127.0.0.1/simple/{project}/: cut off",)
        return NotAsked(Finding(code="S311", message=f"index `pypi` did not answer for `{project}`", notes=notes))

    other = NotAsked(Finding(code="S310", message="index `cu124` cannot be reached"))
    silent = {("pypi", project): not_asked(project) for project in ("click", "numpy")}
    hint = "this says nothing about what is locked: ask again where and when the index answers"
    assert told({**silent, ("cu124", "torch"): other}) == (
        Finding(
            code="S827",
            message="index `cu124` could not be asked about 1 locked project",
            places=(Place(file="stack.toml", line=5, path=("indexes", "cu124", "url"), source='"http://127.0.0.1/cu124"'),),
            notes=("not known of: torch", "index `cu124` cannot be reached"),
            hint=hint,
        ),
        Finding(
            code="S827",
            message="index `pypi` could not be asked about 2 locked projects",
            notes=(
                "not known of: click, numpy",
                "index `pypi` did not answer for a project; http://127.0.0.1/simple/PROJECT/: cut off",
            ),
            hint=hint,
        ),
    )


def test_what_two_targets_lock_alike_is_told_once_with_all_its_places() -> None:
    newer = replace(TORCH, file=replace(TORCH.file, name="torch-9.whl"))
    packages = tuple(newer if package.name == "torch" else package for package in LOCK.packages)
    other = replace(LOCK, target=replace(LOCK.target, name="other"), packages=packages)
    archived = Listing({"torch-9.whl": FileRow(filename="", url="")}, ProjectStatus("archived"))

    found = told({("pypi", "numpy"): Gone(), ("cu124", "torch"): archived}, LOCK, other)

    both = (lock_place("torch"), lock_place("torch", target="other"))
    assert [(each.code, each.places) for each in found] == [
        ("S820", both[:1]),
        ("S825", both),
        ("S823", (NUMPY_LINE, lock_place("numpy"), lock_place("numpy", target="other"))),
    ]
