"""The guard's grammar of requirements files against pip's own parser, on files that are generated."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pip._internal.exceptions import InstallationError
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements

from stackc.guard.fix import removals
from stackc.guard.inspection import Inspector
from stackc.guard.judge import judge
from stackc.guard.names import canonical
from stackc.guard.occurrence import Occurrence
from stackc.guard.requirements import read
from stackc.guard.source import UndecodableError, decode

NAMES = [
    "torch",
    "Torch",
    "TORCHVISION",
    "torch_audio",
    "pytorch.triton",
    "torchmetrics",
    "torch-geometric",
    "numpy",
    "a",
    "x_.-y",
]
SPECIFIERS = ["", "==2.5.1", ">=2,<3", " >= 2 , < 3", "~=2.0", "===2.5.1+cu124", "!=2.0.*", " (>=2)", "<2,"]
EXTRAS = ["", "[all]", "[a, b]", " [x]", "[]"]
MARKERS = ["", ";", "; python_version > '3'", " ;sys_platform=='linux'", "; extra == 'torch'"]
OPTIONS = [
    "",
    " --hash=sha256:" + "a" * 64,
    " --index-url https://example.org/simple",
    " --config-settings x=y",
    " -r other.txt",
]
URLS = [
    "https://example.org/torch-2.5.1%2Bcu124-cp310-cp310-linux_x86_64.whl",
    "https://example.org/torchvision-0.20.1-cp310-cp310-linux_x86_64.whl#sha256=abc",
    "git+https://example.org/pytorch/pytorch.git@v2.5.1#egg=torch",
    "-e git+https://example.org/pytorch/vision#egg=torchvision",
    "torch @ https://example.org/torch-2.5.1-cp310-cp310-linux_x86_64.whl",
    "torch@git+https://example.org/pytorch/pytorch",
    "wheels/torch-2.5.1-cp310-cp310-linux_x86_64.whl",
]
OPTION_LINES = [
    "--index-url https://example.org/simple",
    "-i https://example.org/simple",
    "--extra-index-url=https://example.org/simple",
    "--pre",
    "--no-binary :all:",
    "--trusted-host example.org",
    "--find-links ./wheels",
    "--prefer-b",
]
BROKEN = ["torch=2", "torch 2", "two words", "==2", "torch>>2", "--no-such-option", "torch ;;", "'torch'"]

requirement = st.builds(
    "".join,
    st.tuples(
        *map(st.sampled_from, (["", " ", "\t"], NAMES, EXTRAS, SPECIFIERS, MARKERS, OPTIONS, ["", " ", " # why", "  #", "#x"]))
    ),
)
line = st.one_of(
    requirement,
    requirement,
    st.sampled_from(URLS),
    st.sampled_from(OPTION_LINES),
    st.sampled_from(["", " ", "# torch", "  # x \\"]),
)
broken = st.one_of(line, line, st.sampled_from(BROKEN), st.text(alphabet="torch -=><[]()#;,@\\\"'$ {}\t\f", max_size=12))
ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\f", "\x0b", "\u2028", "\n\n"])
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])


@st.composite
def files(draw: st.DrawFn, lines: st.SearchStrategy[str]) -> str:
    """Draw a file: lines, each perhaps broken by continuations, each with an end of its own."""
    text = ""
    for each in draw(st.lists(lines, max_size=6)):
        cuts = draw(st.lists(st.integers(0, len(each)), max_size=2, unique=True)) if draw(st.booleans()) else []
        for cut in sorted(cuts, reverse=True):
            each = each[:cut] + "\\\n" + each[cut:]  # noqa: PLW2901
        text += each + draw(ends)
    return text if draw(st.booleans()) else text.rstrip("\n")


@cache
def session() -> PipSession:
    return PipSession()


def by_pip(path: Path) -> list[str | None] | None:
    """Return the names of the requirements that pip finds in a file, None where it refuses the file."""
    try:
        parsed = list(parse_requirements(str(path), session=session()))
        required = [install_req_from_parsed_requirement(each) for each in parsed]
    except (InstallationError, UnicodeDecodeError, ValueError):
        return None
    return [canonical(each.req.name) if each.req is not None else None for each in required]


def by_guard(data: bytes) -> list[Occurrence]:
    return [item for item in read(decode("requirements.txt", data)) if isinstance(item, Occurrence)]


def agree(names: list[str | None], occurrences: list[Occurrence]) -> bool:
    """Say whether what pip names stands first among the candidates of each requirement."""
    return len(names) == len(occurrences) and all(
        name is None or occurrence.candidates[:1] == (name,) for name, occurrence in zip(names, occurrences, strict=True)
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(line), encodings)
def test_the_same_projects_are_found_as_by_pip(text: str, encoding: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "requirements.txt")
        path.write_bytes(text.encode(encoding))
        names = by_pip(path)
    event("refused by pip" if names is None else "read by pip")
    if names is not None:
        occurrences = by_guard(text.encode(encoding))
        assert agree(names, occurrences), (names, occurrences)
        assert all(occurrence.valid for occurrence in occurrences)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(broken))
def test_what_pip_reads_of_a_broken_file_the_guard_reads_too(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "requirements.txt")
        path.write_bytes(text.encode())
        names = by_pip(path)
    if names is not None:  # what pip silently drops from a line of options, the guard tells as a line that it cannot read
        assert agree(names, [occurrence for occurrence in by_guard(text.encode()) if occurrence.valid])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(broken), encodings)
def test_a_fixed_file_reads_as_before_without_what_was_removed(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "requirements.txt").write_bytes(data)
        inspector = Inspector(folder)
        verdicts = list(judge(list(inspector.file("requirements.txt")), inspector.policy("requirements.txt")))
    chosen = removals(verdicts)
    event(f"{sum(map(len, chosen.values()))} lines removed")
    for source, spans in chosen.items():
        fixed = source.without(spans)
        if fixed is None:
            continue
        before = [each for each in by_guard(data) if each.removal not in spans]
        assert [(each.text, each.candidates) for each in by_guard(fixed)] == [(each.text, each.candidates) for each in before]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        source = decode("requirements.txt", data)
    except UndecodableError:
        return
    for item in read(source):
        assert item.at is not None
        assert 0 <= item.at <= len(source.text)
