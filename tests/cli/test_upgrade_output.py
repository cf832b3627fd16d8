"""What `stackc upgrade` prints, asks and writes, with real resolving against loopback indexes that stand for PyTorch's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome, tree
from support.index_server import Answer, IndexServer, Request, Site, serving
from support.typist import typing
from support.universe import Release, publish, publish_html

PYPI = {
    **TOOLS,
    "bitsandbytes": tuple(Release(version=version) for version in ("0.45.0", "0.45.1", "0.45.3", "0.50.2")),
    "helper": (Release(version="1.0"), Release(version="1.1", requires=("triton>=3.2",)), Release(version="1.2")),
    "triton": tuple(Release(version=version) for version in ("3.0.0", "3.1.0", "3.2.0", "3.3.1")),
}


def builds(label: str, *torches: tuple[str, str, str]) -> dict[str, tuple[Release, ...]]:
    """Return the wheels of an index of PyTorch's: torch, the torchvision that belongs to it, and the triton that it needs."""
    return {
        "torch": tuple(Release(version=f"{t}+{label}", requires=(f"triton=={needed}",)) for t, _, needed in torches),
        "torchvision": tuple(Release(version=f"{v}+{label}", requires=(f"torch=={t}",)) for t, v, _ in torches),
    }


@pytest.fixture
def server() -> Iterator[IndexServer]:
    site = Site()
    publish(site, PYPI)
    publish_html(site, builds("cu124", ("2.5.1", "0.20.1", "3.1.0"), ("2.6.0", "0.21.0", "3.2.0")), root="/whl/cu124")
    publish_html(site, builds("cu126", ("2.6.0", "0.21.0", "3.2.0")), root="/whl/cu126")
    publish_html(site, builds("cu128", ("2.7.0", "0.22.0", "3.3.0")), root="/whl/cu128")
    with serving(site) as server:
        yield server


def stack(server: IndexServer, *, bitsandbytes: str = "==0.45.0", helper: str = "<1.2") -> str:
    return f"""\
[stack]
name = "small" # the name

[indexes.pypi]
url = "{server.url}/simple"

[indexes.cu124] # builds
url = "{server.url}/whl/cu124"
serves = ["torch", "torchvision"]

[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "nvidia/cuda:12.4.1-devel-ubuntu22.04" # gives CUDA 12.4

[components.torch]
version = "==2.5.1"
order = 1
verify = ["torch.version.cuda == '12.4'"]

[components.torchvision]
version = "matrix" # the partner
order = 1

[components.bitsandbytes]
version = "{bitsandbytes}" # ours

[components.helper]
version = "{helper}"
"""


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    desk = Desk(tmp_path)
    desk.write(stack(server))
    assert desk.run("compile").status == 0
    return desk


DIFF = Path(__file__).with_name("upgrade_diff.txt").read_text(encoding="utf-8")


def test_a_move_is_shown_and_written_only_where_that_is_wanted(desk: Desk, server: IndexServer) -> None:
    before = tree(desk.project)

    shown = desk.run("upgrade", "--cuda", "12.6")

    assert shown == Outcome(0, f"{DIFF}\nnothing was written; `--write` writes the manifest and the locks\n", "")
    assert (tree(desk.project), desk.leftovers()) == (before, [])
    assert desk.run("upgrade", "--cuda", "12.6", "--write") == Outcome(0, f"{DIFF}\nwrote stack.toml\nwrote locks/gpu/\n", "")
    assert desk.run("compile", "--exit-code") == Outcome(0, "gpu: nothing to do, its lock is that of stack.toml\n", "")
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")
    assert desk.run("upgrade", "--cuda", "12.6", "gpu") == Outcome(0, "nothing to do: gpu is at CUDA 12.6 already\n", "")


def test_what_a_compile_warns_of_is_told_before_anything_is_written(desk: Desk, server: IndexServer) -> None:
    desk.write(stack(server).replace("# gives CUDA 12.4", '\ndriver = "550"'))
    assert desk.run("compile").stderr == ""

    told = desk.run("upgrade", "--cuda", "12.6").stderr

    assert told.startswith(
        "warning[S201]: `cuda 12.6` and `driver 550` do not work together\n"
        ' --> stack.toml:14: targets.gpu.base = "nvidia/cuda:12.6.3-devel-ubuntu22.04"\n'
        ' --> stack.toml:15: targets.gpu.driver = "550"\n'
        "rule base-driver: cuda==12.6 needs driver>=560 ("
    )
    assert told.count("warning[") == 1


def test_a_torch_moves_alone_where_the_cuda_has_builds_of_it(desk: Desk) -> None:
    lines = desk.run("upgrade", "--torch", "2.6").stdout.splitlines()
    assert [line for line in lines if line[:1] in {"+", "-"}][2:] == [
        '-version = "==2.5.1"',
        '+version = "==2.6.0"',
        '-version = "==0.45.0" # ours',
        '+version = "==0.45.1" # ours',
    ]


