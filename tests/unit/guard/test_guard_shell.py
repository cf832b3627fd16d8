"""Commands that install, in shell scripts, Dockerfiles and Makefiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackc.guard import dockerfile, scripts
from stackc.guard.shell import commands
from stackc.guard.source import Joined, Source
from support.guard import found, said

SCRIPTS: dict[str, tuple[str, list[str]]] = {
    "pip": ("pip install torch", ["1:13 torch = torch"]),
    "pip of a version": ("/opt/venv/bin/pip3.10 install -q torch", ["1:34 torch = torch"]),
    "pip of Python": ("python3.10 -u -m pip --no-cache-dir install torch", ["1:45 torch = torch"]),
    "pip in a variable": ("${PIP} install torch", ["1:16 torch = torch"]),
    "uv pip": ("uv pip install --system torch", ["1:25 torch = torch"]),
    "uv add": ("uv add torch", ["1:8 torch = torch"]),
    "uv pip sync": ("uv pip sync locked.txt", ["1:13 -r locked.txt"]),
    "poetry add": ("poetry add torch@^2.5", ["1:12 torch@^2.5 = torch"]),
    "pdm add": ("pdm add -dG test torch", ["1:13 test = test", "1:18 torch = torch"]),
    "conda install": (
        "conda install -y -c pytorch pytorch-cuda=12.4 nvidia::cudatoolkit",
        ["1:29 pytorch-cuda=12.4 = pytorch-cuda", "1:47 nvidia::cudatoolkit = cudatoolkit"],
    ),
    "sudo and env": ("sudo -H env A=b pip install torch", ["1:29 torch = torch"]),
    "conda run": ("conda run -n x pip install torch", ["1:28 torch = torch"]),
    "a value of an option is none": ("pip install -t torch --root torch numpy", ["1:35 numpy = numpy"]),
    "an include": ("pip install -r a.txt -cb.txt", ["1:13 -r a.txt", "1:22 -c b.txt"]),
    "an editable": ("pip install -e git+https://example.org/pytorch", ["1:13 git+https://example.org/pytorch = pytorch"]),
    "an index": ("pip install -i https://example.org torch", ["1:13 --index-url https://example.org", "1:36 torch = torch"]),
    "an index in the environment": (
        "PIP_EXTRA_INDEX_URL=https://example.org pip install x",
        ["1:1 --extra-index-url https://example.org", "1:53 x = x"],
    ),
    "another shell": ("bash -lc 'pip install torch'", ["1:23 torch = torch"]),
    "another shell, with quotes in quotes": ("sh -c \"pip install 'torch>=2'\"", ["1:20 torch>=2 = torch"]),
    "eval": ("eval pip install torch", ["1:18 torch = torch"]),
    "a substitution": ("echo $(pip install torch) `pip install numpy`", ["1:20 torch = torch", "1:40 numpy = numpy"]),
    "operators": (
        "cd x && pip install a || pip install b; pip install c | tee log &",
        ["1:21 a = a", "1:38 b = b", "1:53 c = c"],
    ),
    "reserved words": ("if true; then\n  ! pip install torch\nfi", ["2:17 torch = torch"]),
    "a continuation": ("pip install \\\n  torch \\\n  numpy\n", ["2:3 torch = torch", "3:3 numpy = numpy"]),
    "a variable that the script sets": (
        "P='torch numpy'\npip install $P ${Q:-x}",
        ["2:13 torch = torch", "2:13 numpy = numpy", "2:16 x = x"],
    ),
    "a quoted variable is one word": ('P="a b"\npip install "$P"', ["2:13 a b = a, b (unreadable)"]),
    "a comment": ("pip install a # torch\n# pip install torch", ["1:13 a = a"]),
    "a redirect": ("pip install a >/dev/null 2>&1 2>log", ["1:13 a = a"]),
    "a here-document for a shell": (
        "bash <<'EOF'\npip install torch\nEOF\npip install a",
        ["2:13 torch = torch", "4:13 a = a"],
    ),
    "a here-document for Python": ("python3 <<EOF\npip install torch\nEOF", []),
    "a requirements file that is written": (
        "cat > /tmp/requirements.txt <<EOF\nnumpy\ntorch\nEOF",
        ["2:1 numpy = numpy", "3:1 torch = torch"],
    ),
    "a line that is echoed into one": ("echo torch >> requirements.txt", ["1:6 torch = torch"]),
    "what is only said": ("echo pip install torch\npip uninstall torch\npip download torch\ngrep -v torch x", []),
    "an open quote": ("pip install 'torch", ["1:13 torch = torch"]),
}


@pytest.mark.parametrize(("script", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_installs_by_way_of(script: str, expected: list[str]) -> None:
    source = Source.of(script)
    assert said(source, scripts.read_script(source)) == expected


def test_commands_keep_their_words_redirects_and_comments() -> None:
    script = Joined([("# why\nA=b pip install 'x y' z>=2 # that\n", 0)])
    (command,) = commands(script)
    assert command.names() == ("A=b", "pip", "install", "x y", "z")
    assert [(each.operator, each.target.text) for each in command.redirections] == [(">", "=2")]
    assert command.comments == ("# why", "# that")


DOCKERFILE = """\
# syntax=docker/dockerfile:1
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04
ARG TORCH=2.5.1
ENV EXTRA="torchaudio numpy" PIP_EXTRA_INDEX_URL=https://example.org/simple
COPY reqs/gpu.txt /tmp/requirements.txt
RUN --mount=type=cache,target=/root/.cache pip install \\
    # a comment within
    torch==$TORCH \\

    scipy && pip install -r /tmp/requirements.txt
