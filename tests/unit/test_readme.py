"""What the README says is so."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import tomli

from stackc.cli.app import stackc
from stackc.layout import generated
from stackc.manifest.decode import decode
from stackc.manifest.fields import Image

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
LOCK = tomli.loads((PROJECT / "locks/gpu/lock.toml").read_text(encoding="utf-8"))


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def commands(group: click.Group, *above: str) -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        path = (*above, name)
        found |= commands(command, *path) if isinstance(command, click.Group) else {" ".join(path): command}
    return found


def test_the_table_of_commands_lists_every_command_and_no_other() -> None:
    listed = re.findall(r"^\| `stackc ([a-z-]+(?: [a-z]+)?)", section("Commands"), re.MULTILINE)
    assert sorted(listed) == sorted(commands(stackc))


def test_the_options_that_the_table_of_commands_names_are_those_of_the_command() -> None:
    for row in re.findall(r"^\| `stackc .*$", section("Commands"), re.MULTILINE):
        name = re.findall(r"`stackc ([a-z-]+(?: [a-z]+)?)", row)[0]
        known = {option for parameter in commands(stackc)[name].params for option in parameter.opts}
        assert set(re.findall(r"`(--[a-z-]+)`", row)) <= known, name


def test_the_example_manifest_is_one() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", section("The manifest"), re.DOTALL)
    assert decode(text, file="README.md").name == "zopilot-gpu"


def test_the_table_of_the_image_lists_every_key_and_no_other() -> None:
    rows = re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \|", section("The manifest"), re.MULTILINE)
    assert sorted(key for row in rows for key in re.findall(r"[a-z-]+", row)) == sorted(
        field.key for field in Image.table.fields
    )


def test_the_table_of_files_is_what_the_example_s_lock_folder_holds() -> None:
    folder = PROJECT / "locks/gpu"
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    named = set(re.findall(r"^\| `([^`]+)` \|", section("What it writes"), re.MULTILINE))
    assert named == {re.sub(r"^steps/.*", "steps/NN-NAME[.INDEX].txt", name) for name in there}
    assert all(generated(name) for name in there)


def test_the_output_that_it_shows_is_what_is_locked() -> None:
    shown = re.search(r"proved \((\d+) packages.*?\n\ncomponent +version.*?\n(.*?)\n\nand (\d+) packages", README, re.DOTALL)
    assert shown is not None
    rows = {line.split()[0]: line.split()[1:3] for line in shown[2].splitlines()}
    locked = {package["name"]: [package["version"], package["index"]] for package in LOCK["package"]}
    assert {name: locked[name] for name in rows} == rows
    assert (int(shown[1]), int(shown[3])) == (len(locked), len(locked) - len(rows))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README))))
def test_every_make_target_that_it_names_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_file_that_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (PROJECT / link).exists()] == []
