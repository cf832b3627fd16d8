"""`stackc verify`: whole output and exit status, for environments, receipts and build logs.

After a wanted change of what is said of the recorded logs: `PYTHONPATH=tests python tests/cli/test_verify_output.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import stackc
from stackc.verify.outcome import schema
from support.verified_project import CASES, environment_of, write_project

LOGS = sorted(path.stem for path in CASES.glob("*.log"))
SCHEMA = Path(stackc.__file__).parent / "data" / "verify.schema.json"


@dataclass(frozen=True)
class Told:
    status: int
    out: str
    err: str


def run(*arguments: str, folder: Path = CASES, stdin: bytes = b"", **more: str) -> Told:
    environment = {"PATH": os.defpath, "HOME": str(folder), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **more}
    command = [sys.executable, "-m", "stackc", "verify", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, input=stdin, capture_output=True, check=False)
    return Told(done.returncode, done.stdout.decode(), done.stderr.decode())


def shown(log: str) -> str:
    told = run("--build-log", f"{log}.log")
    return f"{told.out}exit status {told.status}\n" + (f"\n{told.err}" if told.err else "")


@pytest.mark.parametrize("log", LOGS)
def test_a_recorded_log_is_answered_as_written_down(log: str) -> None:
    assert shown(log) == (CASES / "expected" / f"{log}.txt").read_text(encoding="utf-8")


def test_a_log_comes_from_a_pipe_too() -> None:
    log = (CASES / "buildkit-good.log").read_bytes()
    told = run("--build-log", "-", stdin=log)
    assert (told.status, told.err) == (0, "")
    assert told.out.splitlines()[-1] == "gpu: standard input shows a build that did what the lock says (6 answers)"


def test_what_is_no_log_is_said_to_be_none() -> None:
    told = run("--build-log", "-", stdin=b"hello\n")
    assert told.status == 1
    assert told.err.startswith("error[S650]: this is not the plain log of a build by docker, BuildKit or buildah\n")
    assert told.out.splitlines()[0] == "unknown  this is not the plain log of a build by docker, BuildKit or buildah"


@pytest.mark.parametrize(("option", "what"), [("--receipt", "receipt"), ("--build-log", "build log")])
def test_a_file_that_is_not_there_is_a_mistake_of_usage(option: str, what: str) -> None:
    error = f"error[S659]: the {what} `nowhere` cannot be read: no such file or directory\n\n"
    assert run(option, "nowhere") == Told(2, "", f"{error}hint: name a file that is there and can be read\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--receipt", "a", "--build-log", "b"), "--receipt and --build-log ask different things: name one of them"),
        (("--python", "a", "--receipt", "b"), "--python and --receipt ask different things: name one of them"),
        (("--gpu", "--receipt", "b"), "--gpu asks this machine, and --receipt does not"),
    ],
)
def test_options_that_contradict_each_other_are_a_mistake_of_usage(arguments: tuple[str, ...], message: str) -> None:
    told = run(*arguments)
    assert (told.status, told.err.splitlines()[-1]) == (2, f"Error: {message}")


def test_an_unknown_target_and_a_target_without_a_lock_are_said(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    assert run("cpu", folder=folder) == Told(2, "", "error[S002]: there is no target `cpu`\n\nhint: the manifest has `gpu`\n")
    (folder / "locks/gpu/lock.toml").unlink()
    told = run(folder=folder)
    assert (told.status, told.err.splitlines()[0]) == (1, "error[S520]: target `gpu` has no lock")


class Environment:
    """A project, and an environment that is what its lock says until a test changes it."""

    def __init__(self, folder: Path) -> None:
        self.project = write_project(folder / "project")
        self.python, self.site = environment_of(folder / "venv")

    def verify(self, *arguments: str) -> Told:
        return run("--python", str(self.python), *arguments, folder=self.project)

    def document(self, *arguments: str) -> Any:
        return json.loads(self.verify("--json", *arguments).out)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


def test_a_good_environment_is_what_the_lock_says(environment: Environment) -> None:
    expected = Told(0, f"gpu: {environment.python} is what the lock says (12 checks hold)\n", "")
    assert environment.verify() == expected
    (environment.project / "numpy.py").write_text("raise ImportError('not the module of the project itself')\n")
    assert environment.verify() == expected
    active = run(folder=environment.project, VIRTUAL_ENV=str(environment.python.parents[1]))
    assert active == expected
    on_path = run(folder=environment.project, PATH=str(environment.python.parent))
    assert on_path.out == expected.out.replace("/python ", "/python3 ")


def test_each_difference_is_told_at_the_lock_s_line(environment: Environment) -> None:
    (environment.site / "numpy-1.26.4.dist-info").rename(environment.site / "numpy-2.1.0.dist-info")
    metadata = environment.site / "numpy-2.1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.26.4", "2.1.0"))
    (environment.site / "click" / "__init__.py").write_text("import nothing_has_this\n")
    told = environment.verify()
    assert told == Told(
        1,
        f"gpu: {environment.python} is not what the lock says: 2 errors\n",
        "error[S602]: numpy is 2.1.0, the lock has 1.26.4\n"
        " --> locks/gpu/lock.toml:71: package.numpy\n"
        "wanted: 1.26.4\n"
        " found: 2.1.0\n"
        "\n"
        "hint: remove what installs it after steps/01-numpy.txt, or let that keep to constraints.txt; rebuild from step 1\n"
        "\n"
        "error[S610]: import click: ModuleNotFoundError: No module named 'nothing_has_this'\n"
        " --> locks/gpu/lock.toml:57: package.click\n"
        "\n"
        "hint: what it loads is missing or of another build: see the traceback above, and the versions before it\n"
        "\n",
    )


def test_every_document_is_as_the_schema_says(environment: Environment, tmp_path: Path) -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    receipt = tmp_path / "verified.json"
    good = environment.document()
    receipt.write_text(json.dumps(good["receipt"]))
    (environment.site / "click" / "__init__.py").write_text("import nothing_has_this\n")
    documents = [
        good,
        environment.document(),
        json.loads(run("--json", "--receipt", str(receipt), folder=environment.project).out),
        *(json.loads(run("--json", "--build-log", f"{log}.log").out) for log in LOGS),
    ]
    assert [error.message for document in documents for error in validator.iter_errors(document)] == []
    assert {document["mode"] for document in documents} == {"environment", "receipt", "build-log"}
    assert {document["version"] for document in documents} == {1}


def test_the_committed_schema_is_the_generated_one() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema()


def test_a_receipt_is_that_of_the_lock_or_another(environment: Environment, tmp_path: Path) -> None:
    receipt = tmp_path / "verified.json"
    content = environment.document()["receipt"]
    receipt.write_text(json.dumps(content))
    name = str(receipt)
    assert run("--receipt", name, folder=environment.project) == Told(
        0, f"gpu: the image that left {name} is that of the lock (3 packages)\n", ""
    )
    content["packages"]["torch"]["version"] = "2.5.1"
    receipt.write_text(json.dumps(content))
    assert run("--receipt", name, folder=environment.project) == Told(
        1,
        f"gpu: the image that left {name} is another: 1 error\n",
        "error[S603]: torch is 2.5.1, the lock has 2.5.1+cu124: it came from another index than cu124\n"
        f" --> {name}: packages.torch\n"
        " --> locks/gpu/lock.toml:86: package.torch\n"
        "wanted: 2.5.1+cu124\n"
        " found: 2.5.1\n"
        "\n"
        "hint: build the image again from the present lock\n"
        "\n",
    )


def test_an_interpreter_that_is_not_there_is_a_mistake_of_usage(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    told = run("--python", "./nowhere", folder=folder)
    assert told == Told(
        2,
        "",
        "error[S620]: `nowhere` cannot be run: no such file or directory\n\nhint: name an interpreter with --python PATH\n",
    )
    nobody = run(folder=folder, PATH=str(tmp_path))
    assert nobody.err.startswith("error[S620]: no Python is active: VIRTUAL_ENV is not set, and `python3` is not on the PATH\n")


def test_an_interpreter_that_ends_before_its_checks_is_told(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    other.chmod(0o755)
    assert run("--python", str(other), folder=folder) == Told(
        1,
        "",
        "error[S621]: the checks did not run to their end in that Python: exit status 3\n"
        "broken\n"
        "\n"
        "hint: it must be Python 3.8 or later, on Linux or macOS\n",
    )


def test_a_machine_s_driver_and_gpus_are_told_and_held_to_the_matrix(environment: Environment, tmp_path: Path) -> None:
    seen = {"name": "NVIDIA H100", "capability": "9.0"}
    used = {**seen, "memory": 80 * 2**30, "free": 78 * 2**30, "error": 3.1e-06, "tolerance": 0.001}
    gpu = {"driver": {"version": "470.82.01", "cuda": "11.4", "devices": [seen]}, "devices": [used]}
    told = {"format": 1, "checks": [], "notes": [], "receipt": environment.document()["receipt"], "gpu": gpu}
    (tmp_path / "told.json").write_text(json.dumps(told))
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat {tmp_path}/told.json\n")
    python.chmod(0o755)
    answered = run("--gpu", "--python", str(python), folder=environment.project)
    assert answered.status == 1
    assert answered.out.splitlines() == [
        "driver 470.82.01, for CUDA up to 11.4",
        "GPU 0: NVIDIA H100, compute capability 9.0, 78.0 of 80.0 GiB free, a matrix product within 3.1e-06 of the CPU's",
        f"gpu: {python} is not what the lock says: 1 error",
    ]
    assert answered.err.splitlines()[:4] == [
        "error[S641]: driver 470.82.01 does not run what the lock of target `gpu` has",
        " --> locks/gpu/lock.toml:86: package.torch",
        "wanted: driver>=525",
        " found: 470.82.01",
    ]


LIGHT = """
import sys
from stackc.cli.app import run
status = run(sys.argv[1:])
heavy = {"stackc.engine", "stackc.view", "stackc.upstream", "stackc.resolve", "pycurl", "jinja2", "rich", "sqlite3", "asyncio"}
print(status, sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("option", [("--build-log", "buildah-good.log"), ("--receipt", "RECEIPT")])
def test_a_receipt_and_a_log_need_no_engine_no_view_and_no_client(tmp_path: Path, option: tuple[str, str]) -> None:
    receipt = tmp_path / "verified.json"
    receipt.write_text("{}")
    words = [word.replace("RECEIPT", str(receipt)) for word in option]
    command = [sys.executable, "-c", LIGHT, "verify", *words]
    done = subprocess.run(command, cwd=CASES, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].endswith(" []")


def regenerate() -> None:
    (CASES / "expected").mkdir(exist_ok=True)
    for log in LOGS:
        (CASES / "expected" / f"{log}.txt").write_text(shown(log), encoding="utf-8")


if __name__ == "__main__":
    regenerate()
