"""`stackc guard` as a user meets it: whole output, exit status, and the bytes that `--fix` leaves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from support.cli import Desk, Outcome, tree
from support.guard import MANIFEST

PROJECT = Path(__file__).parents[2]


def test_a_finding_says_what_would_happen_where_it_is_installed_instead_and_what_to_do(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    shutil.copytree(PROJECT / "locks", desk.project / "locks")
    shutil.copy(PROJECT / "stack.toml", desk.project)
    desk.write("-r requirements/gpu.txt\n", "requirements.txt")
    desk.write("# for the GPU\ntorch==2.6.0\n", "requirements/gpu.txt")
    assert desk.run("guard", "requirements.txt") == Outcome(
        1,
        "1 file: 1 error\n",
        """\
error[S701]: `torch==2.6.0` requires `torch`, which is kept out
 --> requirements/gpu.txt:2:1: torch==2.6.0
 --> stack.toml:39: components.torch.order = 3
included by requirements.txt:1:1: -r requirements/gpu.txt
what would happen: torch 2.5.1+cu124 of step 3 would be replaced by a version that this admits, from the default index
installed instead: step 3 of target `gpu` installs torch 2.5.1+cu124 from index `cu124`; \
step 3 of target `cpu` installs torch 2.5.1+cpu from index `cpu`

hint: delete the line, or run `stackc guard --fix`; choose another version in stack.toml
      if it has to be here, say why on its line: `# stackc: allow torch — REASON`

""",
    )


def test_without_a_manifest_torch_is_kept_out_all_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("--index-url https://user:secret@example.org/simple\ntorch\n", "requirements.txt")
    assert desk.run("guard", "requirements.txt") == Outcome(
        1,
        "1 file: 1 error\n",
        """\
error[S701]: `torch` is kept out
 --> requirements.txt:2:1: torch
what would happen: the newest `torch` that this admits would be installed from https://***@example.org/simple, over \
whatever build of `torch` the image has

hint: delete the line, or run `stackc guard --fix`
      if it has to be here, say why on its line: `# stackc: allow torch — REASON`

