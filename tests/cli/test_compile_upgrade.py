"""What `--upgrade NAME`, `--upgrade-to DATE` and `--dry-run` move, say and write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome, index_of, manifest, tree
from support.index_server import IndexServer, serving
from support.universe import Release, publish

OLD, NEW = "2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z"
UNIVERSE = {
    **TOOLS,
    "base-lib": (Release(version="1.0", uploaded=OLD), Release(version="2.0", uploaded=NEW)),
    "app": (
        Release(version="1.0", uploaded=OLD, requires=("base-lib",)),
        Release(version="2.0", uploaded=NEW, requires=("base-lib>=2",)),
    ),
    "cpu": (Release(version="1.0", uploaded=OLD), Release(version="2.0", uploaded=NEW)),
}
COMPONENTS = """\
[components.cpu]
version = ">=0"

[components.app] # what it is for
version = ">=1" # any

[policy]
exclude-newer = 2024-02-01T00:00:00Z # the day
"""
POLICY = "exclude-newer = 2024-02-01T00:00:00Z # the day"


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    """A project that was compiled when only the old releases were there, and whose manifest looks at the new ones since."""
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS))
    assert desk.run("compile").status == 0
    desk.write(manifest(server, COMPONENTS.replace("2024-02-01", "2024-07-01")))
    return desk


def pins(desk: Desk, target: str = "gpu") -> dict[str, str]:
    lines = (desk.project / "locks" / target / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if "==" in line and not line.startswith("#"))


def moved(outcome: Outcome) -> list[str]:
    """Return the lines that say what changed."""
    return [line.strip() for line in outcome.stdout.splitlines() if " -> " in line]


def test_without_it_everything_stays_as_long_as_it_fits(desk: Desk) -> None:
    assert desk.run("compile").status == 0
    assert pins(desk) == {"app": "1.0", "base-lib": "1.0", "cpu": "1.0"}


@pytest.mark.parametrize("spelling", ["base-lib", "Base.Lib", "BASE_LIB"])
def test_one_project_moves_in_whatever_spelling_it_is_named(desk: Desk, spelling: str) -> None:
    outcome = desk.run("compile", "--upgrade", spelling)

    assert (outcome.status, outcome.stderr, moved(outcome)) == (0, "", ["base-lib 1.0 -> 2.0"])
    assert pins(desk) == {"app": "1.0", "base-lib": "2.0", "cpu": "1.0"}


def test_what_it_needs_gives_way_and_nothing_else(desk: Desk) -> None:
    assert moved(desk.run("compile", "--upgrade=app")) == ["app 1.0 -> 2.0", "base-lib 1.0 -> 2.0"]


def test_several_projects_move_together_and_a_build_tool_like_any_other(desk: Desk, server: IndexServer) -> None:
    publish(server.site, {"pip": (*TOOLS["pip"], Release(version="26.0"))})
    cache = str(desk.root / "another-cache")

    assert moved(desk.run("compile", "--upgrade", "cpu", "--upgrade", "base-lib", STACKC_CACHE=cache)) == [
        "base-lib 1.0 -> 2.0",
        "cpu 1.0 -> 2.0",
    ]
    tools = desk.project / "locks/gpu/steps/00-tools.txt"
    assert "pip==25.3" in tools.read_text(encoding="utf-8")
    assert desk.run("compile", "--upgrade", "pip", STACKC_CACHE=cache).status == 0
    assert "pip==26.0" in tools.read_text(encoding="utf-8")


def test_alone_it_moves_all_and_a_target_behind_it_is_a_target(desk: Desk) -> None:
    assert moved(desk.run("compile", "--upgrade", "gpu")) == ["app 1.0 -> 2.0", "base-lib 1.0 -> 2.0", "cpu 1.0 -> 2.0"]


def test_a_project_at_its_newest_has_nothing_to_move(desk: Desk) -> None:
    assert desk.run("compile", "--upgrade").status == 0
    before = tree(desk.project)
    outcome = desk.run("compile", "--upgrade", "app")
    assert (outcome.status, moved(outcome)) == (0, [])
    assert tree(desk.project) == before


def test_a_word_that_names_nothing_is_refused_with_what_it_is_like(desk: Desk) -> None:
    before = tree(desk.project)

    assert desk.run("compile", "--upgrade", "baselib", "--upgrade=", "--upgrade", "../x") == Outcome(
        2,
        "",
        "error[S014]: no lock has a project `baselib`, and no component is called so\n\n"
        "hint: did you mean `base-lib`?\n\n"
        "error[S014]: no lock has a project ``, and no component is called so\n\n"
        "hint: `--upgrade` alone upgrades all; what is locked stands in locks/TARGET/STACK.md\n\n"
        "error[S014]: no lock has a project `../x`, and no component is called so\n\n"
        "hint: `--upgrade` alone upgrades all; what is locked stands in locks/TARGET/STACK.md\n",
    )
    assert tree(desk.project) == before


def test_a_word_that_is_a_project_and_a_target_has_to_be_told_apart(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    other = '\n[targets.cpu]\npython = "3.13"\nplatform = "linux/arm64"\nbase = "python:3.13-slim-bookworm"\n'
    text = manifest(server, COMPONENTS).replace('name = "small"', 'name = "small"\ndefault-target = "gpu"') + other
    desk.write(text)
    assert desk.run("compile").status == 0
    desk.write(text.replace("2024-02-01", "2024-07-01"))

    assert desk.run("compile", "--upgrade", "cpu") == Outcome(
        2,
        "",
        "error[S015]: `--upgrade cpu` may mean the project `cpu` or the target `cpu`\n\n"
        "hint: write `--upgrade=cpu` for the project, or `--upgrade -- cpu` to upgrade all of the target\n",
    )
    assert desk.run("compile", "--upgrade=cpu", "gpu").status == 0
    assert (pins(desk, "gpu")["cpu"], pins(desk, "gpu")["app"], pins(desk, "cpu")["cpu"]) == ("2.0", "1.0", "1.0")
    assert desk.run("compile", "--upgrade", "--", "cpu").status == 0
    assert (pins(desk, "cpu"), pins(desk, "gpu")["app"]) == ({"app": "2.0", "base-lib": "2.0", "cpu": "2.0"}, "1.0")


def test_a_dry_run_names_the_files_that_would_change_and_writes_none(desk: Desk, server: IndexServer) -> None:
    before = tree(desk.project)
    (desk.project / "locks/docker-bake.hcl").unlink()
    without_bake = tree(desk.project)

    outcome = desk.run("compile", "--upgrade", "cpu", "--dry-run", "--exit-code")

    assert outcome.stdout.split("\n\n")[-1] == (
        "and 1 package that these need; see locks/gpu/STACK.md\n"
        "changed against the previous lock: 1 version\n"
        "  cpu 1.0 -> 2.0\n"
        "dry run: locks/gpu/ would change\n"
        "  Dockerfile\n"
        "  STACK.md\n"
        "  constraints.txt\n"
        "  lock.toml\n"
        "  requirements.txt\n"
        "  verify.py\n"
        "dry run: locks/docker-bake.hcl would change\n"
    )
    assert (outcome.status, tree(desk.project)) == (1, without_bake)
    assert tree(desk.project).keys() < before.keys()


def test_a_dry_run_of_several_targets_writes_none_of_them(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    other = '\n[targets.arm]\npython = "3.13"\nplatform = "linux/arm64"\nbase = "python:3.13-slim-bookworm"\n'
    desk.write(manifest(server, COMPONENTS).replace('name = "small"', 'name = "small"\ndefault-target = "gpu"') + other)
    before = tree(desk.project)

    outcome = desk.run("compile", "--dry-run", "--exit-code")

    told = [line for line in outcome.stdout.splitlines() if line.startswith(("dry run", "  "))]
    files = ["Dockerfile", "STACK.md", "constraints.txt", "lock.toml", "requirements.txt", "steps/00-tools.txt", "verify.py"]
    listed = [f"  {file}" for file in files]
    assert told == [
        "dry run: locks/gpu/ would change",
        *listed,
        "dry run: locks/arm/ would change",
        *listed,
        "dry run: locks/docker-bake.hcl would change",
    ]
    assert (outcome.status, tree(desk.project)) == (1, before)


def test_a_dry_run_with_nothing_to_do_says_so(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS))
    assert desk.run("compile").status == 0
    before = tree(desk.project)

    assert desk.run("compile", "--dry-run", "--exit-code") == Outcome(
        0,
        "gpu: nothing to do, its lock is that of stack.toml (3 packages, 0.0 s)\ndry run: locks/gpu/ would not change\n",
        "",
    )
    assert tree(desk.project) == before


MOVED = """\
gpu: resolved by uv VERSION, and proved (3 packages, 0.0 s)

