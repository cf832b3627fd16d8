from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stackc.errors import BugError, Finding, LockError, Place
from stackc.files import Swap, recover, replace_tree, write_file
from stackc.files.exchange import Exchange, exchange_names
from stackc.files.leftover import Leftover
from stackc.files.refusal import refusal
from stackc.files.turn import turn

NOBODY = 65534

A = {"lock.toml": b"a", "requirements.txt": b"a", "steps/01-numpy.txt": b"a", "steps/02-scipy.txt": b"a"}
B = {"lock.toml": b"b", "requirements.txt": b"a", "steps/01-torch.cu124.txt": b"b"}


def ours(name: str) -> bool:
    return name in {"lock.toml", "requirements.txt"} or (name.startswith("steps/") and name.endswith(".txt"))


def unsupported(_: Path, __: Path) -> None:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones included; links as `-> target`, empty folders as None's stand-in `b"/"`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = b"-> " + os.fsencode(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = b"/"
    return found


def below(name: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}/{path}": data for path, data in files.items()}


def place(path: Path) -> tuple[Place, ...]:
    return (Place(file=str(path)),)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to write everywhere, if the tests run as root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user reaches and owns as the one of `as_nobody`; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder
        folder.chmod(0o755)


@pytest.fixture(params=[exchange_names, None, unsupported], ids=["exchange", "two-renames", "unsupported"])
def swap(request: pytest.FixtureRequest) -> Swap:
    exchange: Exchange | None = request.param
    return Swap(exchange=exchange)


def test_the_first_set_is_written_with_the_folders_above_it(tmp_path: Path, swap: Swap) -> None:
    assert replace_tree(tmp_path / "locks" / "gpu", A, ours=ours, swap=swap)
    assert tree(tmp_path) == below("locks/gpu", A)


def test_two_names_are_exchanged_or_the_system_says_why_not(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/x": b"1", "b/y": b"2"})
    exchange_names(tmp_path / "a", tmp_path / "b")
    assert tree(tmp_path) == {"a/y": b"2", "b/x": b"1"}
    with pytest.raises(FileNotFoundError) as caught:
        exchange_names(tmp_path / "a", tmp_path / "c")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "a"), str(tmp_path / "c"))


def test_a_new_set_replaces_the_old_one_whole(tmp_path: Path, swap: Swap) -> None:
    replace_tree(tmp_path / "gpu", A, ours=ours, swap=swap)
    assert replace_tree(tmp_path / "gpu", B, ours=ours, swap=swap)
    assert tree(tmp_path) == below("gpu", B)


def test_an_equal_set_touches_nothing(tmp_path: Path, swap: Swap) -> None:
    replace_tree(tmp_path / "gpu", A, ours=ours, swap=swap)
    before = {path: path.stat() for path in tmp_path.rglob("*")}
    assert not replace_tree(tmp_path / "gpu", A, ours=ours, swap=swap)
    assert {path: path.stat() for path in tmp_path.rglob("*")} == before


def test_a_missing_file_of_an_otherwise_equal_set_is_written_again(tmp_path: Path) -> None:
    replace_tree(tmp_path / "gpu", A, ours=ours)
    (tmp_path / "gpu" / "steps" / "01-numpy.txt").unlink()
    assert replace_tree(tmp_path / "gpu", A, ours=ours)
    assert tree(tmp_path) == below("gpu", A)


def test_what_the_user_keeps_in_the_folder_stays(tmp_path: Path, swap: Swap) -> None:
    replace_tree(tmp_path / "gpu", A, ours=ours, swap=swap)
    gpu = tmp_path / "gpu"
    (gpu / "notes").mkdir()
    (gpu / "notes" / "why.md").write_bytes(b"mine")
    (gpu / "notes").chmod(0o500)
    (gpu / "steps" / "README").write_bytes(b"mine too")
    (gpu / "empty").mkdir()
    (gpu / "link").symlink_to("nowhere")
    (gpu / "linked").symlink_to("notes")
    inode = (gpu / "notes" / "why.md").stat().st_ino
    assert replace_tree(gpu, B, ours=ours, swap=swap)
    foreign = {
        "notes/why.md": b"mine",
        "steps/README": b"mine too",
        "empty": b"/",
        "link": b"-> nowhere",
        "linked": b"-> notes",
    }
    assert tree(tmp_path) == below("gpu", {**B, **foreign})
    assert (gpu / "notes" / "why.md").stat().st_ino == inode
    assert stat.S_IMODE((gpu / "notes").stat().st_mode) == 0o500


