"""The commands. Each one loads what it needs when it runs, so that `--help` loads nothing."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stackc import __version__
from stackc.cli.diff_command import diff_command
from stackc.cli.ending import tell
from stackc.cli.git_commands import GIT_COMMANDS
from stackc.cli.matrix_commands import matrix_group
from stackc.cli.options import (
    DEFAULT,
    CompileCommand,
    present,
    with_findings_format,
    with_manifest,
    with_own_manifest,
)
from stackc.cli.outdated_command import outdated_command

__all__ = ["run", "stackc"]

_EPILOG = """\b
Exit status: 0 fine, 1 the answer is no (drift, or a lock that does not
prove), 2 usage or manifest, 3 no solution, 4 an engine or index could not
run, 5 a bug, 6 what is locked moved on its index (check --online), 130
interrupted, 141 nobody reads the output. STACKC_CACHE moves the cache.
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, prog_name="stackc", message="%(prog)s %(version)s")
def stackc() -> None:
    """Compile the whole dependency chain of a GPU image from one stack.toml.

    \b
    edit stack.toml   versions, indexes and install order of the components
    stackc compile    resolve, check by the compatibility matrix, prove,
                      and write locks/TARGET/
    stackc diff       review what moved and why, and commit it
    docker build -f locks/TARGET/Dockerfile .
    """  # noqa: D301 (\b is click's own mark)


@stackc.command("init", short_help="Write a first stack.toml.")
@click.option("--cuda", metavar="X.Y", help="The CUDA of base image and torch.")
@click.option("--cpu", is_flag=True, help="No CUDA: a plain Python image, and torch's builds for the CPU.")
@click.option("--python", metavar="X.Y", help="The image's Python.  [default: the newest that the base itself brings]")
@click.option(
    "--with",
    "projects",
    multiple=True,
    metavar="PROJECT",
    help="A further project, such as transformers or accelerate==1.0.1; may be given often.",
)
@click.option("--name", help="The name of the stack.  [default: the folder's]")
@click.option("--target", metavar="NAME", help="The name of the target.  [default: gpu, or cpu]")
@click.option("--hook", is_flag=True, help="Write a .pre-commit-config.yaml too, with guard and check.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    show_default=True,
    help="Where to write it.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def init_command(  # noqa: PLR0913 (one per option)
    projects: tuple[str, ...],
    output: Path,
    *,
    cuda: str | None,
    cpu: bool,
    python: str | None,
    name: str | None,
    target: str | None,
    hook: bool,
    force: bool,
) -> None:
    """Write a commented stack.toml that compiles: NumPy, SciPy, torch with its partners, and PROJECTs.

    Base image, torch and index are the newest that the matrix's facts have verified together for a CUDA (or none) and a
    Python; what the facts do not have is refused with what they have. On a terminal, and without any of the flags that
    answer a question, it asks. The indexes are looked at as they were at the beginning of today, in UTC.
    """
    from stackc.cli.init import Flags, init

    flags = Flags(cuda=cuda, cpu=cpu, python=python, projects=projects, name=name, target=target, hook=hook)
    init(flags, output=output, force=force)


