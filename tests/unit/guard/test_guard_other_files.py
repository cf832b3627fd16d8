"""pyproject.toml, Pipfile, environment.yml, cog.yaml, setup.cfg and setup.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stackc.guard.occurrence import Item, Occurrence
from stackc.guard.setup_files import read_setup_cfg, read_setup_py
from stackc.guard.source import Source
from stackc.guard.toml_files import read_pipfile, read_pyproject
from stackc.guard.yaml_files import read_cog, read_environment
from support.guard import found, said


def of(reader: Callable[[Source], Iterator[Item]], text: str) -> list[str]:
    source = Source.of(text)
    return said(source, reader(source))


PYPROJECT = {
    "project.dependencies": (
        '[project]\ndependencies = [\n  "numpy", "torch>=2",\n]\n',
        ["3:4 numpy = numpy", "3:13 torch>=2 = torch"],
    ),
    "optional dependencies": ('[project.optional-dependencies]\ngpu = ["torch"]\n', ["2:9 torch = torch"]),
    "dependency groups": ('[dependency-groups]\ndev = [{include-group = "x"}, "torch"]\n', ["2:32 torch = torch"]),
    "build-system": ("[build-system]\nrequires = ['torch']\n", ["2:14 torch = torch"]),
    "a key that is quoted and dotted": ('project."dependencies" = ["torch"]\n', ["1:28 torch = torch"]),
    "a string over lines": ('[project]\ndependencies = ["""\ntorch"""]\n', ["2:18 torch = torch"]),
    "the same requirement twice": (
        '[project]\ndependencies = ["torch", "torch"]\n',
        ["2:18 torch = torch", "2:27 torch = torch"],
    ),
    "an escape": ('[project]\ndependencies = ["\\u0074orch"]\n', ["2:18 torch = torch"]),
    "poetry": ('[tool.poetry.dependencies]\nTorch = "^2.5"\n', ['2:1 Torch = "^2.5" = torch']),
    "poetry, with a table": (
        '[tool.poetry.dependencies]\ntorch = {version = "^2", source = "x"}\n',
        ['2:1 torch = {version = "^2", source = "x"} = torch'],
    ),
    "poetry, a repository": (
        '[tool.poetry.dependencies]\nx = {git = "https://github.com/pytorch/pytorch.git"}\n',
        ['2:1 x = {git = "https://github.com/pytorch/pytorch.git"} = x, pytorch, pytorch/pytorch'],
    ),
    "poetry, a group": ('[tool.poetry.group.gpu.dependencies]\ntorch = "*"\n', ['2:1 torch = "*" = torch']),
    "poetry, dev": ('[tool.poetry.dev-dependencies]\ntorch = "*"\n', ['2:1 torch = "*" = torch']),
    "pdm": ('[tool.pdm.dev-dependencies]\ntest = ["torch"]\n', ["2:10 torch = torch"]),
    "uv": ('[tool.uv]\ndev-dependencies = ["torch"]\n', ["2:22 torch = torch"]),
    "hatch": ('[tool.hatch.envs.default]\ndependencies = ["torch"]\n', ["2:18 torch = torch"]),
    "pixi": ('[tool.pixi.dependencies]\npytorch-gpu = "*"\n', ['2:1 pytorch-gpu = "*" = pytorch-gpu']),
    "a file of setuptools": ('[tool.setuptools.dynamic]\ndependencies = {file = ["r.txt"]}\n', ["2:17 -r r.txt"]),
    "constraints of uv": ('[tool.uv]\nconstraint-dependencies = ["torch<3"]\noverride-dependencies = ["torch<3"]\n', []),
    "other tables": ('[tool.mypy]\nmodule = ["torch.*"]\n[project]\nname = "torch"\nkeywords = ["torch"]\n', []),
    "no TOML": (
        '[project\ndependencies = ["torch"]\n# torch\n',
        ["1:1 [project = project (unreadable)", '2:1 dependencies = ["torch"] = dependencies, torch (unreadable)'],
    ),
}


@pytest.mark.parametrize(("text", "expected"), PYPROJECT.values(), ids=PYPROJECT)
def test_a_pyproject_requires_by(text: str, expected: list[str]) -> None:
    assert of(read_pyproject, text) == expected


def test_a_pipfile_requires_by_its_tables() -> None:
    head = '[[source]]\nurl = "x"\n'
    text = head + '[packages]\ntorch = "*"\n"torch-geometric" = "*"\n[dev-packages]\nTorch = {version = "*"}\n'
    text += '[requires]\npython_version = "3"\n'
    assert of(read_pipfile, text) == [
        '4:1 torch = "*" = torch',
        '5:2 "torch-geometric" = "*" = torch-geometric',
        '7:1 Torch = {version = "*"} = torch',
    ]


ENVIRONMENT = """\
name: x
channels: [pytorch, nvidia]
dependencies:
  - python=3.10
  - pytorch::pytorch=2.5.1=py3.10_cuda12.4*  # the build
  - "pytorch-cuda=12.4"
  - cudatoolkit
  - pip
  - pip:
    - torch==2.5.1
    - -r requirements.txt
    - "--extra-index-url https://example.org"
    - 'transformers[torch]'