""",
    )


EVERYTHING = """\
--extra-index-url https://example.org/a
--index-url https://example.org/b
--extra-index-url https://download.pytorch.org/whl/cu124
numpy torch
triton
torchvision  # stackc: allow torchvision
pandas --index-url https://example.org/c
-r https://example.org/more.txt
"""


def test_every_finding_has_words(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(MANIFEST)
    desk.write(EVERYTHING, "requirements.txt")
    desk.write("dependencies:\n  - pytorch\n", "environment.yml")
    desk.write("RUN pip install https://example.org/torch-2.6-cp310-cp310-linux_x86_64.whl numpy>=2\n", "Dockerfile")
    told = desk.run("guard", "requirements.txt", "environment.yml", "Dockerfile")
    assert (told.status, told.stdout) == (1, "3 files: 10 errors, 2 warnings\n")
    assert told.stderr == (Path(__file__).with_name("guard_findings.txt")).read_text(encoding="utf-8")


def test_paths_that_cannot_be_guarded_are_mistakes_of_usage_and_the_others_are_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(b"\x00", "binary.txt")
    desk.write("torch\n", "requirements.txt")
    desk.write("torch\n", "notes.md")
    told = desk.run("guard", "binary.txt", "gone.txt", "notes.md", "requirements.txt")
    assert (told.status, told.stdout) == (2, "4 files: 4 errors\n")
    assert [line for line in told.stderr.splitlines() if line.startswith(("error", "hint"))][:6] == [
        "error[S721]: `binary.txt` cannot be read: it holds null bytes, and is no text",
        "hint: give guard text files alone; one in another encoding says so in a comment: `# -*- coding: latin-1 -*-`",
        "error[S720]: `gone.txt` cannot be read: there is no such file",
        "hint: correct the path",
        "error[S722]: `notes.md` is no kind of file that guard reads",
        "hint: `stackc guard --help` lists the kinds; what is written like a requirements file may be named `*.txt`",
    ]


def test_nothing_found_is_said_in_one_line(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(MANIFEST)
    desk.write("torchmetrics\n", "requirements.txt")
    desk.write("torch==2.5.1\n", "constraints.txt")
    assert desk.run("guard", "requirements.txt") == Outcome(0, "1 file: nothing that is kept out\n", "")
    assert desk.run("guard", "requirements.txt", "constraints.txt") == Outcome(0, "2 files: nothing that is kept out\n", "")
    assert desk.run("guard") == Outcome(0, "2 files: nothing that is kept out\n", "")
    assert desk.run("guard", ".") == desk.run("guard")


def test_warnings_alone_do_not_change_the_status(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("triton\n", "requirements.txt")
    told = desk.run("guard", "requirements.txt")
    assert (told.status, told.stdout) == (0, "1 file: 1 warning\n")


def test_without_a_path_the_project_s_folder_is_guarded_from_within_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(MANIFEST)
    desk.write("torch\n", "requirements.txt")
    inner = desk.write("", "docs/x.txt").parent
    done = subprocess.run(
        [sys.executable, "-m", "stackc", "guard"], cwd=inner, env=desk.environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"1 file: 1 error\n")
    assert b" --> ../requirements.txt:1:1: torch\n" in done.stderr


def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("nonsense")
    desk.write("numpy\n", "requirements.txt")
    told = desk.run("guard", "requirements.txt")
    assert (told.status, told.stdout) == (2, "")
    assert told.stderr.startswith("error[S104]: cannot be read as TOML")
    assert desk.run("guard", "-f", "gone.toml", "requirements.txt").status == 2


def fed(desk: Desk, data: bytes, *arguments: str) -> tuple[int, bytes, bytes]:
    desk.project.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "stackc", "guard", *arguments]
    done = subprocess.run(command, cwd=desk.project, env=desk.environment, input=data, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_standard_input_is_a_requirements_file_or_what_it_is_said_to_be(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    status, out, err = fed(desk, b"torch\n", "-")
    assert (status, out, err.splitlines()[1]) == (1, b"1 file: 1 error\n", b" --> requirements.txt:1:1: torch")
    status, out, err = fed(desk, b"RUN pip install torch\n", "--stdin-name", "x/Dockerfile", "-")
    assert (status, err.splitlines()[1]) == (1, b" --> x/Dockerfile:1:17: torch")
    assert fed(desk, b"torch\n", "--stdin-name", "constraints.txt", "-") == (0, b"1 file: nothing that is kept out\n", b"")


def test_fix_deletes_lines_and_tells_which(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    path = desk.write("a\r\ntorch==2.5.1 \\\r\n  --hash=sha256:aa\r\n\r\n-r more.txt\r\n", "requirements.txt")
    path.chmod(0o640)
    desk.write("torchvision", "more.txt")
    desk.write("RUN pip install torch\n", "Dockerfile")
    told = desk.run("guard", "--fix", "requirements.txt", "Dockerfile")
    assert (told.status, told.stdout.splitlines()) == (
        1,
        [
            "removed requirements.txt:2: torch==2.5.1 \\ --hash=sha256:aa",
            "removed more.txt:1: torchvision",
            "2 files: 1 error",
        ],
    )
    assert "hint: it is no line of its own: delete `torch` by hand\n" in told.stderr
    assert tree(desk.project) == {
        "Dockerfile": b"RUN pip install torch\n",
        "more.txt": b"",
        "requirements.txt": b"a\r\n\r\n-r more.txt\r\n",
    }
    assert path.stat().st_mode & 0o777 == 0o640
    assert desk.run("guard", "--fix", "requirements.txt") == Outcome(0, "1 file: nothing that is kept out\n", "")


def test_no_environment_variable_weakens_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("${NAME}==1\ntorch==${TORCH}\n", "requirements.txt")
    plain = desk.run("guard", "requirements.txt")
    assert plain.status == 1
    assert desk.run("guard", "requirements.txt", NAME="x", TORCH="x", STACKC_GUARD="x", PIP_INDEX_URL="x", SKIP="x") == plain
