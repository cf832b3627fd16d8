"""A project's own `templates/` beside its stack.toml: one block, a whole file, and what is wrong in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import UNIVERSE, Desk, Outcome, index_of, manifest, tree
from support.index_server import IndexServer, serving

COMPONENTS = '[components.base]\nversion = "<2"\norder = 1\n'
LABEL = """\
{% extends "builtin/Dockerfile.j2" %}
{% block app %}
LABEL org.example.stack={{ target.name|dockerfile_word }}
{{ super() }}
{%- endblock %}
"""

INPUTS = re.compile(r"(?<=stackc\.inputs=)sha256:[0-9a-f]{64}")


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    """A project that was compiled once with the built-in templates."""
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS))
    assert desk.run("compile").status == 0
    return desk


def dockerfile_of(desk: Desk) -> str:
    return (desk.project / "locks/gpu/Dockerfile").read_text()


def changed(desk: Desk, before: dict[str, bytes]) -> set[str]:
    now = dict(tree(desk.project / "locks/gpu"))
    return {name for name in now | before if now.get(name) != before.get(name)}


def test_a_project_overrides_one_block(desk: Desk) -> None:
    before = dict(tree(desk.project / "locks/gpu"))
    desk.write(LABEL, "templates/Dockerfile.j2")
    assert desk.run("check").stderr.splitlines()[0] == (
        "error[S521]: the templates changed after the lock of target `gpu` was compiled"
    )
    assert desk.run("compile").stdout.splitlines()[0].startswith("gpu: the locked versions still prove")
    assert changed(desk, before) == {"Dockerfile", "lock.toml", "verify.py"}  # verify.py tells what it was made of
    dockerfile, old = (INPUTS.sub("", text) for text in (dockerfile_of(desk), before["Dockerfile"].decode()))
    assert dockerfile.replace("LABEL org.example.stack=gpu\n", "") == old
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")


def test_a_project_overrides_a_whole_file(desk: Desk) -> None:
    before = dict(tree(desk.project / "locks/gpu"))
    desk.write("stack {{ target.name }}\n", "templates/STACK.md.j2")
    assert desk.run("compile").status == 0
    assert changed(desk, before) == {"Dockerfile", "STACK.md", "lock.toml", "verify.py"}  # both tell what they were made of
    assert (desk.project / "locks/gpu/STACK.md").read_text() == "stack gpu\n"
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")


def test_without_the_override_the_built_in_template_is_back(desk: Desk) -> None:
    before = dict(tree(desk.project / "locks/gpu"))
    override = desk.write(LABEL, "templates/Dockerfile.j2")
    assert desk.run("compile").status == 0
    override.unlink()
    assert desk.run("compile").status == 0
    assert changed(desk, before) == set()


BAD = {
    "not Jinja": (
        "{% block app %}\n{% nonsense %}\n{% endblock %}\n",
        (
            "error[S501]: the template is not valid Jinja: Encountered unknown tag 'nonsense'. Jinja was looking for the "
            "following tags: 'endblock'. The innermost block that needs to be closed is 'block'\n"
            " --> templates/Dockerfile.j2:2\n"
            "\n"
            "hint: correct the template, or remove it to use the built-in one\n"
        ),
    ),
    "an unknown block": (
        '{% extends "builtin/Dockerfile.j2" %}\n{% block ap %}{% endblock %}\n',
        (
            "error[S503]: the template defines the block `ap`, which the built-in template does not have\n"
            " --> templates/Dockerfile.j2:2\n"
            "\n"
            "hint: did you mean `app`?\n"
        ),
    ),
    "an unknown name": (
        "{{ nothing }}\n",
        (
            "error[S502]: the template cannot be filled in: 'nothing' is undefined\n"
            " --> templates/Dockerfile.j2:1\n"
            "\n"
            "hint: a template sees only the names that the built-in template of the same name uses\n"
        ),
    ),
    "a missing template": (
        '{% include "other.j2" %}\n',
        (
            "error[S510]: the template `other.j2` does not exist\n"
            " --> templates/Dockerfile.j2:1\n"
            "\n"
            "hint: built-in templates are named `builtin/NAME`: Dockerfile.j2, STACK.md.j2, constraints.txt.j2, pins.txt.j2, "
            "requirements.txt.j2, step.txt.j2, verify.py.j2\n"
        ),
    ),
}


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD)
def test_a_bad_template_ends_the_run_and_changes_nothing(desk: Desk, text: str, told: str) -> None:
    desk.write(text, "templates/Dockerfile.j2")
    before = tree(desk.project)
    assert desk.run("compile") == Outcome(2, "", told)
    assert (tree(desk.project), desk.leftovers()) == (before, [])