"""


def test_an_environment_of_conda_requires_packages_and_pip_s_lines() -> None:
    assert of(read_environment, ENVIRONMENT) == [
        "4:5 python=3.10 = python",
        "5:5 pytorch::pytorch=2.5.1=py3.10_cuda12.4* = pytorch",
        "6:6 pytorch-cuda=12.4 = pytorch-cuda",
        "7:5 cudatoolkit = cudatoolkit",
        "8:5 pip = pip",
        "10:7 torch==2.5.1 = torch",
        "11:7 -r requirements.txt",
        "12:8 --extra-index-url https://example.org",
        "13:8 transformers[torch] = transformers",
    ]


def test_conda_s_names_are_those_of_the_projects_that_they_bring(tmp_path: Path) -> None:
    assert found(tmp_path, {"environment.yml": ENVIRONMENT, "requirements.txt": "torchaudio\n"}) == [
        "environment.yml:5:5 S701 pytorch::pytorch=2.5.1=py3.10_cuda12.4*",
        "environment.yml:6:6 S701 pytorch-cuda=12.4",
        "environment.yml:7:5 S703 cudatoolkit",
        "environment.yml:10:7 S701 torch==2.5.1",
        "requirements.txt:1:1 S701 torchaudio",
        "environment.yml:12:8 S711 --extra-index-url https://example.org",
    ]


def test_an_environment_in_flow_style_and_one_that_is_no_yaml_are_read(tmp_path: Path) -> None:
    assert found(tmp_path, {"environment.yml": "dependencies: [numpy, pytorch]\n"}) == ["environment.yml:1:23 S701 pytorch"]
    assert found(tmp_path, {"environment.yml": "dependencies: [numpy\n  - pytorch\n"}) == ["environment.yml:2:3 S702 - pytorch"]


def test_of_several_documents_the_first_counts_and_an_empty_one_says_nothing(tmp_path: Path) -> None:
    assert of(read_environment, "dependencies:\n  - a\n---\ndependencies:\n  - pytorch\n") == ["2:5 a = a"]
    assert of(read_environment, "# pytorch\n") == []


def test_an_alias_of_yaml_that_grows_without_end_is_no_trouble() -> None:
    text = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghijklmnopqrs", "bcdefghijklmnopqrst", strict=True)
    )
    assert of(read_environment, f"{text}dependencies: *t\n") == []


def test_a_cog_requires_by_packages_files_and_commands() -> None:
    text = """\
build:
  python_packages:
    - "torch==2.5.1"
  python_requirements: requirements.txt
  run:
    - pip install torchvision
    - command: pip install torchaudio
    - |
      echo a
      pip install torchtext
"""
    assert of(read_cog, text) == [
        "3:8 torch==2.5.1 = torch",
        "4:24 -r requirements.txt",
        "6:19 torchvision = torchvision",
        "7:28 torchaudio = torchaudio",
        "10:19 torchtext = torchtext",
    ]


def test_a_setup_cfg_requires_by_its_options() -> None:
    text = """\
[metadata]
name = torch
[options]
packages = torch
install_requires =
    numpy
    # torch
    torch>=2 ; python_version > "3"
