"""The questions about a build's log: what makes a yes, a no, and an unknown."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.lock.model import DirectFile, Lock
from stackc.verify.checklist import Answer
from unit.verify.log_project import asked, lock, recorded, verdicts

GOOD = ("buildah-good", "buildkit-good", "docker-good")
ALL = "yes yes yes yes yes yes"
UV_INDEX = "--default-index https://files.example.org/whl/cu124"
TORCH_STEP = "--index-url https://files.example.org/whl/cu124"


def github(text: str) -> bytes:
    lines = text.replace("\n", "\r\n").split("\r\n")[:-1]
    return "\ufeff".encode() + b"".join(
        f"2024-05-01T12:00:{n % 60:02}.1234567Z \x1b[36;1m{line}\x1b[0m\r\n".encode() for n, line in enumerate(lines)
    )


def gitlab(text: str) -> bytes:
    head = "section_start:1714567890:step_script\r\x1b[0K\x1b[0;m\n"
    return "".join(f"2024-05-01T12:00:00.123456Z 00O {line}\n" for line in (head + text).splitlines()).encode()


def columns(text: str) -> bytes:
    return "".join(f"build\tBuild\t2024-05-01T12:00:00.123456Z {line}\n" for line in text.splitlines()).encode()


def utf16(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-16")


def line_of(text: str, start: str) -> int:
    """Return the number of the first line that begins so."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("written", [str.encode, github, gitlab, columns, utf16])
def test_a_good_log_is_good_however_it_was_written_down(name: str, written: object) -> None:
    assert callable(written)
    assert verdicts(written(recorded(name))) == ALL


@pytest.mark.parametrize("name", GOOD)
def test_no_part_of_a_good_log_is_good(name: str) -> None:
    lines = recorded(name).splitlines(keepends=True)
    made = next(n for n, line in enumerate(lines) if re.match(r"Successfully (tagged|built)|#\d+ exporting to", line))
    first = next(n for n, line in enumerate(lines) if re.match(r"(STEP|Step) 1/|#\d+ \[ *1/", line))
    wholes = [cut for cut in range(made + 1) if not set(verdicts("".join(lines[:cut])).split()) & {"unknown", "no"}]
    tails = [cut for cut in range(first + 1, len(lines)) if not set(verdicts("".join(lines[cut:])).split()) & {"unknown", "no"}]
    assert (wholes, tails) == ([], [])


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    "pattern",
    [
        r"Downloading numpy",
        r"Successfully installed torch",
        r"ok    import torch",
        r"verify: all",
        r"Successfully installed click",
    ],
)
def test_a_line_that_is_missing_is_missed(name: str, pattern: str) -> None:
    text = "".join(line for line in recorded(name).splitlines(keepends=True) if not re.search(pattern, line))
    assert "unknown" in verdicts(text).split()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Looking in indexes: https://files.example.org/whl/cu124", "Looking in indexes: https://example.org/simple", "no"),
        (
            "Looking in indexes: https://files.example.org/whl/cu124",
            "Looking in indexes: https://files.example.org/whl/cu124, https://example.org/simple",
            "no",
        ),
        (
            "Looking in indexes: https://files.example.org/whl/cu124",
            "Looking in indexes: https://me:****@files.example.org/whl/cu124/",
            "yes",
        ),
        ("Looking in indexes: https://files.example.org/whl/cu124\n", "", "yes"),
        (TORCH_STEP, f"{TORCH_STEP} --extra-index-url https://example.org", "no"),
        (TORCH_STEP, f"{TORCH_STEP} --find-links /wheels", "no"),
        (TORCH_STEP, f"{TORCH_STEP} -f https://example.org/whl.html", "no"),
        ("Downloading torch-2.5.1%2Bcu124-cp311", "Downloading torch-2.5.1-cp311", "no"),
        ("Downloading torch-2.5.1%2Bcu124-cp311", "Using cached torch-2.5.1%2Bcu124-cp311", "yes"),
        ("Successfully installed torch-2.5.1+cu124", "Successfully installed torch-2.5.1", "no"),
        ("02-torch.cu124.txt", "02-torch.cu121.txt", "unknown"),
    ],
)
def test_torch_is_from_its_own_step_and_index_alone(old: str, new: str, expected: str) -> None:
    text = recorded("buildah-good")
    assert old in text
    assert asked(text.replace(old, new))[2].verdict == expected


