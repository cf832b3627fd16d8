"""A move as the lines of the manifest that change."""

from __future__ import annotations

import pytest
from packaging.version import Version

from stackc.errors import UsageError
from stackc.manifest.decode import decode
from stackc.manifest.edit import changed_lines, edited
from stackc.matrix.facts import Facts
from stackc.upgrade.asked import Asked
from stackc.upgrade.edits import edits_for
from stackc.upgrade.expressions import moved_expression
from stackc.upgrade.images import cudas_of
from stackc.upgrade.moves import Move, moves, places_of

FACTS = Facts.load()
STACK = """\
[stack]
name = "demo"
default-target = "gpu"

[indexes.cu124] # PyTorch's builds
url = "https://example.org/whl/cu124/"
serves = ["torch", "torchvision"]

[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "nvidia/cuda:12.4.1-devel-ubuntu22.04" # CUDA 12.4

[components.torch]
version = "==2.5.1"
verify = ["torch.version.cuda == '12.4' and torch.__version__ == \\"2.5.1+cu124\\""] # it is so

[components.torchvision]
version = "matrix"
"""
CPU = """
[indexes.cpu]
url = "https://example.org/whl/cpu"

[targets.cpu]
python = "3.10"
platform = "linux/amd64"
base = "python:3.10.14-slim-bookworm"

[targets.cpu.components]
torch = { index = "cpu", verify = ["torch.version.cuda is None"] }
torchvision.index = "cpu"
"""


def all_moves(text: str, asked: Asked, *targets: str) -> list[Move]:
    manifest = decode(text, file="stack.toml")
    names = targets or tuple(manifest.targets)
    places = places_of(manifest, names, facts=FACTS)
    images = {name: cudas_of(manifest.targets[name], facts=FACTS) for name in names}
    known = {name: cudas for name, cudas in images.items() if cudas is not None}
    return list(moves(places, asked, facts=FACTS, images=known))


def drafted(text: str, asked: Asked, *targets: str) -> tuple[list[str], list[str]]:
    """Return the lines that the nearest move changes, and what is said of it; the text that comes out is a manifest."""
    manifest = decode(text, file="stack.toml")
    move = all_moves(text, asked, *targets)[0]
    found = edits_for(
        move, places_of(manifest, targets or tuple(manifest.targets), facts=FACTS), manifest, text=text, facts=FACTS
    )
    made = edited(text, found.edits)
    decode(made, file="stack.toml")
    return changed_lines(text, made), list(found.notes)


def to(*, cuda: str | None = None, torch: str | None = None, python: str | None = None) -> Asked:
    return Asked.read(FACTS, cuda=cuda, torch=torch, python=python)


def test_another_cuda_moves_torch_its_index_the_base_image_and_what_is_verified() -> None:
    assert drafted(STACK, to(cuda="12.6")) == (
        [
            "- [indexes.cu124] # PyTorch's builds",
            "+ [indexes.cu126] # PyTorch's builds",
            '- url = "https://example.org/whl/cu124/"',
            '+ url = "https://example.org/whl/cu126/"',
            '- base = "nvidia/cuda:12.4.1-devel-ubuntu22.04" # CUDA 12.4',
            '+ base = "nvidia/cuda:12.6.3-devel-ubuntu22.04" # CUDA 12.4',
            '- version = "==2.5.1"',
            '+ version = "==2.6.0"',
            '- verify = ["torch.version.cuda == \'12.4\' and torch.__version__ == \\"2.5.1+cu124\\""] # it is so',
            '+ verify = ["torch.version.cuda == \'12.6\' and torch.__version__ == \\"2.6.0+cu126\\""] # it is so',
        ],
        [],
    )


def test_the_present_torch_stays_where_it_has_the_builds() -> None:
    (changes, notes) = drafted(STACK, to(cuda="12.1"))
    assert [line for line in changes if "version =" in line] == []
    assert notes == ["target gpu goes down from CUDA 12.4 to 12.1"]


