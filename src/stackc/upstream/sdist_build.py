"""Metadata of an sdist by a build in isolation: PEP 517's `prepare_metadata_for_build_wheel`, and never a wheel.

Only for what no static PKG-INFO says (PEP 643), of a project that the policy names. The build runs code of the sdist, and what
that says may differ by Python and platform, so it runs on a Python like the target's alone. uv makes the environment, from the
default index as it was before the cut-off; no configuration of the user reaches uv or the build, and the build has no proxy
that leads anywhere. Its folder goes when it ends, or when its time is up.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import tarfile
import threading
import time
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from stackc.engine.uv import Uv
from stackc.errors import EngineError, Finding
from stackc.files import scratch_folder
from stackc.redact import redact_text
from stackc.upstream.isolation import FOUND_BY, PASSED_ON, Isolation

__all__ = ["BuildError", "build_metadata"]

_CLOSED = "http://127.0.0.1:9"
"""A proxy at which nobody answers (RFC 863): whoever honours proxies reaches nothing."""

_ONE = threading.Lock()
"""Builds go one after the other: what is done about warnings is done for the whole process."""

_LARGEST = 2**30
_READ_BACK = 8192
_SHOWN = 12


class BuildError(Exception):
    """No metadata came of a build. `lasting` says that the sdist is at fault, and not this machine or the way to the index."""

    def __init__(self, finding: Finding, *, lasting: bool) -> None:
        super().__init__(finding.message)
        self.finding = finding
        self.lasting = lasting


def build_metadata(filename: str, body: bytes, isolation: Isolation) -> tuple[bytes, tuple[str, ...]]:
    """Return the METADATA that the sdist's backend prepares, and what the build required. Blocks. Raises BuildError."""
    if isolation.settings.offline:
        raise BuildError(_offline(filename), lasting=False)
    if not isolation.is_alike:
        raise BuildError(_no_python(filename, isolation, f"this machine is {platform.machine()} {sys.platform}"), lasting=False)
    with _ONE, warnings.catch_warnings(), scratch_folder(isolation.scratch) as folder:
        warnings.simplefilter("ignore")  # a backend's are passed on, and concern its project's authors
        source = _unpacked(filename, body, folder / "source")
        return _Build(filename, source, folder, isolation).metadata()