setup_requires = torch; numpy
[options.extras_require]
gpu: torchvision
all = file: requirements.txt, more.txt
"""
    assert of(read_setup_cfg, text) == [
        "6:5 numpy = numpy",
        '8:5 torch>=2 ; python_version > "3" = torch',
        "9:18 torch = torch",
        "9:25 numpy = numpy",
        "11:6 torchvision = torchvision",
        "12:6 -r requirements.txt",
        "12:6 -r more.txt",
    ]


SETUP = {
    "a list": ("setup(install_requires=['numpy', 'torch>=2'])", ["1:25 numpy = numpy", "1:34 torch>=2 = torch"]),
    "setuptools.setup": ("import setuptools\nsetuptools.setup(setup_requires=('torch',))", ["2:34 torch = torch"]),
    "extras": ("setup(extras_require={'torch': ['a'], 'gpu': ['torch']})", ["1:33 a = a", "1:47 torch = torch"]),
    "a name": ("req = ['torch']\nsetup(install_requires=req)", ["1:8 torch = torch"]),
    "a name that grows": (
        "r = []\nr.append('torch')\nr += ['torchvision']\nif x:\n  r.extend(['torchaudio'])\nsetup(install_requires=r)",
        ["2:10 torch = torch", "3:7 torchvision = torchvision", "5:13 torchaudio = torchaudio"],
    ),
    "a key that is set later": ("e = {}\ne['x'] = ['torch']\nsetup(extras_require=e)", ["2:11 torch = torch"]),
    "a text put together": (
        "V = '2'\nsetup(install_requires=['torch==' + V, f'torchvision=={V}', 'torchaudio==%s' % V])",
        [
            "2:25 torch==${} = torch",
            "2:40 torchvision==${} = torchvision",
            "2:61 torchaudio==${} = torchaudio",
        ],
    ),
    "implicit joining": ("setup(install_requires=['tor' 'ch'])", ["1:25 torch = torch"]),
    "a text of lines": ("setup(install_requires='''\nnumpy\ntorch\n''')", ["1:24 numpy = numpy", "1:24 torch = torch"]),
    "a text that is split": ("setup(install_requires='numpy torch'.split())", ["1:24 numpy = numpy", "1:24 torch = torch"]),
    "a function": ("def reqs():\n  return ['torch']\nsetup(install_requires=reqs())", ["2:11 torch = torch"]),
    "a file": ("setup(install_requires=open('requirements.txt').read().splitlines())", ["1:29 -r requirements.txt"]),
    "a file by a function": (
        "def read(f):\n  return open(f).readlines()\nsetup(install_requires=read('r.txt'))",
        ["3:29 -r r.txt"],
    ),
    "a mapping": ("kw = {'install_requires': ['torch'], 'name': 'torch'}\nsetup(**kw)", ["1:28 torch = torch"]),
    "other arguments": ("setup(name='torch', packages=['torch'], keywords='torch')\nx = ['torch']", []),
    "no Python": (
        "setup(install_requires=['torch']\n",
        ["1:1 setup(install_requires=['torch'] = setup, install-requires, torch (unreadable)"],
    ),
    "an invalid escape": ("x = '\\d'\nsetup(install_requires=['torch'])", ["2:25 torch = torch"]),
    "a name of itself": ("a = a + b\nb = a\nsetup(install_requires=a)", []),
}


@pytest.mark.parametrize(("text", "expected"), SETUP.values(), ids=SETUP)
def test_a_setup_py_is_read_without_running_it(text: str, expected: list[str]) -> None:
    assert of(read_setup_py, text) == expected


def removed(reader: Callable[[Source], Iterator[Item]], text: str) -> list[str]:
    """The lines that would be deleted."""
    source = Source.of(text)
    spans = [item.removal for item in reader(source) if isinstance(item, Occurrence) and item.removal]
    return [source.text[start:end] for start, end in spans]


def test_an_element_on_a_line_of_its_own_can_be_deleted_alone() -> None:
    text = '[project]\ndependencies = ["a",\n  "b",\n  "c", "d",\n  "e"  # why\n]\nmore = []\n'
    assert removed(read_pyproject, text) == ['  "b",\n', '  "e"  # why\n']
    assert removed(read_setup_py, "setup(install_requires=[\n  'a',\n  'b'\n  'c',\n  'd'])\n") == ["  'a',\n"]
    assert removed(read_pipfile, '[packages]\na = "*"\nb = {x = [\n]}\n') == ['a = "*"\n']
    assert removed(read_environment, "dependencies:\n  - a\n  - [b]\n  - pip:\n    - c  # why\n    - d >=\n      2\n") == [
        "  - a\n",
        "    - c  # why\n",
    ]
    assert removed(read_setup_cfg, "[options]\ninstall_requires = a\n    b\n") == ["    b\n"]