def test_what_another_target_shares_stays_as_it_is_for_that() -> None:
    changes, _ = drafted(STACK + CPU, to(cuda="12.6"), "gpu")
    assert changes == [
        "- [indexes.cu124] # PyTorch's builds",
        "+ [indexes.cu126] # PyTorch's builds",
        '- url = "https://example.org/whl/cu124/"',
        '+ url = "https://example.org/whl/cu126/"',
        '- base = "nvidia/cuda:12.4.1-devel-ubuntu22.04" # CUDA 12.4',
        '+ base = "nvidia/cuda:12.6.3-devel-ubuntu22.04" # CUDA 12.4',
        "+ ",
        "+ [targets.gpu.components.torch]",
        '+ version = "==2.6.0"',
        '- verify = ["torch.version.cuda == \'12.4\' and torch.__version__ == \\"2.5.1+cu124\\""] # it is so',
        '+ verify = ["torch.version.cuda == \'12.6\' and torch.__version__ == \\"2.6.0+cu126\\""] # it is so',
    ]


def without_torch(*names: str) -> str:
    """The stack with a second target that leaves some components out."""
    table = CPU[CPU.index("[targets.cpu]") : CPU.index("\n[targets.cpu.components]")]
    return f'{STACK}\n{table}without = {list(names)}\n\n[components.numpy]\nversion = ">=1"\n'


def test_a_target_that_leaves_torch_out_shares_nothing_of_it() -> None:
    text = without_torch("torchvision", "torch")
    assert drafted(text, to(cuda="12.6")) == drafted(text, to(cuda="12.6"), "gpu") == drafted(STACK, to(cuda="12.6"))
    assert drafted(text, to(torch="2.6.0"), "gpu") == drafted(STACK, to(torch="2.6.0"))


def test_torch_does_not_move_in_a_target_that_leaves_it_out() -> None:
    with pytest.raises(UsageError) as raised:
        all_moves(without_torch("torchvision", "torch"), to(torch="2.6.0"), "cpu")
    (found,) = raised.value.findings
    assert (found.code, found.message, found.hint) == (
        "S018",
        "no target that is to move has torch as a component",
        "name a target that has it",
    )
    assert [(place.path, place.source) for place in found.places] == [(("targets", "cpu", "without", 1), "'torch'")]


def test_an_index_that_another_target_uses_is_not_moved_under_it() -> None:
    other = STACK[STACK.index("[targets.gpu]") : STACK.index("[components.torch]")].replace("targets.gpu", "targets.old")
    changes, _ = drafted(STACK + other, to(cuda="12.6"), "gpu")
    assert changes == [
        "+ [indexes.cu126] # PyTorch's builds for CUDA 12.6",
        '+ url = "https://example.org/whl/cu126/"',
        "+ ",
        '- base = "nvidia/cuda:12.4.1-devel-ubuntu22.04" # CUDA 12.4',
        '+ base = "nvidia/cuda:12.6.3-devel-ubuntu22.04" # CUDA 12.4',
        "+ ",
        "+ [targets.gpu.components.torch]",
        '+ version = "==2.6.0"',
        '+ index = "cu126"',
        '+ verify = ["torch.version.cuda == \'12.6\' and torch.__version__ == \\"2.6.0+cu126\\""]',
        "+ ",
        "+ [targets.gpu.components.torchvision]",
        '+ index = "cu126"',
    ]


def test_an_index_with_a_name_of_its_own_keeps_it() -> None:
    text = STACK.replace("[indexes.cu124]", "[indexes.pytorch]")
    changes, _ = drafted(text, to(cuda="12.6"))
    assert changes[:2] == ['- url = "https://example.org/whl/cu124/"', '+ url = "https://example.org/whl/cu126/"']


def test_an_index_that_is_there_already_is_taken() -> None:
    text = STACK.replace("[targets.gpu]", '[indexes.new]\nurl = "https://example.org/whl/cu126"\n\n[targets.gpu]')
    changes, _ = drafted(text, to(cuda="12.6"))
    assert [line for line in changes if "index" in line] == ['+ index = "new"', '+ index = "new"']


