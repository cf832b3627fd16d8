"""Faults that end the build, each built for real: made by hand in a copy of the good project, or one of the manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.image import Outcome
from support.image_workshop import MANIFEST, Good, Workshop

TORCH = Path("locks/gpu/steps/03-torch.cu124.txt")
REQUIREMENTS = Path("locks/gpu/requirements.txt")
DOCKERFILE = Path("locks/gpu/Dockerfile")
VERIFY = "RUN python /opt/stack/verify.py"

APP_BLOCK = """\
{{% extends "builtin/Dockerfile.j2" %}}
{{% block app %}}
RUN {command}
{{{{ super() }}}}
{{%- endblock %}}
"""

SMALL = """\
[stack]
name = "small"

[indexes.cu124]
url = "{url}/whl/cu124"
serves = ["torch"]

[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "{base}"

[components.click]
version = "==8.1.8"

[image]
copy = ["app/"]
"""


def edit(project: Path, name: Path, old: str, new: str, *, times: int = 1) -> None:
    """Replace what stands in a file, exactly as often as it has to stand there."""
    text = (project / name).read_text(encoding="utf-8")
    assert text.count(old) == times, (name, old)
    (project / name).write_text(text.replace(old, new), encoding="utf-8")


def take_torch_from(workshop: Workshop, project: Path, index: str) -> None:
    """Let the step of torch install another index's torch, hash and all, as who changes an address by hand does."""
    edit(project, DOCKERFILE, "/whl/cu124 ", f"/whl/{index} ")
    text = (project / TORCH).read_text(encoding="utf-8")
    for name in ("torch", "torchaudio", "torchvision"):
        right, other = workshop.listed["cu124"][name], workshop.listed[index][name]
        text = text.replace(f"{name}=={right.version}", f"{name}=={other.version}").replace(
            str(right.sha256), str(other.sha256)
        )
    (project / TORCH).write_text(text, encoding="utf-8")


def ended(outcome: Outcome, *, by: str) -> str:
    """Return the last line of a build that must have failed in the instruction that begins with `by`."""
    return ending(outcome, by=by, lines=1)[0]


def ending(outcome: Outcome, *, by: str, lines: int) -> list[str]:
    assert outcome.status != 0, outcome.log[-3000:]
    assert outcome.built[-1].startswith(by), outcome.log[-3000:]
    return [line.strip() for line in outcome.ending[-lines:]]


def refused_by_pip(outcome: Outcome, *, by: str) -> list[str]:
    """Return what pip's resolver says of the requirements that do not fit."""
    lines = ending(outcome, by=by, lines=21)
    cause = lines.index("The conflict is caused by:")
    return lines[cause - 1 : cause + 3]


@pytest.fixture
def bad(workshop: Workshop, good: Good, request: pytest.FixtureRequest) -> Path:
    assert good.outcome.status == 0, good.outcome.log[-3000:]
    return workshop.copy(good.desk, request.node.name)


def test_torch_of_the_same_version_from_the_wrong_index(workshop: Workshop, bad: Path) -> None:
    take_torch_from(workshop, bad, "unlabelled")
    outcome = workshop.bench.build("bad", bad, log="wrong-index")
    assert ended(outcome, by=VERIFY) == (
        "verify: torch is 2.5.1, the lock has 2.5.1+cu124: it came from another index than cu124; install it by "
        "steps/03-torch.cu124.txt alone, in no other requirements file; rebuild from step 3 (4 of 48 checks failed)"
    )


def test_a_torch_for_the_cpu(workshop: Workshop, bad: Path) -> None:
    take_torch_from(workshop, bad, "cpu")
    outcome = workshop.bench.build("bad", bad, log="cpu-torch")
    assert ended(outcome, by=VERIFY) == (
        "verify: torch is 2.5.1+cpu, the lock has 2.5.1+cu124: it came from another index than cu124; install it by "
        "steps/03-torch.cu124.txt alone, in no other requirements file; rebuild from step 3 (6 of 48 checks failed)"
    )


def test_a_torch_for_the_cpu_under_the_label_of_cuda(workshop: Workshop, bad: Path) -> None:
    take_torch_from(workshop, bad, "mislabelled")
    outcome = workshop.bench.build("bad", bad, log="mislabelled-torch")
    assert ended(outcome, by=VERIFY) == (
        "verify: torch.version.cuda == '12.4' is false: its left side is None; the installed build is not the one that "
        "stack.toml describes: compare its index and version (3 of 48 checks failed)"
    )


def test_another_torch_slipped_into_the_requirements(workshop: Workshop, bad: Path) -> None:
    with (bad / REQUIREMENTS).open("a") as file:
        file.write(f"torch==2.6.0 --hash=sha256:{'0' * 64}\n")
    outcome = workshop.bench.build("bad", bad, log="torch-in-requirements")
    assert refused_by_pip(outcome, by="RUN pip install --no-deps") == [
        "ERROR: Cannot install torch==2.6.0 because these package versions have conflicting dependencies.",
        "The conflict is caused by:",
        "The user requested torch==2.6.0",
        "The user requested (constraint) torch==2.5.1+cu124",
    ]


@pytest.mark.parametrize("line", ["torch", "torch==2.5.1"])
def test_the_locked_torch_slipped_into_the_requirements(workshop: Workshop, bad: Path, line: str) -> None:
    """pip sees that it is there already, and moves nothing: it is the file itself that is not the one that was compiled."""
    with (bad / REQUIREMENTS).open("a") as file:
        file.write(f"{line}\n")
    outcome = workshop.bench.build("bad", bad, log=f"same-{line}-in-requirements")
    assert ended(outcome, by=VERIFY) == (
        "verify: requirements.txt was edited after stackc compiled it; undo the edit, or put what it is for into stack.toml; "
        "then run stackc compile, and build again (1 of 48 checks failed)"
    )


def test_a_wheel_of_another_hash(workshop: Workshop, bad: Path) -> None:
    digest = str(workshop.listed["cu124"]["torch"].sha256)
    edit(bad, TORCH, digest, "0" * 64)
    outcome = workshop.bench.build("bad", bad, log="wrong-hash")
    culprit, expected, got, said = ending(outcome, by="RUN pip install", lines=4)
    assert culprit.startswith("torch==2.5.1+cu124 from ")
    assert culprit.endswith("(from -r /opt/stack/steps/03-torch.cu124.txt (line 5)):")
    assert (expected, got) == (f"Expected sha256 {'0' * 64}", f"Got        {digest}")
    assert said == (
        f"stackc: {TORCH.as_posix()} could not be installed as locked, see above; undo an edit of it, or run stackc compile"
    )


def test_numpy_moved_by_a_later_install(workshop: Workshop, good: Good) -> None:
    desk = workshop.project("later-numpy", templates={"Dockerfile.j2": APP_BLOCK.format(command="pip install numpy==1.26.3")})
    outcome = workshop.bench.build("bad", desk.project, log="later-numpy")
    assert refused_by_pip(outcome, by="RUN pip install numpy") == [
        "ERROR: Cannot install numpy==1.26.3 because these package versions have conflicting dependencies.",
        "The conflict is caused by:",
        "The user requested numpy==1.26.3",
        "The user requested (constraint) numpy==1.26.4",
    ]


def test_numpy_moved_by_a_later_install_that_drops_the_constraints(workshop: Workshop, good: Good) -> None:
    block = APP_BLOCK.format(command="PIP_CONSTRAINT= pip install numpy==1.26.3")
    desk = workshop.project("unconstrained-numpy", templates={"Dockerfile.j2": block})
    outcome = workshop.bench.build("bad", desk.project, log="unconstrained-numpy")
    assert ended(outcome, by="RUN python /opt/stack/verify.py --installed") == (
        "verify: numpy is 1.26.3, the lock has 1.26.4; remove what installs it after steps/01-numpy.txt, or let that keep to "
        "constraints.txt; rebuild from step 1 (1 of 37 checks failed)"
    )


def test_a_component_that_installs_and_does_not_import(workshop: Workshop, good: Good) -> None:
    more = '\n[indexes.broken]\nurl = "{url}/whl/broken"\nserves = ["broken"]\n\n[components.broken]\nversion = "==1.0"\n'
    desk = workshop.project("broken", MANIFEST + more)
    outcome = workshop.bench.build("bad", desk.project, log="broken-import")
    assert ended(outcome, by=VERIFY) == (
        "verify: import broken: ImportError: libcusparseLt.so.0: cannot open shared object file; what it loads is missing "
        "or of another build: see the traceback above, and the versions before it (1 of 50 checks failed)"
    )


def test_a_base_image_of_another_cuda(workshop: Workshop) -> None:
    name = "example.org/cuda:12.4.1-runtime-debian12"
    workshop.bench.base(name, "ENV CUDA_VERSION=12.1.1")
    manifest = SMALL.replace('python = "3.10"', 'python = "3.11"\ncuda = "12.4"\nglibc = "2.36"')
    desk = workshop.project("other-cuda", f'{manifest}python-from = "base"\n', base=name)
    outcome = workshop.bench.build("bad", desk.project, log="other-cuda")
    assert ended(outcome, by=VERIFY) == (
        "verify: the base image has CUDA 12.1 (CUDA_VERSION), the lock is for 12.4; build from the base image that the lock "
        "names, example.org/cuda:12.4.1-runtime-debian12, or compile for the other one (1 of 7 checks failed)"
    )


def test_a_base_image_without_the_python_that_its_name_promises(workshop: Workshop) -> None:
    name = "python:3.10-slim-bookworm"
    workshop.bench.base(name)
    desk = workshop.project("no-python", SMALL, base=name)
    outcome = workshop.bench.build("bad", desk.project, log="no-python")
    assert ended(outcome, by="RUN python3.10 -m venv") == "/bin/sh: 1: python3.10: not found"


def test_a_base_image_whose_python_is_another_minor_version(workshop: Workshop) -> None:
    name = "python:3.10-slim-bookworm"
    workshop.bench.base(name, "RUN ln -s python3.11 /usr/bin/python3.10")
    desk = workshop.project("other-python", SMALL, base=name)
    outcome = workshop.bench.build("bad", desk.project, log="other-python")
    assert ended(outcome, by=VERIFY) == (
        "verify: python is 3.11, the lock is for 3.10; build from the locked Dockerfile and its base image, or change the "
        "target in stack.toml and compile again (1 of 6 checks failed)"
    )
