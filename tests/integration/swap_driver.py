"""Kill replacements of a folder at many points; print what was found there, before and after recovery, as JSON.

Run as its own process, of one thread, so that it may fork. `MODE` is `exchange` or `two-renames`; `steps` has a child kill
itself after each step in turn, `moments` kills a child that swaps to and fro at moments spread over its run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stackc.files import Swap, recover, replace_tree
from stackc.files.exchange import exchange_names

A = {"lock.toml": b"a" * 20_000, "requirements.txt": b"a", "steps/01-numpy.txt": b"a", "steps/02-scipy.txt": b"a"}
B = {"lock.toml": b"b" * 20_000, "requirements.txt": b"b", "steps/01-torch.cu124.txt": b"b"}
FOREIGN = {"notes/mine.md": b"mine", "steps/README": b"mine"}
MOMENTS = 60


def ours(name: str) -> bool:
    return name not in FOREIGN


def look(folder: Path) -> str:
    """Name the set that `folder` holds: A, B, none, or what is wrong with it."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    named = {"none": {}, "A": A | FOREIGN, "B": B | FOREIGN}
    return next((name for name, files in named.items() if found == files), f"torn: {sorted(found)}")


def in_child(work: Callable[[], object], *, kill_after: float | None = None) -> bool:
    """Run `work` in a forked child; say whether the child was killed."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def killed_at_each_step(parent: Path, swap: Swap) -> list[dict[str, object]]:
    results: list[dict[str, object]] = []
    killed = True
    while killed:
        reset(parent)
        reached: list[str] = []

        def checkpoint(step: str, last: int = len(results), reached: list[str] = reached) -> None:
            reached.append(step)
            if len(reached) > last:
                (parent.parent / "step").write_text(step)
                os.kill(os.getpid(), signal.SIGKILL)

        dying = Swap(exchange=swap.exchange, checkpoint=checkpoint)
        killed = in_child(partial(replace_tree, parent / "gpu", B, ours=ours, swap=dying))
        step = (parent.parent / "step").read_text() if killed else "never"
        results.append({"step": step, **aftermath(parent)})
    return results


def killed_at_moments(parent: Path, swap: Swap) -> list[dict[str, object]]:
    def to_and_fro() -> None:
        while True:
            replace_tree(parent / "gpu", B, ours=ours, swap=swap)
            replace_tree(parent / "gpu", A, ours=ours, swap=swap)

    reset(parent)
    begun = time.perf_counter()
    for files in (B, A):
        replace_tree(parent / "gpu", files, ours=ours, swap=swap)
    round_trip = time.perf_counter() - begun
    results = []
    for moment in range(MOMENTS):
        in_child(to_and_fro, kill_after=round_trip * (0.2 + 2.5 * moment / MOMENTS))
        results.append(aftermath(parent))
    return results


def reset(parent: Path) -> None:
    replace_tree(parent / "gpu", A, ours=ours)
    for name, data in FOREIGN.items():
        (parent / "gpu" / name).parent.mkdir(exist_ok=True)
        (parent / "gpu" / name).write_bytes(data)


def aftermath(parent: Path) -> dict[str, object]:
    before = look(parent / "gpu")
    left = len(list(parent.iterdir()))
    recover(parent)
    return {
        "before": before,
        "left": left > 1,
        "after": look(parent / "gpu"),
        "names": sorted(path.name for path in parent.iterdir()),
    }


def main(mode: str, kind: str, folder: str) -> None:
    swap = Swap(exchange=exchange_names if mode == "exchange" else None)
    parent = Path(folder, "locks")
    results = killed_at_each_step(parent, swap) if kind == "steps" else killed_at_moments(parent, swap)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