def test_an_index_that_is_written_inline_keeps_its_name() -> None:
    text = STACK.replace(
        '[indexes.cu124] # PyTorch\'s builds\nurl = "https://example.org/whl/cu124/"\nserves = ["torch", "torchvision"]\n',
        '[indexes]\ncu124 = { url = "https://example.org/whl/cu124", serves = ["torch", "torchvision"] } # inline\n',
    )
    changes, notes = drafted(text, to(cuda="12.6"))
    assert notes == ["indexes.cu124: it keeps its name, and is the index of the builds cu126 from now on"]
    assert changes[:2] == [
        '- cu124 = { url = "https://example.org/whl/cu124", serves = ["torch", "torchvision"] } # inline',
        '+ cu124 = { url = "https://example.org/whl/cu126", serves = ["torch", "torchvision"] } # inline',
    ]


def test_components_that_name_a_renamed_index_name_it_anew() -> None:
    more = '[components.xformers]\nversion = ">=0"\nindex = "cu124"\n\n[components.torch]\nindex = "cu124"'
    text = STACK.replace('serves = ["torch", "torchvision"]\n', "").replace("[components.torch]", more)
    changes, _ = drafted(text, to(cuda="12.6"))
    moved = ['- index = "cu124"', '+ index = "cu126"']
    assert [line for line in changes if "index =" in line] == [*moved, *moved]


def test_torch_of_the_default_index_goes_to_an_index_of_its_builds_and_only_where_it_has_to() -> None:
    text = STACK[: STACK.index("[indexes")] + STACK[STACK.index("[targets") :]
    changes, _ = drafted(text, to(cuda="12.1"))
    assert [line for line in changes if "index" in line or "url" in line] == [
        '+ index = "cu121"',
        '+ index = "cu121"',
        "+ [indexes.cu121] # PyTorch's builds for CUDA 12.1",
        '+ url = "https://download.pytorch.org/whl/cu121"',
    ]
    changes, _ = drafted(text, to(torch="2.7.0", cuda="12.6"))
    assert [line for line in changes if "index" in line or "url" in line] == []


def test_exact_partners_move_with_torch_and_labels_stay_labels() -> None:
    text = STACK.replace('"==2.5.1"', '"==2.5.1+cu124"').replace('"matrix"', '"==0.20.1+cu124" # the partner')
    changes, _ = drafted(text, to(torch="2.6.0"))
    assert [line for line in changes if "version = " in line] == [
        '- version = "==2.5.1+cu124"',
        '+ version = "==2.6.0+cu124"',
        '- version = "==0.20.1+cu124" # the partner',
        '+ version = "==0.21.0+cu124" # the partner',
    ]


def test_a_range_that_admits_the_release_stays() -> None:
    text = STACK.replace('"==2.5.1"', '">=2.5,<2.8"').replace('"matrix"', '">=0.20"')
    changes, _ = drafted(text, to(torch="2.7.0"))
    assert [line for line in changes if "version = " in line] == []


def test_a_torch_whose_builds_for_the_present_cuda_ended_takes_the_next_cuda() -> None:
    (move,) = all_moves(STACK, to(torch="2.9.0"))
    assert (move.torch, str(move.aims["gpu"].cuda), move.aims["gpu"].label) == (Version("2.9.0"), "12.6", "cu126")


def test_another_python_moves_the_python_of_images_that_bring_one_and_lets_uv_bring_it_elsewhere() -> None:
    changes, notes = drafted(STACK + CPU + "\n[image]\nworkdir = '/app'\n", to(python="3.12"))
    assert changes == [
        '- python = "3.10"',
        '+ python = "3.12"',
        '- python = "3.10"',
        '+ python = "3.12"',
        '- base = "python:3.10.14-slim-bookworm"',
        '+ base = "python:3.12-slim-bookworm"',
        '+ python-from = "uv"',
    ]
    assert notes == ["image.python-from: uv brings the Python, for all targets, since a base image does not have it"]


def test_a_python_that_the_present_torch_has_no_wheels_for_moves_torch() -> None:
    changes, _ = drafted(STACK, to(python="3.14"))
    assert [line for line in changes if "version = " in line] == ['- version = "==2.5.1"', '+ version = "==2.9.0"']