class _Build:
    """One build in its folder."""

    def __init__(self, filename: str, source: Path, folder: Path, isolation: Isolation) -> None:
        self._filename = filename
        self._source = source
        self._folder = folder
        self._isolation = isolation
        self._log = folder / "log"
        self._home = folder / "home"
        self._home.mkdir()
        self._python = folder / "env" / "bin" / "python"
        self._until = time.monotonic() + isolation.patience

    def metadata(self) -> tuple[bytes, tuple[str, ...]]:
        """Return the metadata, and all requirements of the build. Raises BuildError."""
        from build import BuildBackendException, BuildException, ProjectBuilder

        try:
            builder = ProjectBuilder(self._source, python_executable=str(self._python), runner=self._hook)
            static = sorted(builder.build_system_requires)
            self._uv("venv", "--python", self._isolation.interpreter, str(self._folder / "env"))
            self._install(static)
            more = sorted(builder.get_requires_for_build("wheel") - set(static))
            self._install(more)
            prepared = builder.prepare("wheel", self._folder / "metadata")
        except (BuildException, BuildBackendException) as error:
            inner = getattr(error, "exception", None)
            if isinstance(inner, BuildError):
                raise inner from None
            raise BuildError(_failed(self._filename, [str(error), *self._said()]), lasting=True) from error
        if prepared is None:
            reason = "its backend prepares no metadata without building the whole wheel"
            raise BuildError(_failed(self._filename, [reason]), lasting=True)
        return (Path(prepared) / "METADATA").read_bytes(), (*static, *more)

    def _install(self, requirements: Sequence[str]) -> None:
        if requirements:
            before = self._isolation.exclude_newer
            cut_off = ["--exclude-newer", before.strftime("%Y-%m-%dT%H:%M:%SZ")] if before else []
            self._uv("pip", "install", "--only-binary", ":all:", *cut_off, "--python", str(self._python), *requirements)

    def _uv(self, *arguments: str) -> None:
        """Run uv to the end. Raises BuildError: what it cannot do says nothing of the sdist for good."""
        flags = ["--no-config", "--no-progress", "--color", "never", "--quiet", "--no-cache"]
        try:
            status = self._run([Uv(self._isolation.surroundings.get("PATH")).binary(), *arguments, *flags], self._for_uv())
        except EngineError as error:
            raise BuildError(error.findings[0], lasting=False) from error
        if status != 0 and arguments[0] == "venv":
            raise BuildError(_no_python(self._filename, self._isolation, *self._said()), lasting=False)
        if status != 0:
            raise BuildError(_unprepared(self._filename, self._said()), lasting=False)

    def _hook(self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
        """Run one hook of the backend, as `build` asks for it."""
        closed = {name: _CLOSED for name in PASSED_ON if "no_" not in name.lower()}
        environment = {**self._bare(), "PATH": f"{self._python.parent}:/usr/bin:/bin", **closed, **(extra_environ or {})}
        status = self._run(list(cmd), environment, cwd=cwd)
        if status != 0:
            raise subprocess.CalledProcessError(status, list(cmd))

    def _bare(self) -> dict[str, str]:
        home = str(self._home)
        return {"HOME": home, "TMPDIR": home, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_INDEX": "1"}

    def _for_uv(self) -> dict[str, str]:
        isolation = self._isolation
        given = isolation.surroundings
        settings = isolation.settings
        return {
            **{name: given[name] for name in (*PASSED_ON, *FOUND_BY) if name in given},
            "TMPDIR": str(self._home),
            "LC_ALL": "C.UTF-8",
            "NETRC": str(settings.netrc or os.devnull),
            "UV_NO_CONFIG": "1",
            "UV_DEFAULT_INDEX": isolation.address,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_LINK_MODE": "copy",
            **({"SSL_CERT_FILE": str(settings.ca_file)} if settings.ca_file else {}),
        }

    def _run(self, command: Sequence[str], environment: Mapping[str, str], *, cwd: str | None = None) -> int:
        """Return a command's exit status. It and its children never outlive this call, nor the build's time."""
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=cwd or self._home,
                start_new_session=True,
            )
        try:
            return process.wait(max(0.0, self._until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise BuildError(_endless(self._filename, self._isolation.patience), lasting=False) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _said(self) -> list[str]:
        """Return the last lines that were written, with no path of this machine and no credentials in them."""
        text = redact_text(self._log.read_bytes()[-_READ_BACK:].decode(errors="replace")) if self._log.exists() else ""
        lines = text.replace(str(self._folder), "<folder>").replace(sys.prefix, "<python>").splitlines()
        return [line.rstrip() for line in lines if line.strip()][-_SHOWN:]


def _unpacked(filename: str, body: bytes, folder: Path) -> Path:
    """Unpack an sdist and return its one folder. Raises BuildError for one that would write elsewhere, or too much."""
    import io

    folder.mkdir()
    if not hasattr(tarfile, "data_filter"):
        reason = "this Python does not unpack archives safely: use 3.10.12, 3.11.4, or a newer one"
        raise BuildError(_failed(filename, [reason]), lasting=False)
    try:
        if filename.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                _check_size(entry.file_size for entry in archive.infolist())
                archive.extractall(folder)  # noqa: S202 (zipfile keeps every entry inside, unlike tarfile)
        else:
            with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as packed:
                _check_size(member.size for member in packed.getmembers())
                packed.extractall(folder, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError) as error:
        raise BuildError(_failed(filename, [f"it cannot be unpacked: {error}"]), lasting=True) from error
    inside = [path for path in folder.iterdir() if path.is_dir()]
    if len(inside) != 1:
        raise BuildError(_failed(filename, ["it does not hold one folder, as an sdist does (PEP 625)"]), lasting=True)
    return inside[0]


def _check_size(sizes: Iterable[int]) -> None:
    if sum(sizes) > _LARGEST:
        raise ValueError(f"unpacked it is larger than {_LARGEST // 2**20} MiB")


def _failed(filename: str, said: Sequence[str]) -> Finding:
    return Finding(
        code="S366",
        message=f"the metadata of `{filename}` cannot be built",
        notes=tuple(said[-_SHOWN:]),
        hint="choose a version that has a wheel, or name one by `url`; a build has what the sdist says it requires, no more",
    )


def _unprepared(filename: str, said: Sequence[str]) -> Finding:
    return Finding(
        code="S367",
        message=f"what the build of `{filename}` requires cannot be installed",
        notes=tuple(said),
        hint="these projects come from the default index alone, as wheels; uv's own words stand above",
    )


def _offline(filename: str) -> Finding:
    return Finding(
        code="S367",
        message=f"the metadata of `{filename}` were never built, and --offline was given",
        hint="compile once without --offline; from then on they are in the cache",
    )


def _no_python(filename: str, isolation: Isolation, *said: str) -> Finding:
    wanted = "Python {}.{}".format(*isolation.target.python_minor)
    return Finding(
        code="S368",
        message=f"the metadata of `{filename}` have to be built, and not for target `{isolation.target.name}` on this machine",
        wanted=f"{wanted} on {isolation.target.platform}",
        notes=tuple(said),
        hint=f"install {wanted}, or compile on such a machine once: what was built is in the cache; or name a wheel by `url`",
    )


def _endless(filename: str, patience: float) -> Finding:
    return Finding(
        code="S369",
        message=f"the build of the metadata of `{filename}` did not end within {patience:.0f} seconds",
        hint="choose a version that has a wheel, or name one by `url`",
    )
