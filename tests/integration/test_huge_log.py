"""A log of 200 MB is answered in little memory, wherever in it the bulk lies."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from support.verified_project import CASES

ASK = """
import io, json, resource, sys

from stackc.verify.build_log import read_events
from stackc.verify.checklist import Sources, answers
from stackc.verify.log_lines import read_lines
from stackc.verify.log_story import gather
from unit.verify.log_project import URLS, lock, places, recorded

class Bulk(io.RawIOBase):
    # A recorded log with the same block many times over in the middle of a step, made while it is read.
    def __init__(self, text, mark, block, count):
        head, tail = text.split(mark)
        self.parts = iter([head.encode(), *[None] * count, (mark + tail).encode(), b""])
        self.block = block.encode()

    def read(self, size=-1):
        part = next(self.parts)
        return self.block if part is None else part

name, mark, line, megabytes = sys.argv[1], sys.argv[2], sys.argv[3].encode().decode("unicode_escape"), int(sys.argv[4])
block = line * max(1, 65536 // len(line))
stream = Bulk(recorded(name), mark, block, megabytes * 1_000_000 // len(block))
sources = Sources(log="log", lock=places(), urls=URLS)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = answers(gather(read_events(read_lines(stream))), lock(), sources)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([after - before, [answer.verdict for answer in found]]))
"""


@pytest.mark.parametrize(
    ("megabytes", "name", "mark", "line"),
    [
        (
            200,
            "buildah-good",
            "Installing collected packages: torch",
            r"  compiling a file of a very long name, object 12345 of 99999\n",
        ),
        (20, "buildah-good", "Installing collected packages: torch", r"   12.3/908.3 MB 41.0 MB/s eta 0:00:22\r"),
        (
            20,
            "buildkit-good",
            "#12 1.848 Installing",
            r"#12 1.700 ..............................................................\n",
        ),
        (200, "docker-good", "Installing collected packages: torch", "x"),
    ],
    ids=["lines", "a bar", "buildkit", "one line"],
)
def test_a_huge_log_is_answered_in_little_memory(megabytes: int, name: str, mark: str, line: str) -> None:
    command = [sys.executable, "-c", ASK, name, mark, line, str(megabytes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": f"{CASES.parents[1]}"})
    kilobytes, verdicts = json.loads(done.stdout)
    assert verdicts == ["yes"] * 6
    assert kilobytes < 20_000