def test_a_driver_that_no_longer_serves_is_raised_and_a_stated_cuda_and_a_digest_follow() -> None:
    more = f'devel-ubuntu22.04@sha256:{"a" * 64}"\ncuda = "12.4"\ndriver = "550"'
    changes, notes = drafted(STACK.replace('devel-ubuntu22.04"', more), to(cuda="13.0"))
    assert changes[4:10] == [
        f'- base = "nvidia/cuda:12.4.1-devel-ubuntu22.04@sha256:{"a" * 64}"',
        '+ base = "nvidia/cuda:13.0.3-devel-ubuntu22.04"',
        '- cuda = "12.4"',
        '+ cuda = "13.0"',
        '- driver = "550" # CUDA 12.4',
        '+ driver = "580" # CUDA 12.4',
    ]
    assert notes == [
        "targets.gpu.driver: CUDA 13.0 needs driver 580, and 550 no longer serves",
        "targets.gpu.base: its digest was that of another image, and is left out",
    ]


def test_a_runtime_base_moves_with_the_base() -> None:
    text = STACK + '\n[image]\nruntime-base = "nvidia/cuda:12.4.1-base-ubuntu22.04" # to run on\n'
    changes, _ = drafted(text, to(cuda="12.6"))
    assert changes[-1] == '+ runtime-base = "nvidia/cuda:12.6.3-base-ubuntu22.04" # to run on'


def test_a_component_that_is_one_file_is_to_be_looked_at() -> None:
    url = "https://example.org/flash_attn-2.7.4+cu12torch2.5-cp310-cp310-linux_x86_64.whl"
    text = f'{STACK}\n[components.flash-attn]\nurl = "{url}"\nsha256 = "{"a" * 64}"\n'
    _, notes = drafted(text, to(cuda="12.6"))
    assert notes == [
        "components.flash-attn: it is one file, for the torch, CUDA or Python before perhaps: see that it still fits"
    ]


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"cuda": "12.7"}, "the facts know no CUDA `12.7`", "`--cuda 12.5`, `--cuda 12.6`, `--cuda 12.8`, `--cuda 12.9`"),
        (
            {"torch": "2.5.2"},
            "the facts know no torch `2.5.2`",
            "`--torch 2.5.0`, `--torch 2.5.1`, `--torch 2.6.0`, `--torch 2.7.0`",
        ),
        (
            {"python": "four"},
            "the facts know no Python `four`",
            "`--python 3.12`, `--python 3.13`, `--python 3.14`, `--python 3.15`",
        ),
    ],
)
def test_what_the_facts_do_not_know_is_refused_with_the_nearest(asked: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        to(**asked)
    (finding,) = caught.value.findings
    assert (finding.code, finding.message, finding.hint) == ("S018", message, f"the nearest that they know: {hint}")


def test_a_shorter_spelling_is_the_same_version() -> None:
    assert to(torch="2.6").torch == Version("2.6.0")
    assert str(to(torch="2.6").torch) == "2.6.0"


def test_a_combination_that_no_torch_has_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(UsageError) as caught:
        all_moves(STACK, to(torch="2.5.1", cuda="12.6"))
    (finding,) = caught.value.findings
    assert (finding.code, finding.message) == (
        "S018",
        "no torch with partners, builds and base image is known for `gpu` with CUDA 12.6, torch 2.5.1 (Python 3.10)",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("torch.version.cuda == '12.4'", "torch.version.cuda == '12.6'"),
        ('torch.version.cuda in ("12.4", "12.41")', 'torch.version.cuda in ("12.6", "12.41")'),
        ("'12.4 and more' != x and 12.4 < y", "'12.4 and more' != x and 12.4 < y"),
        ("'ü' + '12.4' == z", "'ü' + '12.6' == z"),
        ("f(\n  '12.4',\n)", "f(\n  '12.6',\n)"),
    ],
)
def test_strings_alone_and_as_a_whole_move_in_an_expression(before: str, after: str) -> None:
    assert moved_expression(before, {"12.4": "12.6"}) == after