def test_what_would_have_to_be_given_up_is_told_and_taken_only_with_a_word(desk: Desk, server: IndexServer) -> None:
    desk.write(stack(server, bitsandbytes=">=0.44,<0.45.1"))
    assert desk.run("compile").status == 0
    before = tree(desk.project)

    refused = desk.run("upgrade", "--cuda", "12.6", "--write")

    assert (refused.status, refused.stdout, tree(desk.project)) == (3, "", before)
    assert refused.stderr.splitlines()[:3] == [
        "error[S344]: CUDA 12.6 fits only if more is given up",
        " --> stack.toml",
        'given up: components.bitsandbytes.version: ">=0.44,<0.45.1" → ">=0.45.1"',
    ]
    assert refused.stderr.endswith(
        "\nhint: `--relax` takes these changes too; or change what stands there by hand, and run the command again\n"
    )
    taken = desk.run("upgrade", "--cuda", "12.6", "--write", "--relax")
    assert (taken.status, taken.stderr) == (0, "")
    assert 'given up: components.bitsandbytes.version: ">=0.44,<0.45.1" → ">=0.45.1"' in taken.stdout
    assert desk.run("check").status == 0


def test_where_nothing_fits_the_reasons_are_told_and_nothing_is_written(desk: Desk, server: IndexServer) -> None:
    desk.write(stack(server, bitsandbytes="==0.50.2"))
    assert desk.run("compile").status == 0
    before = tree(desk.project)

    outcome = desk.run("upgrade", "--cuda", "12.8", "--torch", "2.7.0", "--write")

    assert (outcome.status, outcome.stdout) == (3, "")
    assert "torch 2.7.0+cu128 requires triton==3.3.0" in outcome.stderr
    assert outcome.stderr.endswith(
        "error[S345]: no way to CUDA 12.8, torch 2.7.0 was found, and nothing was written\n"
        " --> stack.toml\n\n"
        "hint: settle what stands above, or ask for another version\n"
    )
    assert (tree(desk.project), desk.leftovers()) == (before, [])


def test_releases_that_an_index_lacks_are_passed_over_however_many_they_are(desk: Desk, server: IndexServer) -> None:
    publish_html(server.site, builds("cu118", ("2.4.0", "0.19.0", "3.0.0")), root="/whl/cu118")

    outcome = desk.run("upgrade", "--cuda", "11.8")

    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.split("\n\n")[-3:] == [
        (
            "torch 2.5.1, 2.6.0, 2.7.0, 2.7.1, 2.5.0 and 2.4.1 were passed over: their index lacks them, or their partners\n"
            "target gpu goes down from CUDA 12.4 to 11.8\n"
            "target gpu goes down from torch 2.5.1 to 2.4.0\n"
            "look at this comment: line 14: # gives CUDA 12.4"
        ),
        (
            "gpu: proved (5 packages); changed against the previous lock: 3 versions\n"
            "  torch 2.5.1+cu124 -> 2.4.0+cu118\n"
            "  torchvision 0.20.1+cu124 -> 0.19.0+cu118\n"
            "  triton 3.1.0 -> 3.0.0"
        ),
        "nothing was written; `--write` writes the manifest and the locks\n",
    ]


