"""`stackc diff --reproduce`: locks come out byte for byte, or what was edited is shown with its file and line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stackc.lock.head import seal
from support.cli import UNIVERSE, index_of, manifest, tree
from support.index_server import serving
from support.repository import Repository, Said, stackc_on_path

TWO = '[components.base]\nversion = "<2"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
CUT = "\n[policy]\nexclude-newer = 2024-06-01T00:00:00Z\n"
LOCK = "locks/gpu/lock.toml"
SAME = """\
gpu: byte-identical: 8 files rendered again from the lock's own pins
gpu: byte-identical when resolved from nothing, offline
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a compiled project, whose index is not reachable any more, and its cache beside it."""
    folder = tmp_path_factory.mktemp("compiled")
    made = Repository(folder / "project", stackc_on_path(folder / "bin")).start()
    with serving(index_of(UNIVERSE)) as server:
        made.write({"stack.toml": manifest(server, TWO.replace('"<2"', '"<1.1"'), rest=CUT)})
        assert made.run("stackc", "compile", "--dry-run").status == 0
        made.write({"stack.toml": manifest(server, TWO, rest=CUT)})
        assert made.run("stackc", "compile").status == 0
        assert made.commit().status == 0
    return folder


@pytest.fixture
def made(tmp_path: Path, compiled: Path) -> Repository:
    for name in ("project", "home"):
        shutil.copytree(compiled / name, tmp_path / name)
    return Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin"))


def edit(made: Repository, name: str, old: str, new: str, *, sealed: bool = False) -> None:
    """Edit a file; `sealed` gives a lock the digest of its new text."""
    path = made.root / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    if sealed:
        text = seal(re.sub(r"^digest = .*\n", "", text, count=1, flags=re.MULTILINE))
    path.write_text(text, encoding="utf-8")


def test_what_was_compiled_comes_out_byte_for_byte_and_nothing_is_written(made: Repository) -> None:
    before = tree(made.root)
    assert made.run("stackc", "diff", "--reproduce") == Said(0, SAME)
    assert made.run("stackc", "diff", "--reproduce", "HEAD") == Said(0, SAME)
    assert tree(made.root) == before


def test_a_revision_is_reproduced_whatever_lies_in_the_folder(made: Repository) -> None:
    made.write({"stack.toml": "broken [", LOCK: ""})
    assert made.run("stackc", "diff", "--reproduce", "HEAD") == Said(0, SAME)


def test_an_edited_file_is_shown_with_its_line(made: Repository) -> None:
    edit(made, "locks/gpu/constraints.txt", "base==1.1", "base==1.0")
    assert made.run("stackc", "diff", "--reproduce") == Said(
        1,
        """\
error[S532]: `locks/gpu/constraints.txt` was edited: it is not what compiling gives
 --> locks/gpu/constraints.txt:6
@@ -6 +6 @@
-base==1.1
+base==1.0

hint: run `stackc compile`, which writes what belongs there, and look at what its diff takes back

gpu: not what compiling gives
gpu: resolved from nothing, offline: the same pins, in files that are others
""",
    )
    made.commit()
    assert " --> HEAD:locks/gpu/constraints.txt:6\n" in made.run("stackc", "diff", "--reproduce", "HEAD").text


@pytest.mark.parametrize("sealed", [False, True])
def test_an_edit_of_the_lock_shows_though_the_lock_was_sealed_again(made: Repository, sealed: bool) -> None:
    edit(made, LOCK, '    "app >=1",\n    "stack.toml <2",', '    "stack.toml <2",', sealed=sealed)
    said = made.run("stackc", "diff", "--reproduce")
    assert (said.status, '-    "app >=1",\n' in said.text) == (1, True)
    assert "error[S532]: `locks/gpu/lock.toml` was edited: it is not what compiling gives\n" in said.text
    assert said.text.endswith("gpu: resolved from nothing, offline: the same pins, in files that are others\n")


def test_pins_that_do_not_prove_are_held_against_what_the_cache_resolves_to(made: Repository) -> None:
    edit(made, LOCK, 'version = "1.1"', 'version = "1.0"', sealed=True)
    said = made.run("stackc", "diff", "--reproduce")
    assert said.status == 1
    assert "error[S415]: the file of `base` is one of another release\n --> locks/gpu/lock.toml:" in said.text
    assert '-version = "1.1"\n' in said.text
    assert '+version = "1.0"\n' in said.text
    assert said.text.endswith(
        "gpu: not what compiling gives: its pins do not prove, so that nothing can be rendered from them\n"
        "gpu: held against what resolving from nothing gives, offline\n"
    )


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("sha256", lambda line: line.replace(line[10:14], "ffff")),
        ("uploaded", lambda line: line.replace("2024", "2020")),
        ("requires", lambda line: line.replace("base>=1", "base")),
    ],
)
def test_a_forged_file_shows_though_all_was_rendered_again_after_it(
    made: Repository, key: str, change: Callable[[str], str]
) -> None:
    text = (made.root / LOCK).read_text(encoding="utf-8")
    at = text.index(f"\n{key} = ", text.index('name = "app"\n')) + 1
    line = text[at : text.index("\nwhy" if key == "requires" else "\n", at)]
    before = text[text.index('name = "app"\n') : at]
    edit(made, LOCK, before + line, before + change(line), sealed=True)
    (made.root / "locks/gpu/Dockerfile").unlink()  # so that all files are rendered from the forged lock
    assert made.run("stackc", "compile", "--offline").status == 0
    assert made.run("stackc", "check").text == "gpu: proved, nothing drifted\n"
    told = made.run("stackc", "diff", "--reproduce")
    assert told.status == 1
    assert told.text.startswith(f"""\