def test_without_a_word_of_the_index_nobody_knows() -> None:
    text = (
        recorded("buildah-good")
        .replace(f"{TORCH_STEP} ", "")
        .replace("Looking in indexes: https://files.example.org/whl/cu124\n", "")
    )
    assert asked(text)[2].text == "log step 10/19 does not say on which index it looked for torch"


def test_a_project_of_the_base_image_may_be_removed_before_its_own_step() -> None:
    text = recorded("buildah-good").replace("STEP 7/19", "      Successfully uninstalled numpy-1.21.0\nSTEP 7/19")
    assert verdicts(text) == ALL


def test_a_step_before_its_own_may_not_bring_a_project() -> None:
    text = recorded("buildah-good").replace("STEP 7/19", "Successfully installed numpy-1.26.4\nSTEP 7/19")
    (finding,) = asked(text)[1].findings
    assert finding == Finding(
        code="S658",
        message="log step 6/19 installed numpy 1.26.4",
        places=(
            Place(file="build.log", line=line_of(text, "Successfully installed numpy")),
            Place(file="locks/gpu/lock.toml", line=71, path=("package", "numpy")),
        ),
        wanted="numpy 1.26.4, by steps/01-numpy.txt alone",
        found="RUN pip install --no-deps --require-hashes --no-cache-dir -r /opt/stack/steps/00-tools.txt",
        hint="leave numpy to steps/01-numpy.txt and its index, and build again",
    )


def test_a_tool_that_the_lock_has_as_a_package_too_may_come_with_the_tools() -> None:
    tool = next(tool for tool in lock().tools if tool.name == "setuptools")
    both = replace(lock(), packages=(*lock().packages, replace(tool, step=lock().last_step)))
    assert verdicts(recorded("buildah-good"), of=both) == ALL


def test_a_verification_before_the_last_install_proves_little() -> None:
    lines = recorded("docker-good")
    begin, end = lines.index("Step 16/19"), lines.index("Step 17/19")
    moved = lines[:begin] + lines[end:]
    verification = lines[begin:end].replace("Step 16/19", "Step 7/19")
    text = moved.replace("Step 7/19", f"{verification}Step 7/19")
    assert asked(text)[-1].text == "the last verification ran before the last install step"


def test_lines_of_the_verification_that_are_missing_are_counted() -> None:
    text = recorded("buildah-good").replace("ok    import torch\n", "")
    assert asked(text)[-1] == Answer(
        question="verified",
        verdict="unknown",
        text="the verification's last line does not count the 11 lines before it",
        findings=(
            Finding(
                code="S657",
                message="the verification's last line does not count the 11 lines before it",
                places=(Place(file="build.log", line=line_of(text, "STEP 16/19")),),
                hint="build again with --no-cache, and read that log",
            ),
        ),
    )


UV = f"""\
#5 [1/6] FROM debian
#5 DONE 0.1s
#6 [2/6] RUN uv pip install --no-deps --require-hashes -r /opt/stack/steps/01-numpy.txt
#6 0.4 Downloading numpy (17.4MiB)
#6 0.9 Installed 1 package in 30ms
#6 0.9  + numpy==1.26.4
#6 DONE 1.0s
#7 [3/6] RUN uv pip install --no-deps --require-hashes {UV_INDEX} -r /opt/stack/steps/02-torch.cu124.txt
#7 0.9  + torch==2.5.1+cu124
#7 DONE 1.0s
#8 [4/6] RUN uv pip install --no-deps --require-hashes -r /opt/stack/requirements.txt
#8 0.9  + click==8.1.8
#8 DONE 1.0s
#9 [5/6] RUN python /opt/stack/verify.py
#9 0.9 ok    python 3.11
#9 0.9 verify: all 1 checks hold
#9 DONE 1.0s
#10 [6/6] COPY app/ ./app/
#10 DONE 0.1s
#11 exporting to image
#11 DONE 0.1s
"""


