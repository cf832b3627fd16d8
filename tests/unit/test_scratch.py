from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from stackc.files import scratch_folder, scratch_parent

HOLDER = """
import sys
import tempfile
from pathlib import Path
from stackc.files import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "inner").mkdir()
    (folder / "inner/file").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


def holder(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", HOLDER, str(parent)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_the_folder_is_there_for_the_run_alone(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        assert (folder.parent, folder.is_dir(), folder.stat().st_mode & 0o777) == (tmp_path, True, 0o700)
        (folder / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    process, left = holder(tmp_path)
    process.kill()
    process.communicate()
    assert (left / "inner/file").is_file()
    with scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_what_a_living_run_has_stays(tmp_path: Path) -> None:
    process, held = holder(tmp_path)
    with scratch_folder(tmp_path) as folder:
        assert set(tmp_path.iterdir()) == {folder, held}
    process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_files_and_links_of_such_a_name_stay(tmp_path: Path) -> None:
    (tmp_path / "stackc-run-file").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "stackc-run-link").symlink_to(tmp_path / "other")
    with scratch_folder(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "stackc-run-file", "stackc-run-link"]


def test_the_wanted_parent_is_taken_if_it_can_be(tmp_path: Path) -> None:
    assert scratch_parent(str(tmp_path)) == tmp_path
    usual = scratch_parent(None)
    assert usual in {Path("/dev/shm"), Path(tempfile.gettempdir())}
    assert scratch_parent(str(tmp_path / "missing")) == scratch_parent("") == usual