error[S532]: of `app-0.1-py3-none-any.whl` the lock says what index `pypi` does not
 --> locks/gpu/lock.toml:{text.count(chr(10), 0, at) + 1}: package.app.{key}
wanted: {key} """)
    assert told.text.endswith("""
hint: ask who edited the lock; `stackc compile --upgrade app` locks what the index has

gpu: byte-identical: 8 files rendered again from the lock's own pins
gpu: resolved from nothing, offline: the lock says of files what their index does not
""")


def test_without_a_cache_it_says_what_could_not_be_done(made: Repository, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "home/stackc")
    said = made.run("stackc", "diff", "--reproduce")
    assert said.status == 0
    first, second = said.text.splitlines()
    assert first == SAME.splitlines()[0]
    assert second.startswith("gpu: not resolved from nothing, offline: ")


def test_an_old_pin_that_still_fits_is_no_edit(made: Repository) -> None:
    edit(made, "stack.toml", '"<2"', '"<1.1"')
    assert made.run("stackc", "compile", "--offline").status == 0
    edit(made, "stack.toml", '"<1.1"', '"<2"')
    assert made.run("stackc", "compile", "--offline").status == 0
    assert made.run("stackc", "diff", "--reproduce") == Said(
        0,
        SAME.splitlines()[0]
        + "\ngpu: resolved from nothing, offline: other pins of base: an old pin that still fits stays where it is\n",
    )


def test_files_that_are_missing_or_foreign_are_told(made: Repository) -> None:
    (made.root / "locks/gpu/STACK.md").unlink()
    (made.root / "locks/docker-bake.hcl").unlink()
    made.write({"locks/gpu/steps/09-more.txt": "x\n", "locks/gpu/notes.txt": "mine\n"})
    said = made.run("stackc", "diff", "--reproduce")
    assert [line for line in said.text.splitlines() if line.startswith("error")] == [
        "error[S533]: `locks/gpu/STACK.md` is missing",
        "error[S533]: `locks/gpu/steps/09-more.txt` is no file of the lock",
        "error[S533]: `locks/docker-bake.hcl` is missing",
    ]


def test_a_manifest_that_was_not_compiled_and_a_target_without_a_lock_are_told(made: Repository) -> None:
    edit(made, "stack.toml", '"<2"', '"<3"')
    assert (
        "error[S471]: the lock of target `gpu` is not that of the manifest beside it\n"
        in made.run("stackc", "diff", "--reproduce").text
    )
    shutil.rmtree(made.root / "locks/gpu")
    said = made.run("stackc", "diff", "--reproduce")
    assert (said.status, "error[S520]: target `gpu` has no lock\n" in said.text) == (1, True)


def test_what_other_templates_compiled_is_not_called_reproduced(made: Repository) -> None:
    (digest,) = re.findall(r"^templates = (.*)", (made.root / LOCK).read_text(encoding="utf-8"), re.MULTILINE)
    edit(made, LOCK, digest, f'"sha256:{"0" * 64}"', sealed=True)
    said = made.run("stackc", "diff", "--reproduce")
    assert (said.status, said.text.splitlines()[0]) == (
        1,
        "gpu: not shown: compiled by stackc 0.1.0 with other templates: only the lock itself can be compared",
    )


def test_it_can_be_printed_for_programs_and_not_as_markdown(made: Repository) -> None:
    edit(made, "locks/gpu/STACK.md", "base", "BASE")
    document = json.loads(made.run("stackc", "diff", "--reproduce", "--format", "json").text)
    assert [(each["code"], each["places"][0]["file"]) for each in document["findings"]] == [("S532", "locks/gpu/STACK.md")]
    assert made.run("stackc", "diff", "--reproduce", "--format", "markdown") == Said(
        2,
        "error[S534]: `--reproduce` cannot be printed as markdown\n\nhint: its forms are text, json and github\n",
    )