def test_modes_follow_the_umask_and_existing_ones_are_kept(tmp_path: Path, swap: Swap) -> None:
    before = os.umask(0o027)
    try:
        replace_tree(tmp_path / "gpu", A, ours=ours, swap=swap)
        (tmp_path / "gpu" / "lock.toml").chmod(0o600)
        (tmp_path / "gpu" / "requirements.txt").chmod(0o644)
        (tmp_path / "gpu").chmod(0o711)
        replace_tree(tmp_path / "gpu", B, ours=ours, swap=swap)
    finally:
        os.umask(before)
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in [tmp_path / "gpu", *tmp_path.rglob("*")]}
    assert modes == {
        "gpu": "0o711",
        "lock.toml": "0o600",
        "requirements.txt": "0o644",
        "steps": "0o750",
        "01-torch.cu124.txt": "0o640",
    }


def test_a_link_to_the_folder_or_above_it_is_followed(tmp_path: Path, swap: Swap) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to("elsewhere")
    replace_tree(tmp_path / "locks" / "gpu", A, ours=ours, swap=swap)
    (tmp_path / "cpu").symlink_to("elsewhere/gpu")
    replace_tree(tmp_path / "cpu", B, ours=ours, swap=swap)
    assert (tmp_path / "locks").is_symlink()
    assert (tmp_path / "cpu").is_symlink()
    assert tree(tmp_path / "elsewhere") == below("gpu", B)


def test_a_generated_file_that_is_a_link_becomes_a_file(tmp_path: Path) -> None:
    (tmp_path / "gpu").mkdir()
    (tmp_path / "other").write_bytes(A["lock.toml"])
    (tmp_path / "gpu" / "lock.toml").symlink_to("../other")
    replace_tree(tmp_path / "gpu", A, ours=ours)
    assert tree(tmp_path) == {"other": b"a", **below("gpu", A)}


@pytest.mark.parametrize("name", ["", ".", "/lock.toml", "../lock.toml", "a/../b", "a//b", "./a", "a\0b"])
def test_a_name_that_leaves_the_folder_is_a_bug(tmp_path: Path, name: str) -> None:
    with pytest.raises(BugError) as caught:
        replace_tree(tmp_path / "gpu", {name: b""}, ours=ours)
    message = f"a generated file has the name `{name}`, which is not relative and plain"
    assert caught.value.findings == (Finding(code="S901", message=message),)
    assert tree(tmp_path) == {}


def test_files_and_folders_in_each_others_place_are_all_reported(tmp_path: Path) -> None:
    gpu = tmp_path / "gpu"
    (gpu / "lock.toml").mkdir(parents=True)
    (gpu / "steps").symlink_to("..")
    with pytest.raises(LockError) as caught:
        replace_tree(gpu, A, ours=ours)
    lock, steps = gpu / "lock.toml", gpu / "steps"
    assert caught.value.findings == (
        Finding(
            code="S442",
            message=f"`{lock}` is a folder where a file belongs",
            places=place(lock),
            hint=f"move `{lock}` out of the way, then run the command again",
        ),
        Finding(
            code="S442",
            message=f"`{steps}` is no folder, and a folder belongs there",
            places=place(steps),
            hint=f"move `{steps}` out of the way, then run the command again",
        ),
    )
    assert tree(tmp_path) == {"gpu/lock.toml": b"/", "gpu/steps": b"-> .."}


@pytest.mark.parametrize("blocked", ["locks", "locks/gpu"])
def test_a_file_where_a_folder_should_be_is_refused(tmp_path: Path, blocked: str) -> None:
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_bytes(b"mine")
    with pytest.raises(LockError) as caught:
        replace_tree(tmp_path / "locks" / "gpu", A, ours=ours)
    assert [finding.code for finding in caught.value.findings] == ["S442"]
    assert tree(tmp_path) == {blocked: b"mine"}


@pytest.mark.parametrize("closed", ["locks", "locks/gpu"])
def test_a_read_only_folder_is_refused_and_left_whole(public: Path, swap: Swap, closed: str) -> None:
    folder = public / "locks" / "gpu"
    with as_nobody():
        replace_tree(folder, A, ours=ours)
        (public / closed).chmod(0o555)
        with pytest.raises(LockError) as caught:
            replace_tree(folder, B, ours=ours, swap=swap)
        (public / closed).chmod(0o755)
    assert caught.value.findings == (
        Finding(
            code="S441",
            message=f"`{folder}` may not be written",
            places=place(folder),
            notes=("the operating system says: Permission denied",),
            hint=f"give this user the right to write `{folder}` and its parent folder, then run the command again",
        ),
    )
    assert tree(public) == below("locks/gpu", A)


