"""What `stackc init` writes is a manifest that loads, and that the matrix has nothing against."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from stackc.errors import Finding
from stackc.init.answers import Answers, draft, name_for
from stackc.init.hook import hook_text
from stackc.init.offer import Shop
from stackc.manifest.decode import decode
from stackc.manifest.model import Manifest
from stackc.matrix.bases import check_base, resolve_target
from stackc.matrix.builds import label_of_index
from stackc.matrix.check import check_stack
from stackc.matrix.facts import Facts
from stackc.matrix.load import load_matrix
from stackc.matrix.model import Matrix
from stackc.matrix.partners import fill_partners
from stackc.render.interpreter import Python

GOLDEN = Path(__file__).with_name("init-cu124.toml")
FACTS = Facts.load()
SHOP = Shop(FACTS)
TODAY = dt.date(2026, 11, 23)
GRID = [(cuda, python) for cuda in (None, *SHOP.cudas()) for python in SHOP.pythons(cuda)]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    manifest = decode(text_of("12.4"), file="stack.toml")
    return load_matrix(manifest.matrix, folder=Path(), facts=FACTS, today=TODAY, places=manifest.places)


def text_of(cuda: str | None, python: str | None = None, projects: Sequence[str] = ()) -> str:
    answers = Answers(name="my-image", cuda=cuda, python=python, projects=tuple(projects))
    return draft(answers, shop=SHOP, today=TODAY).text()


def findings_of(manifest: Manifest, matrix: Matrix) -> tuple[Finding, ...]:
    """All that a compile asks the matrix before it asks an index."""
    (table,) = manifest.targets.values()
    places, policy = manifest.places, manifest.policy
    (index,) = [index for index in manifest.indexes.values() if index.serves]
    return (
        *check_base(table, facts=FACTS, policy=policy, places=places),
        *check_stack(
            fill_partners(manifest.components_for(table.name), facts=FACTS, places=places),
            target=resolve_target(table, facts=FACTS, places=places),
            matrix=matrix,
            facts=FACTS,
            policy=policy,
            places=places,
            torch_label=label_of_index(index.url or ""),
        ),
    )


@pytest.mark.parametrize(("cuda", "python"), GRID)
def test_whatever_is_offered_loads_and_the_matrix_has_no_word_against_it(cuda: str | None, python: str, matrix: Matrix) -> None:
    manifest = decode(text_of(cuda, python), file="stack.toml")
    (table,) = manifest.targets.values()
    assert (table.name, table.python) == ("cpu" if cuda is None else "gpu", python)
    assert findings_of(manifest, matrix) == ()


@pytest.mark.parametrize(("cuda", "python"), GRID)
def test_the_base_image_serves_the_python_of_whatever_is_offered(cuda: str | None, python: str) -> None:
    manifest = decode(text_of(cuda, python), file="stack.toml")
    (table,) = manifest.targets.values()
    target = resolve_target(table, facts=FACTS, places=manifest.places)
    assert target.cuda == (None if cuda is None else Version(cuda))
    assert Python(target=target, places=(), asked=manifest.image.python_from).origin in {"base", "distribution", "uv"}


@pytest.mark.parametrize(("cuda", "python"), GRID)
def test_what_is_offered_as_a_comment_holds_too(cuda: str | None, python: str, matrix: Matrix) -> None:
    text = text_of(cuda, python)
    for key in ("driver", "gpus", "apt", "copy", "cmd"):
        text = text.replace(f"\n# {key} =", f"\n{key} =")
    manifest = decode(text, file="stack.toml")
    (table,) = manifest.targets.values()
    assert (table.driver is not None) == (cuda is not None)
    assert manifest.image.apt
    assert findings_of(manifest, matrix) == ()


def test_the_text_is_as_written_down() -> None:
    made = text_of("12.4", "3.11", ["transformers[torch]>=4.38,<4.51", "accelerate==1.0.1", "zope.interface", "numpy<2"])
    assert made == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(("cuda", "python"), GRID)
def test_no_line_is_longer_than_a_window_or_ends_in_a_space(cuda: str | None, python: str) -> None:
    lines = text_of(cuda, python).splitlines()
    assert [line for line in lines if len(line) > 128 or line != line.rstrip()] == []


def test_a_version_of_the_user_s_own_stands_in_place_of_the_usual_one() -> None:
    projects = ["Torch==2.5.1", "torchvision>=0.20", "scipy<1.13", "numpy[dev]~=1.26"]
    manifest = decode(text_of("12.4", "3.10", projects), file="stack.toml")
    told = {name: (str(each.version), each.order, each.extras) for name, each in manifest.components.items()}
    assert told == {
        "numpy": ("~=1.26", 1, ("dev",)),
        "scipy": ("<1.13", 2, ()),
        "torch": ("==2.5.1", 3, ()),
        "torchvision": ("MatrixVersion.MATRIX", 3, ()),
        "torchaudio": ("MatrixVersion.MATRIX", 3, ()),
    }


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("zopilot-gpu", "zopilot-gpu"),
        ("My Image (2)", "my-image-2"),
        ("_x", "x"),
        ("…", "stack"),
        ("", "stack"),
        ("a.b", "a.b"),
    ],
)
def test_a_stack_is_named_after_its_folder(folder: str, name: str) -> None:
    assert name_for(folder) == name


@pytest.mark.parametrize(("manifest", "option"), [("stack.toml", ""), ("my stack.toml", " --file 'my stack.toml'")])
def test_the_hook_file_runs_guard_and_check_of_the_installed_stackc(manifest: str, option: str) -> None:
    hooks = [{"id": f"stackc-{name}", "entry": f"stackc {name}{option}", "language": "system"} for name in ("guard", "check")]
    (local,) = yaml.safe_load(hook_text(manifest))["repos"]
    assert local["repo"] == "local"
    assert [{key: hook[key] for key in ("id", "entry", "language")} for hook in local["hooks"]] == hooks
    assert all(hook["always_run"] and not hook["pass_filenames"] for hook in local["hooks"])
