"""Put the whole corpus of generated stacks, and the recorded real ones, to both engines.

    python tests/compare_engines.py [NUMBER | NAME]...

Prints for each question on which they differ who chose the newer versions and why, then the counts. Exit status: 0 where both
find a solution or neither does, every answer proves, and what has a solution is what is known to; 1 else.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from support.corpus import SIZE, case
from support.differential import (
    STACKS,
    Tally,
    Verdict,
    both_engines,
    corpus_site,
    judged,
    judged_stack,
    stacks_site,
    surprises,
    tally_text,
)
from support.index_server import serving

_BATCH = 11


def generated(numbers: Sequence[int]) -> list[Verdict]:
    """Judge some cases of the corpus."""
    with tempfile.TemporaryDirectory() as folder, both_engines() as engines, serving(corpus_site(numbers)) as server:
        return [each for number in numbers for each in judged(case(number), server, engines, Path(folder, str(number)))]


def recorded(names: Sequence[str]) -> list[Verdict]:
    """Judge some of the recorded stacks."""
    with tempfile.TemporaryDirectory() as folder, both_engines() as engines, serving(stacks_site()) as server:
        return [judged_stack(name, server, engines, Path(folder, name)) for name in names]


def main(asked: Sequence[str]) -> int:
    """Compare, print, and return the exit status."""
    numbers = [int(word) for word in asked if word.isdigit()] if asked else list(range(SIZE))
    names = [word for word in asked if not word.isdigit()] if asked else list(STACKS)
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        stacks = [pool.submit(recorded, [name]) for name in names]
        cases = [pool.submit(generated, numbers[start : start + _BATCH]) for start in range(0, len(numbers), _BATCH)]
        drawn = [verdict for batch in cases for verdict in batch.result()]
        real = [verdict for batch in stacks for verdict in batch.result()]
    for title, verdicts in (("generated stacks", drawn), ("recorded stacks", real)):
        sys.stdout.write("".join(map(_told, verdicts)))
        sys.stdout.write(f"\n{title}\n{tally_text(Tally.of(verdicts))}\n")
    wrong = surprises([*drawn, *real])
    sys.stdout.write("".join(f"SURPRISE {line}\n" for line in wrong))
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")
    return int(bool(wrong))


def _told(verdict: Verdict) -> str:
    return "".join(
        f"{verdict.name}: {each.project} uv {each.ours or '-'}, pip-tools {each.theirs or '-'}: {each.why}\n"
        for each in verdict.differences
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