def test_an_equal_set_in_a_read_only_folder_is_fine(public: Path) -> None:
    with as_nobody():
        replace_tree(public / "locks" / "gpu", A, ours=ours)
        (public / "locks").chmod(0o555)
        assert not replace_tree(public / "locks" / "gpu", A, ours=ours)
        recover(public / "locks")


def test_no_room_for_a_file_leaves_the_old_set_whole(tmp_path: Path, swap: Swap) -> None:
    replace_tree(tmp_path / "gpu", A, ours=ours)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(LockError) as caught:
            replace_tree(tmp_path / "gpu", {**B, "lock.toml": b"b" * 2000}, ours=ours, swap=swap)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(finding.code, finding.notes) for finding in caught.value.findings] == [
        ("S443", ("the operating system says: File too large",))
    ]
    assert tree(tmp_path) == below("gpu", A)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EBUSY])
def test_a_folder_that_cannot_be_moved_is_refused(tmp_path: Path, number: int) -> None:
    def checkpoint(step: str) -> None:
        if step == "synced":
            raise OSError(number, os.strerror(number))

    replace_tree(tmp_path / "gpu", A, ours=ours)
    with pytest.raises(LockError) as caught:
        replace_tree(tmp_path / "gpu", B, ours=ours, swap=Swap(checkpoint=checkpoint))
    assert [finding.code for finding in caught.value.findings] == ["S445"]
    assert tree(tmp_path) == below("gpu", A)


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.EROFS, "S441"), (errno.ENOSPC, "S443"), (errno.EDQUOT, "S443"), (errno.EAGAIN, "S444"), (errno.EIO, "S447")],
)
def test_each_reason_of_the_operating_system_has_its_code(number: int, code: str) -> None:
    (finding,) = refusal(OSError(number, os.strerror(number)), Path("locks/gpu")).findings
    assert (finding.code, finding.places) == (code, place(Path("locks/gpu")))
    assert finding.notes == (f"the operating system says: {os.strerror(number)}",)


@pytest.mark.parametrize("step", ["stage made", "wrote lock.toml", "synced", "set aside", "swapped", "swap synced"])
def test_an_interruption_leaves_one_set_whole_and_nothing_beside_it(tmp_path: Path, swap: Swap, step: str) -> None:
    def checkpoint(reached: str) -> None:
        if reached == step:
            raise KeyboardInterrupt

    replace_tree(tmp_path / "gpu", A, ours=ours)
    seen = Swap(exchange=swap.exchange, checkpoint=checkpoint)
    interrupted = step != "set aside" or swap.exchange is not exchange_names
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            replace_tree(tmp_path / "gpu", B, ours=ours, swap=seen)
    else:
        replace_tree(tmp_path / "gpu", B, ours=ours, swap=seen)
    new = step in {"swapped", "swap synced"} or not interrupted
    assert tree(tmp_path) == below("gpu", B if new else A)


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    staged, go_on = threading.Event(), threading.Event()

    def checkpoint(step: str) -> None:
        if step == "synced":
            staged.set()
            go_on.wait(10)

    first = threading.Thread(
        target=replace_tree, args=(tmp_path / "gpu", A), kwargs={"ours": ours, "swap": Swap(checkpoint=checkpoint)}
    )
    first.start()
    assert staged.wait(10)
    timer = threading.Timer(0.1, go_on.set)
    timer.start()
    assert replace_tree(tmp_path / "gpu", B, ours=ours)
    first.join()
    timer.join()
    assert tree(tmp_path) == below("gpu", B)


def test_a_second_run_that_waits_too_long_is_refused(tmp_path: Path) -> None:
    replace_tree(tmp_path / "gpu", A, ours=ours)
    with turn(tmp_path, wait=0), pytest.raises(LockError) as caught:
        replace_tree(tmp_path / "gpu", B, ours=ours, swap=Swap(wait=0.05))
    (finding,) = caught.value.findings
    assert (finding.code, finding.message) == ("S444", f"`{tmp_path / 'gpu'}` is being written by another run of stackc")
    assert tree(tmp_path) == below("gpu", A)


def test_recovery_leaves_alone_what_a_living_run_is_at(tmp_path: Path) -> None:
    seen: list[dict[str, bytes]] = []

    def checkpoint(step: str) -> None:
        before = tree(tmp_path)
        recover(tmp_path)
        if step != "cleaned up":
            seen.append(before)
            assert tree(tmp_path) == before

    assert replace_tree(tmp_path / "gpu", A, ours=ours, swap=Swap(checkpoint=checkpoint))
    assert len(seen) == len(A) + 6
    assert tree(tmp_path) == below("gpu", A)