RUN ["python", "-m", "pip", "install", "torch>=2"]
RUN ["sh", "-c", "pip install torch"]
RUN pip install $EXTRA
RUN <<EOF
pip install torchvision
EOF
RUN <<EOF python3
pip install torchvision
EOF
COPY <<EOF /app/requirements.txt
torchtext
EOF
onbuild run pip3 install torch
# RUN pip install torch
CMD ["pip", "install", "torch"]
"""


def test_a_dockerfile_installs_by_its_run_instructions() -> None:
    source = Source.of(DOCKERFILE)
    assert said(source, dockerfile.read(source)) == [
        "4:30 --extra-index-url https://example.org/simple",
        "8:5 torch==2.5.1 = torch",
        "10:5 scipy = scipy",
        "10:26 -r reqs/gpu.txt or /tmp/requirements.txt",
        "11:40 torch>=2 = torch",
        "12:31 torch = torch",
        "13:17 torchaudio = torchaudio",
        "13:17 numpy = numpy",
        "15:13 torchvision = torchvision",
        "21:1 torchtext = torchtext",
        "23:26 torch = torch",
    ]


def test_the_escape_directive_is_obeyed() -> None:
    source = Source.of("# escape=`\nFROM x\nRUN pip install `\n  torch\n")
    assert said(source, dockerfile.read(source)) == ["4:3 torch = torch"]


def test_a_dockerfile_with_crlf_is_read() -> None:
    source = Source.of("FROM x\r\nRUN pip install \\\r\n  torch\r\nRUN pip install a\r\n")
    assert said(source, dockerfile.read(source)) == ["3:3 torch = torch", "4:17 a = a"]


def test_what_a_dockerfile_copies_and_installs_is_followed(tmp_path: Path) -> None:
    files = {
        "docker/Dockerfile": "FROM x\nCOPY reqs/gpu.txt /tmp/r.txt\nRUN pip install -r /tmp/r.txt -r /tmp/made-there.txt\n",
        "reqs/gpu.txt": "torch\n",
    }
    assert found(tmp_path, files) == ["reqs/gpu.txt:1:1 S701 torch"]


def test_a_makefile_installs_by_its_recipes() -> None:
    text = "PIP = pip\nall:\n\t@$(PIP) install torch \\\n\t  numpy\n\tpip install $$X\ntorch:\n\t-pip install a\n"
    source = Source.of(text)
    assert said(source, scripts.read_makefile(source)) == [
        "3:18 torch = torch",
        "4:4 numpy = numpy",
        "5:14 ${X} = x (unreadable)",
        "7:15 a = a",
    ]


REDIRECTS = {
    "an unquoted specifier": ("pip install torchmetrics>=1.0", ["1:13 S713 torchmetrics>=1.0"]),
    "an upper bound": ("pip install 'numpy' pandas<2", ["1:21 S713 pandas<2"]),
    "both bounds": ("pip install numpy>=1.2,<2", ["1:13 S713 numpy>=1.2,"]),
    "spaces around it": ("pip install numpy >= 2", ["1:19 S713 >="]),
    "uv": ("uv pip install numpy>1", ["1:16 S713 numpy>1"]),
}
PLAIN = [
    "pip install 'numpy>=1.2'",
    'pip install "numpy<2"',
    "pip install numpy > log.txt",
    "pip install numpy>log.txt",
    "pip install x 2>&1",
    "test 1 >2",
]


@pytest.mark.parametrize(("command", "expected"), REDIRECTS.values(), ids=REDIRECTS)
@pytest.mark.parametrize(("name", "lead"), [("install.sh", ""), ("Dockerfile", "RUN ")])
def test_a_version_that_is_a_redirect_is_told(tmp_path: Path, name: str, lead: str, command: str, expected: list[str]) -> None:
    where = [f"{name}:1:{int(line.split()[0][2:]) + len(lead)} {line.split(' ', 1)[1]}" for line in expected]
    assert found(tmp_path, {name: f"{lead}{command}\n"}) == where


@pytest.mark.parametrize("command", PLAIN)
def test_quoted_versions_and_meant_redirects_are_left_alone(tmp_path: Path, command: str) -> None:
    assert found(tmp_path, {"install.sh": f"{command}\n"}) == []