def test_where_an_index_has_none_the_nearest_is_told_with_all_that_is_in_its_way(desk: Desk, server: IndexServer) -> None:
    server.requests.clear()

    outcome = desk.run("upgrade", "--cuda", "12.9")

    first, *others = outcome.stderr.split("\n\nerror")
    assert (outcome.status, outcome.stdout, first.splitlines()[0]) == (
        3,
        "",
        "error[S201]: `bitsandbytes==0.45.0` and `torch` built for CUDA 12.9 do not work together",
    )
    assert others == [
        (
            "[S302]: index `cu129` has no project `torch`\n --> stack.toml:16: components.torch\n\n"
            "hint: check the spelling; no other index of the manifest has it either"
        ),
        (
            "[S302]: index `cu129` has no project `torchvision`\n --> stack.toml:21: components.torchvision\n\n"
            "hint: check the spelling; no other index of the manifest has it either"
        ),
        (
            "[S345]: no way to CUDA 12.9 with torch 2.8.0 was found, and nothing was written\n --> stack.toml\n"
            "torch 2.9.0, 2.9.1, 2.10.0, 2.11.0, 2.12.1 and 2.13.0 were passed over: "
            "their index lacks them, or their partners\n\nhint: settle what stands above, or ask for another version\n"
        ),
    ]
    asked = Counter(request.path for request in server.requests)
    assert asked == dict.fromkeys(
        (f"/{root}/{name}/" for root in ("whl/cu129", "simple") for name in ("torch", "torchvision")), 1
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--cuda", "12.7"),
            (
                "error[S018]: the facts know no CUDA `12.7`\n\n"
                "hint: the nearest that they know: `--cuda 12.5`, `--cuda 12.6`, `--cuda 12.8`, `--cuda 12.9`\n"
            ),
        ),
        (
            ("--torch", "2.5.1", "--cuda", "12.6"),
            (
                "error[S018]: no torch with partners, builds and base image is known for `gpu` with CUDA 12.6, torch 2.5.1 "
                "(Python 3.10)\n\nhint: the facts know:\n"
                "      torch 2.5.1: CUDA 11.8, 12.1, 12.4; Python 3.9, 3.10, 3.11, 3.12, 3.13\n"
            ),
        ),
        (("gpus", "--cuda", "12.6"), "error[S002]: there is no target `gpus`\n\nhint: the manifest has `gpu`\n"),
        (
            (),
            (
                "Usage: stackc upgrade [OPTIONS] [TARGET]...\nTry 'stackc upgrade --help' for help.\n\n"
                "Error: say what to move: --cuda, --torch or --python.\n"
            ),
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(desk: Desk, arguments: tuple[str, ...], told: str) -> None:
    assert desk.fail("upgrade", *arguments) == Outcome(2, "", told)


def test_credentials_of_an_index_are_not_printed_and_stay_what_they_are(desk: Desk, server: IndexServer) -> None:
    desk.write(stack(server).replace("http://127.0.0.1", "http://me:secret@127.0.0.1"))

    outcome = desk.run("upgrade", "--cuda", "12.6", "--write")

    assert (outcome.status, outcome.stderr) == (0, "")
    assert '+url = "http://***@127.0.0.1:PORT/whl/cu126"' in outcome.stdout.splitlines()
    assert "secret" not in outcome.stdout
    assert "http://me:secret@127.0.0.1" in (desk.project / "stack.toml").read_text(encoding="utf-8")


def test_a_target_without_a_lock_gets_one(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(stack(server))

    outcome = desk.run("upgrade", "--cuda", "12.6", "--write")

    assert (outcome.status, outcome.stdout.split("\n\n")[-2:]) == (
        0,
        ["gpu: proved (5 packages); it had no lock", "wrote stack.toml\nwrote locks/gpu/\n"],
    )
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")


@pytest.mark.parametrize("keys", ["y\n", "\n"], ids=["yes", "enter"])
def test_on_a_terminal_it_asks_and_only_a_yes_writes(desk: Desk, keys: str) -> None:
    before = tree(desk.project)

    with typing(desk, "upgrade", "--cuda", "12.6") as typist:
        typist.answer("Write the manifest and the locks? [y/N]: ", keys)
        assert typist.end() == 0

    assert (tree(desk.project) != before) == (keys == "y\n")
    assert desk.leftovers() == []
    assert desk.run("compile", "--dry-run", "--exit-code").status == 0


def test_an_interrupt_at_the_question_writes_nothing(desk: Desk) -> None:
    before = tree(desk.project)

    with typing(desk, "upgrade", "--cuda", "12.6") as typist:
        typist.answer("Write the manifest and the locks? [y/N]: ", "")
        assert typist.interrupt() == 130

    assert (tree(desk.project), desk.leftovers()) == (before, [])


def test_a_manifest_that_somebody_changes_meanwhile_is_not_written_over(desk: Desk, server: IndexServer) -> None:
    manifest = desk.project / "stack.toml"
    page = server.site.answers["/whl/cu126/torch/"]
    assert callable(page)
    meanwhile = page

    def changing(request: Request) -> Answer:
        manifest.write_text(stack(server) + "# a late thought\n", encoding="utf-8")
        return meanwhile(request)

    server.site.answers["/whl/cu126/torch/"] = changing
    locks = tree(desk.project / "locks")

    outcome = desk.run("upgrade", "--cuda", "12.6", "--write")

    assert (outcome.status, outcome.stderr.splitlines()[0]) == (
        2,
        "error[S343]: the manifest was changed by somebody else meanwhile, and nothing was written",
    )
    assert manifest.read_text(encoding="utf-8").endswith("# a late thought\n")
    assert tree(desk.project / "locks") == locks


def test_what_another_target_leaves_out_moves_where_it_is_declared(desk: Desk, server: IndexServer) -> None:
    alone = changed(desk.run("upgrade", "--cuda", "12.6"))
    other = '\n[targets.cpu]\npython = "3.10"\nplatform = "linux/amd64"\nbase = "python:3.10-slim-bookworm"\n'
    without = 'without = ["torch", "torchvision", "bitsandbytes"]\n\n[components.torch]'
    text = stack(server).replace("\n[components.torch]", other + without)
    desk.write(text.replace("# the name", '\ndefault-target = "gpu"'))
    assert desk.run("compile").status == 0

    assert changed(desk.run("upgrade", "gpu", "--cuda", "12.6")) == alone
    assert changed(desk.run("upgrade", "--cuda", "12.6")) == alone

    assert desk.run("upgrade", "gpu", "--cuda", "12.6", "--write").status == 0
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\ncpu: proved, nothing drifted\n", "")
    refused = desk.run("upgrade", "cpu", "--torch", "2.6")
    assert (refused.status, refused.stderr) == (
        2,
        """\
error[S018]: no target that is to move has torch as a component
 --> stack.toml:21: targets.cpu.without[0] = "torch"

hint: name a target that has it
""",
    )


def changed(outcome: Outcome) -> list[str]:
    """Return the lines that a move takes from the manifest and adds to it."""
    assert outcome.status == 0
    return [line for line in outcome.stdout.splitlines() if line[:1] in {"+", "-"}]