def test_uv_s_words_are_as_good_as_pip_s() -> None:
    assert verdicts(UV) == ALL


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("+ torch==2.5.1+cu124", "+ torch==2.5.1", "yes yes no yes yes yes"),
        ("--default-index https://files.example.org/whl/cu124 ", "", "yes yes unknown yes yes yes"),
        (" + click==8.1.8", " - torch==2.5.1+cu124\n#8 0.9  + torch==2.6.0\n#8 0.9  + click==8.1.8", "yes yes yes no yes yes"),
        ("#8 DONE 1.0s", "#8 CACHED", "yes unknown yes unknown unknown yes"),
        ("#9 DONE 1.0s", "#9 CANCELED", "yes yes yes yes yes unknown"),
        ("#11 DONE 0.1s", "", "unknown unknown unknown unknown unknown yes"),
        ("[4/6] RUN", "[4/7] RUN", ALL),
        ("#10 [6/6] COPY app/ ./app/\n#10 DONE 0.1s\n", "", "unknown unknown unknown unknown unknown yes"),
    ],
)
def test_uv_s_log_is_walked_likewise(old: str, new: str, expected: str) -> None:
    assert old in UV
    assert verdicts(UV.replace(old, new)) == expected


@pytest.mark.parametrize(
    ("command", "output", "expected"),
    [
        ("pip install -q numpy==2.1.3", "", "yes unknown yes unknown unknown yes"),
        ("uv pip install --quiet numpy", "", "yes unknown yes unknown unknown yes"),
        ("conda install numpy", "", "yes unknown yes unknown unknown yes"),
        ("pip install -e . > /dev/null", "", "yes unknown yes unknown unknown yes"),
        ("pip install --no-deps .", "Successfully installed app-0.1", ALL),
        ("pip install numpy", "Requirement already satisfied: numpy in ./opt/venv (1.26.4)", ALL),
        ("apt-get install -q -y curl", "", ALL),
        ("pip list", "numpy 1.26.4", ALL),
    ],
)
def test_an_installer_that_says_nothing_may_have_done_anything(command: str, output: str, expected: str) -> None:
    said = f"#12 0.5 {output}\n" if output else ""
    step = f"#12 [7/7] RUN {command}\n{said}#12 DONE 1.0s\n"
    text = UV.replace("/6]", "/7]").replace("#11 exporting", f"{step}#11 exporting")
    assert verdicts(text) == expected


def test_steps_of_another_target_of_a_bake_are_left_out() -> None:
    both = UV.replace(" [", " [gpu ").replace(
        "#5 [gpu ", "#12 [cpu 2/6] RUN pip install torch\n#12 0.2 Successfully installed torch-2.9.0\n#12 DONE 1s\n#5 [gpu "
    )
    assert verdicts(both, others=("cpu",)) == ALL
    assert "no" in verdicts(both).split()


def by_file() -> tuple[str, Lock]:
    """Return log and lock of a build in which torch comes from a file that stack.toml names, labelled in its name alone."""
    torch = lock().by_name[NormalizedName("torch")]
    named = replace(torch, index=None, direct="url", version=Version("2.5.1"))
    root = next(root for root in lock().roots if root.parsed.name == "torch")
    file = DirectFile(kind="url", file=torch.file.name, sha256=torch.file.sha256)
    changed = replace(
        lock(),
        roots=tuple(replace(each, index=None, direct=file) if each == root else each for each in lock().roots),
        packages=tuple(named if package == torch else package for package in lock().packages),
    )
    text = recorded("buildah-good").replace("02-torch.cu124.txt", "02-torch-direct.txt").replace(TORCH_STEP, "--no-index")
    text = text.replace("Looking in indexes: https://files.example.org/whl/cu124\n", "")
    return text.replace("torch-2.5.1+cu124", "torch-2.5.1"), changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("Downloading torch-2.5.1%2Bcu124-cp311", "Downloading https://example.org/a/torch-2.5.1%2Bcu124-cp311"),
        ("Downloading torch-2.5.1%2Bcu124-cp311", "Processing /opt/stack/files/torch-2.5.1+cu124-cp311"),
        ("Successfully installed torch-2.5.1", "Successfully installed torch-2.5.1+cu124"),
    ],
)
def test_a_file_that_stack_toml_names_is_seen_to_come_from_there(old: str, new: str) -> None:
    text, of = by_file()
    assert old in text
    answer = asked(text.replace(old, new), of=of)[2]
    assert (answer.verdict, answer.text) == ("yes", "torch 2.5.1 was downloaded in step 2, from the url in stack.toml alone")


def test_another_file_than_stack_toml_names_is_seen_too() -> None:
    text, of = by_file()
    (told,) = asked(text.replace("Downloading torch-2.5.1%2Bcu124-cp311", "Downloading torch-2.5.1-cp311"), of=of)[2].findings
    assert (told.code, told.wanted) == ("S653", "torch-2.5.1+cu124-cp311-cp311-linux_x86_64.whl")