component  version  index  step              change
cpu        2.0      pypi   requirements.txt  was 1.0
app        2.0      pypi   requirements.txt  was 1.0

and 1 package that these need; see locks/gpu/STACK.md
changed against the previous lock: 3 versions
  app 1.0 -> 2.0
  base-lib 1.0 -> 2.0
  cpu 1.0 -> 2.0
wrote locks/gpu/
wrote stack.toml
  - exclude-newer = 2024-02-01T00:00:00Z # the day
  + exclude-newer = 2024-06-15T00:00:00Z # the day
"""


def test_a_day_moves_the_moment_of_the_manifest_and_upgrades(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS))
    assert desk.run("compile").status == 0
    before = tree(desk.project)

    dry = desk.run("compile", "--upgrade-to", "2024-06-15", "--dry-run")
    assert tree(desk.project) == before
    assert dry.stdout.endswith(MOVED.rsplit("wrote stack.toml", maxsplit=1)[-1])
    assert desk.run("compile", "--upgrade-to", "2024-06-15") == Outcome(0, MOVED, "")
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")
    assert (desk.project / "stack.toml").read_text(encoding="utf-8") == manifest(
        server, COMPONENTS.replace("2024-02-01", "2024-06-15")
    )


def test_a_moment_with_an_offset_is_written_in_utc_and_one_project_moves_alone(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS.split("[policy]", maxsplit=1)[0]))
    assert desk.run("compile", "--upgrade-to", "2024-02-01").status == 0

    outcome = desk.run("compile", "--upgrade-to", "2024-07-01T01:30:00+02:00", "--upgrade", "cpu", "--exit-code")

    assert (outcome.status, moved(outcome)) == (1, ["cpu 1.0 -> 2.0"])
    text = (desk.project / "stack.toml").read_text(encoding="utf-8")
    assert text.endswith("\n\n[policy]\nexclude-newer = 2024-06-30T23:30:00Z\n")
    assert outcome.stdout.endswith("  stack.toml\nnext: git add stack.toml locks\n")


def test_a_moment_before_the_present_one_is_told_and_versions_go_down(desk: Desk) -> None:
    assert desk.run("compile", "--upgrade").status == 0

    outcome = desk.run("compile", "--upgrade-to", "2024-02-01")

    assert outcome.stderr == "note: 2024-02-01T00:00:00Z lies before 2024-07-01T00:00:00Z: versions may go down\n"
    assert moved(outcome) == ["app 2.0 -> 1.0", "base-lib 2.0 -> 1.0", "cpu 2.0 -> 1.0"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--upgrade-to", "yesterday"),
            "error[S016]: `--upgrade-to yesterday` is neither a day nor a moment\n\nhint: write a day such as ",
        ),
        (
            ("--upgrade-to", "2999-01-01"),
            "error[S017]: `--upgrade-to 2999-01-01` lies in the future: what will be uploaded until then would still come in\n",
        ),
        (
            ("gpu", "--upgrade-to", "2024-06-15"),
            "error[S019]: `--upgrade-to` moves the moment of all targets, and some are named\n\nhint: leave the targets out\n",
        ),
    ],
)
def test_a_moment_that_cannot_be_is_refused(desk: Desk, arguments: tuple[str, ...], told: str) -> None:
    outcome = desk.fail("compile", *arguments)
    assert (outcome.status, outcome.stdout, outcome.stderr[: len(told)]) == (2, "", told)


def test_the_manifest_stays_as_it_is_where_nothing_fits_at_the_new_moment(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS.replace('">=0"', '"==1.0"')))
    assert desk.run("compile").status == 0

    outcome = desk.fail("compile", "--upgrade-to", "2023-01-01")

    assert (outcome.status, outcome.stdout) == (3, "")
    assert "error[S303]: `cpu==1.0` exists, but not for target `gpu`" in outcome.stderr


def test_the_old_manifest_is_put_back_where_a_lock_cannot_be_written(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS))
    assert desk.run("compile").status == 0
    for file in (desk.project / "locks/gpu").glob("requirements.txt"):
        file.unlink()
        file.mkdir()
    before = tree(desk.project)

    outcome = desk.run("compile", "--upgrade-to", "2024-06-15")

    assert (outcome.status, outcome.stderr.split(":")[0]) == (1, "error[S442]")
    assert tree(desk.project) == before