@stackc.command("compile", cls=CompileCommand, short_help="Resolve, prove and write the locks and the Dockerfile.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@with_manifest
@click.option("--engine", default="uv", show_default=True, metavar="NAME", help="The resolver: uv, or pip-tools.")
@click.option(
    "--upgrade",
    is_flag=False,
    flag_value="",
    multiple=True,
    metavar="[NAME]",
    help="Forget the old pins, and take the newest versions that fit; or those of NAME alone. May be given often.",
)
@click.option("--upgrade-to", metavar="DATE", help="Move exclude-newer in stack.toml to a day or a moment, and upgrade.")
@click.option("--offline", is_flag=True, help="Ask no index: use the cache and the embedded catalog alone.")
@click.option("--dry-run", is_flag=True, help="Tell what would change, and write nothing.")
@click.option("--exit-code", is_flag=True, help="Tell which files were written, and exit with 1 if any was: for hooks.")
@click.option("--cross-check", is_flag=True, help="Ask the other engine too, prove its answer, and tell where they differ.")
def compile_command(  # noqa: PLR0913 (one per option)
    targets: tuple[str, ...],
    manifest: Path,
    engine: str,
    *,
    upgrade: tuple[str, ...],
    upgrade_to: str | None,
    offline: bool,
    dry_run: bool,
    exit_code: bool,
    cross_check: bool,
) -> None:
    """Compile TARGETs (default: all of the manifest's) into locks/TARGET/.

    Versions that are locked already stay as long as they fit; only what an edit of stack.toml forces to move moves. With
    --upgrade NAME that project moves to the newest version that whoever needs it admits, and what it needs gives way; in
    front of a TARGET write --upgrade -- TARGET. DATE is a day (its beginning in UTC) or a moment with an offset; the
    manifest is rewritten only with the locks of all targets, and keeps its comments.

    Targets are resolved side by side, and nothing is written unless all of them compile. The files of a target are replaced
    all at once, and only by a lock that stackc has proved. What lies there: lock.toml,
    requirements.txt (without what an ordered step installs, such as torch), constraints.txt, steps/, Dockerfile, verify.py
    and STACK.md. Beside them, locks/docker-bake.hcl builds all targets.
    """
    from stackc.cli.compile import compile_targets
    from stackc.cli.upgraded import Wish

    status = compile_targets(
        targets,
        manifest=manifest,
        engine=engine,
        upgrade=Wish(words=upgrade, moment=upgrade_to),
        offline=offline,
        dry_run=dry_run,
        exit_code=exit_code,
        cross_check=cross_check,
        environment=os.environ,
    )
    click.get_current_context().exit(status)


@stackc.command("upgrade", short_help="Move CUDA, torch or Python, with all that belongs to it.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@with_manifest
@click.option("--cuda", metavar="X.Y", help="The CUDA to move to.")
@click.option("--torch", metavar="X.Y.Z", help="The torch to move to.")
@click.option("--python", metavar="X.Y", help="The Python to move to.")
@click.option("--relax", is_flag=True, help="Change ranges, drivers and the like too, where nothing fits otherwise.")
@click.option("--write", is_flag=True, help="Write the manifest and the locks without being asked.")
@click.option("--engine", default="uv", show_default=True, metavar="NAME", help="The resolver: uv, or pip-tools.")
@click.option("--offline", is_flag=True, help="Ask no index: use the cache and the embedded catalog alone.")
def upgrade_command(  # noqa: PLR0913 (one per option)
    targets: tuple[str, ...],
    manifest: Path,
    *,
    cuda: str | None,
    torch: str | None,
    python: str | None,
    relax: bool,
    write: bool,
    engine: str,
    offline: bool,
) -> None:
    """Move TARGETs (default: all) to another CUDA, torch or Python, and show it as a diff of stack.toml.

    What belongs together moves together, by the matrix's facts: torch with its partners, their index, the base image, what
    verify lines say, the driver. Other components stay where they fit; exact pins that do not go to the nearest version
    that does, and what else would have to be given up is told. The edit is compiled and proved before it is shown.

    On a terminal it asks whether to write; elsewhere only --write does. The manifest, comments and order kept, and the
    locks of all targets are then written together, or not at all.
    """
    from stackc.cli.upgrade import Flags, upgrade

    flags = Flags(cuda=cuda, torch=torch, python=python, relax=relax, write=write, offline=offline, engine=engine)
    click.get_current_context().exit(upgrade(targets, flags, manifest=manifest, environment=os.environ))


@stackc.command("check", short_help="Check that the locks are current, proved and unedited.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@with_manifest
@click.option("--online", is_flag=True, help="Ask the indexes too whether what is locked is still there, and unchanged.")
@with_findings_format
def check_command(targets: tuple[str, ...], manifest: Path, form: str, *, online: bool) -> None:
    """Check TARGETs (default: all), offline, without resolving anything.

    Finds a manifest, matrix or template that changed after its lock was compiled, a lock that is not a solution (each
    requirement, rule, index, wheel tag, hash and step is checked), a lock of a newer stackc, waivers that have ended, generated
    files that were edited or lost, and below the manifest's folder all that `stackc guard` finds. Exits with 1 if there is any
    error; warnings change nothing. Made for CI and pre-commit.

    With --online each index is asked for every locked project: files gone, changed or yanked, projects gone, in quarantine,
    archived or deprecated. Exits with 6 if there is an error of these alone, and with 4 if an index could not be asked.
    """
    from stackc.cli.check import check_targets

    status = check_targets(targets, manifest=manifest, form=form, online=online, environment=os.environ)
    click.get_current_context().exit(status)


@stackc.command("targets", short_help="List the targets, for people or for CI.")
@with_manifest
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github-matrix"]),
    default="text",
    show_default=True,
    help="The form of the list.",
)
def targets_command(manifest: Path, form: str) -> None:
    """List the targets of the manifest: name, Python, platform and base image, and where the lock and the Dockerfile lie.

    github-matrix is one line for a job's output, which another job's `strategy.matrix` takes through fromJSON: one build per
    target. `docker buildx bake -f locks/docker-bake.hcl` builds all of them on one machine.
    """
    from stackc.cli.targets import list_targets

    click.echo(list_targets(manifest, form=form))


@stackc.command("guard", short_help="Keep torch out of requirements-like files.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "-f",
    "--file",
    "manifest",
    type=click.Path(path_type=Path),
    help="The manifest.  [default: the nearest stack.toml at or above each file]",
)
@click.option("--fix", is_flag=True, help="Delete the lines that require what is kept out, and change no other byte.")
@click.option(
    "--stdin-name", default="requirements.txt", show_default=True, metavar="NAME", help="What to take standard input for."
)
@with_findings_format
def guard_command(paths: tuple[str, ...], manifest: Path | None, *, fix: bool, stdin_name: str, form: str) -> None:
    """Find requirements of torch, and of all that is kept out, in PATHs: files, folders, or - for standard input.

    Kept out are torch, torchvision, torchaudio, torchtext and torch's builds of triton, and with a stack.toml every project
    that an ordered step installs. Read are requirements and constraints files with all that they include, pyproject.toml,
    Pipfile, environment.yml, setup.cfg, setup.py (which is not run), cog.yaml, and the commands of Dockerfiles, shell
    scripts and Makefiles. Of a folder (default: the project's) the usual ones are, without those that git ignores.

    A line ending in "# stackc: allow torch - REASON" is let through. Exits with 1 if there is any error, and with 2 if a PATH
    cannot be read.
    """
    from stackc.cli.guard import guard_files

    status = guard_files(paths, manifest=manifest, fix=fix, stdin_name=stdin_name, form=form, environment=os.environ)
    click.get_current_context().exit(status)


@stackc.command("explain", short_help="Why this version, why not that one; what a code or a rule means.")
@click.argument("word", metavar="NAME|NAME==VERSION|CODE|RULE")
@with_own_manifest
@click.option("-t", "--target", help="The target that is asked about (default: the default target).")
@click.option("--offline", is_flag=True, help="Ask no index: use the cache and the embedded catalog alone.")
def explain_command(word: str, manifest: Path | None, target: str | None, *, offline: bool) -> None:
    """Answer a question about a version, a finding or a rule.

    \b
    numpy          why the lock has this version: what bounds it, and
                   what newer release each bound keeps out
    numpy==2.0.0   why not this one: the lines and rules that are in
                   its way, and what would let it in; or what would move
    S301           what a code means, why it matters and what to do
    scipy-numpy1   a rule: its text, source and date, its cases, and
                   what happened when it was tried
    """  # noqa: D301 (\b is click's own mark)
    from stackc.cli.explain import Question, explain

    explain(Question(word, present(manifest), target, offline, os.environ))


@stackc.group("export", short_help="Write a lock in another tool's format.")
def export_group() -> None:
    """Write a lock in another tool's format."""


@export_group.command("pylock", short_help="PEP 751: pylock.toml, for pip and uv.")
@click.argument("target", required=False)
@with_manifest
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write it (default: standard output).")
@click.option("--offline", is_flag=True, help="Take the files' addresses from the cache and the embedded catalog alone.")
def export_pylock(target: str | None, manifest: Path, output: Path | None, *, offline: bool) -> None:
    """Write the lock of TARGET (default: the default target) as pylock.toml (PEP 751), for pip >= 26.1 and uv.

    The lock itself names files, not addresses; this command fills them in from the indexes.
    """
    from stackc.cli.export import write_pylock

    write_pylock(target, manifest=manifest, output=output, offline=offline, environment=os.environ)


@stackc.command("verify", short_help="Verify an environment, an image's receipt or a build log.")
@click.argument("target", required=False)
@with_manifest
@click.option("--python", type=click.Path(path_type=Path), help="The interpreter to ask (default: the active one).")
@click.option("--gpu", is_flag=True, help="Try this machine's driver and GPUs too.")
@click.option("--receipt", type=click.Path(path_type=Path), help="Ask a receipt (verified.json) instead.")
@click.option("--build-log", type=click.Path(path_type=Path), help="Ask the log of a build instead; - reads it from a pipe.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify_command(
    target: str | None,
    manifest: Path,
    python: Path | None,
    receipt: Path | None,
    build_log: Path | None,
    *,
    gpu: bool,
    as_json: bool,
) -> None:
    """Compare what is installed with the lock of TARGET (default: the default target).

    \b
    the environment  every version and local label, each import, each verify
                     line, pip check, Python and CUDA: verify.py's own checks,
                     run by VIRTUAL_ENV's Python, or python3 on the PATH
    --gpu            the driver against the matrix, torch's architectures,
                     and a matrix product compared with the CPU's
    --receipt        an image by the verified.json that it left
    --build-log      torch downloaded in its own step, from its index alone;
                     nothing replaced later; every verification line passed

    Exits with 1 where the answer is no, or where a log does not show it.
    """  # noqa: D301 (\b is click's own mark)
    from stackc.cli.verify import Asked, verify

    asked = Asked(target=target, manifest=manifest, python=python, receipt=receipt, build_log=build_log, gpu=gpu)
    click.get_current_context().exit(verify(asked, as_json=as_json))


for command in (diff_command, outdated_command, *GIT_COMMANDS):
    stackc.add_command(command)


stackc.add_command(matrix_group)


def run(arguments: list[str]) -> int:
    """Run one command line, tell what went wrong, and return the exit status."""
    try:
        status = stackc.main(arguments, prog_name="stackc", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (the one place where every error ends)
        return tell(error)
    return status if isinstance(status, int) else 0