def test_recovery_removes_the_stage_of_a_dead_run(tmp_path: Path) -> None:
    replace_tree(tmp_path / "gpu", A, ours=ours)
    write_tree(Leftover.new(tmp_path / "gpu").stage, B)
    Leftover.new(tmp_path / "gpu").stage.mkdir(0o500)
    (tmp_path / ".stackc.turn").touch()
    recover(tmp_path)
    assert tree(tmp_path) == below("gpu", A)


def test_recovery_undoes_a_swap_that_died_between_its_renames(tmp_path: Path) -> None:
    left = Leftover.new(tmp_path / "gpu")
    write_tree(left.aside, A)
    write_tree(left.stage, B)
    recover(tmp_path)
    assert tree(tmp_path) == below("gpu", A)


def test_recovery_completes_a_swap_that_died_after_its_renames(tmp_path: Path) -> None:
    write_tree(Leftover.new(tmp_path / "gpu").aside, A)
    write_tree(tmp_path / "gpu", B)
    recover(tmp_path)
    assert tree(tmp_path) == below("gpu", B)


def test_recovery_destroys_neither_of_two_sets(tmp_path: Path) -> None:
    left = Leftover.new(tmp_path / "gpu")
    for folder in (left.aside, left.stage, tmp_path / "gpu"):
        write_tree(folder, A)
    before = tree(tmp_path)
    with pytest.raises(LockError) as caught:
        recover(tmp_path)
    assert caught.value.findings == (
        Finding(
            code="S446",
            message="a killed run set `gpu` aside, and another `gpu` stands in its place",
            places=place(tmp_path / "gpu") + place(left.aside),
            hint=f"keep what you need of `{left.aside.name}`, remove it, then run the command again",
        ),
    )
    assert tree(tmp_path) == before


def test_recovery_touches_nothing_that_is_not_stackcs(tmp_path: Path) -> None:
    foreign = {".gpu.stage-1": b"", ".gpu.stage-1-0123456z/x": b"", ".hidden": b"", "gpu.stage-1-01234567": b"", "a/b": b""}
    write_tree(tmp_path, foreign)
    recover(tmp_path)
    assert tree(tmp_path) == foreign


def test_recovery_of_a_folder_that_is_not_there_makes_none(tmp_path: Path) -> None:
    recover(tmp_path / "locks")
    assert tree(tmp_path) == {}


def write_tree(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_a_single_file_is_replaced_and_its_mode_kept(tmp_path: Path) -> None:
    write_file(tmp_path / "new" / "file", b"one")
    (tmp_path / "new" / "file").chmod(0o640)
    write_file(tmp_path / "new" / "file", b"two")
    assert tree(tmp_path) == {"new/file": b"two"}
    assert stat.S_IMODE((tmp_path / "new" / "file").stat().st_mode) == 0o640


def test_a_single_file_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"one")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"two")
    assert tree(tmp_path) == {"link": b"-> real", "real": b"two"}


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_file(tmp_path / "pipe", b"through")
    reader.join(10)
    assert got == [b"through"]


def test_a_single_file_in_a_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(LockError) as caught:
        write_file(tmp_path / "folder", b"")
    assert [finding.code for finding in caught.value.findings] == ["S442"]
    assert tree(tmp_path) == {"folder": b"/"}


def test_a_read_only_single_file_is_refused(public: Path) -> None:
    with as_nobody():
        write_file(public / "file", b"one")
        (public / "file").chmod(0o444)
        with pytest.raises(LockError) as caught:
            write_file(public / "file", b"two")
    assert [finding.code for finding in caught.value.findings] == ["S441"]
    assert tree(public) == {"file": b"one"}


def test_the_draft_of_a_dead_run_is_removed_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    dead = Leftover.new(tmp_path / "file").draft
    living = Leftover.new(tmp_path / "file").draft
    script = (
        "import sys, time; from pathlib import Path; from stackc.files.turn import take_lock\n"
        "file = open(sys.argv[1], 'wb'); take_lock(file.fileno()); print('held', flush=True); time.sleep(60)"
    )
    dead.touch()
    with subprocess.Popen([sys.executable, "-c", script, str(living)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        write_file(tmp_path / "file", b"one")
        recover(tmp_path)
        assert tree(tmp_path) == {living.name: b"", "file": b"one"}
        holder.send_signal(signal.SIGKILL)
    recover(tmp_path)
    assert tree(tmp_path) == {"file": b"one"}
