"""Real builds of generated Dockerfiles by buildah: a base made here, images built, run, and read from outside.

It takes root, buildah and debootstrap, Debian's mirror for the base and for `apt-get` in it, and the index that pip asks. All
lies below `$XDG_CACHE_HOME/stackc-test-image`, outside the checkout: the base is made once, and images are removed in the end.

    python -m support.image     says whether images can be built here; exit status 1, and why, where they cannot
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.utils import canonicalize_name

from stackc.upstream.cache import Cache
from stackc.upstream.pip_config import default_index_url

__all__ = ["Build", "ImageBench", "ImpossibleError", "Outcome", "default_index", "installed_in", "opened"]

BASE = "localhost/stackc-test-base"
"""What the base is called in buildah's store; each image under test begins with another name of it."""

RELEASE = "bookworm"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
CERTIFICATES = "/etc/ssl/certs"
SITE = "opt/venv/lib/python3.11/site-packages"
"""Where the image's environment keeps what is installed, on this base."""

_TRAILER = re.compile(r"subprocess exited with status \d+|(error|Error): building at STEP .*|error building at STEP .*")
_EXITED = re.compile(r"(?m)^subprocess exited with status \d+$")
_TRIES = 5
_BUILD_ENVIRONMENT = ("--isolation", "chroot", "--network", "host", "-v", f"{CERTIFICATES}:{CERTIFICATES}:ro")


class ImpossibleError(Exception):
    """Images cannot be built on this machine."""


@dataclass(frozen=True)
class Outcome:
    """How a build or a command ended, all that it printed, and how long it took."""

    status: int
    log: str
    seconds: float

    @property
    def ending(self) -> list[str]:
        """Return the lines of the log without buildah's own words after the command that failed."""
        lines = [line for line in self.log.splitlines() if line.strip()]
        while lines and _TRAILER.match(lines[-1]):
            lines.pop()
        return lines

    @property
    def clipped(self) -> bool:
        """Say whether buildah lost the end of what a command printed, as it can where a command fails on a busy machine.

        Two processes of its chroot isolation say how the command ended. The inner one's word passes through the outer one, as
        all that the command prints does; the outer one ends without waiting until it has passed everything on. So where one
        word is missing, so may be lines of the command.
        """
        return self.status != 0 and len(_EXITED.findall(self.log)) == 1

    @property
    def reused(self) -> list[str]:
        """Return the instructions that were taken from the cache, each by its first line."""
        return [step for step, cached in self._steps() if cached]

    @property
    def built(self) -> list[str]:
        """Return the instructions that were carried out, each by its first line; `FROM` is neither."""
        return [step for step, cached in self._steps() if not cached and not step.startswith("FROM ")]

    def _steps(self) -> Iterator[tuple[str, bool]]:
        for part in re.split(r"(?m)^(?:\[\d+/\d+\] )?STEP \d+/\d+: ", self.log)[1:]:
            yield part.splitlines()[0], "--> Using cache " in part


@dataclass(frozen=True)
class Build:
    """One build for the summary of a run: what it was for, how it ended, how long it took, and the size of its image."""

    name: str
    status: int
    seconds: float
    size: str


@dataclass(frozen=True)
class ImageBench:
    """A store of images, a base in it, and what is done with both. Only one bench works at a time."""

    folder: Path
    driver: str
    logs: Path | None = None
    builds: list[Build] = field(default_factory=list)

    def base(self, name: str, *instructions: str) -> None:
        """Give the base another name, with more instructions of a Dockerfile on top."""
        with TemporaryDirectory() as context:
            dockerfile = Path(context, "Dockerfile")
            dockerfile.write_text("\n".join([f"FROM {BASE}", *instructions, ""]), encoding="utf-8")
            self._build(dockerfile, context, "--layers", "-t", name, check=True)

    def build(self, image: str, project: Path, *, target: str = "gpu", cached: bool = True, log: str | None = None) -> Outcome:
        """Build the generated Dockerfile of a project; `cached` says whether layers of other builds may be taken.

        `log` is what the build is called in the summary and in the folder of logs.
        """
        dockerfile = project / "locks" / target / "Dockerfile"
        options = ("--layers", *(() if cached else ("--no-cache",)), "-t", image)
        name = log or image
        outcome = _heard(lambda: self._build(dockerfile, str(project), *options))
        sys.stdout.write(f"{name}:\n{outcome.log}\n")  # pytest shows it where a test fails
        self.builds.append(Build(name, outcome.status, outcome.seconds, "" if outcome.status else self.size(image)))
        if self.logs is not None:
            self.logs.mkdir(parents=True, exist_ok=True)
            (self.logs / f"{name}.log").write_text(outcome.log, encoding="utf-8")
        return outcome

    def run(self, image: str, *command: str, environment: Mapping[str, str] | None = None) -> Outcome:
        """Run a command in a new container of an image, or the image's own command where none is named."""
        words = command or tuple(self.config(image)["Cmd"])
        variables = [word for name, value in (environment or {}).items() for word in ("--env", f"{name}={value}")]

        def run() -> Outcome:
            with self._container(image) as container:
                return self._call("run", *_BUILD_ENVIRONMENT, *variables, container, "--", *words)

        return _heard(run)

    def config(self, image: str) -> Mapping[str, Sequence[str]]:
        """Return the configuration of an image, in the words of the OCI image specification."""
        document = json.loads(self._call("inspect", "--type", "image", image, check=True).log)
        config: Mapping[str, Sequence[str]] = document["OCIv1"]["config"]
        return config

    def labels(self, image: str) -> Mapping[str, str]:
        """Return the labels of an image."""
        document = json.loads(self._call("inspect", "--type", "image", image, check=True).log)
        found: Mapping[str, str] = document["OCIv1"]["config"]["Labels"]
        return found

    def size(self, image: str) -> str:
        """Return the size of an image with its base, as buildah tells it."""
        (row,) = json.loads(self._call("images", "--json", image, check=True).log)
        return str(row["size"])

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """Give the root of an image's files, seen from outside, while the context lasts."""
        with self._container(image) as container:
            yield Path(self._call("mount", container, check=True).log.strip())

    @contextmanager
    def _container(self, image: str) -> Iterator[str]:
        name = self._call("from", "--pull-never", image, check=True).log.strip()
        try:
            yield name
        finally:
            self._call("rm", name, check=True)

    def _build(self, dockerfile: Path, context: str, *options: str, check: bool = False) -> Outcome:
        return self._call("bud", *_BUILD_ENVIRONMENT, "--pull-never", *options, "-f", str(dockerfile), context, check=check)

    def _call(self, verb: str, *arguments: str, check: bool = False) -> Outcome:
        store = ("--root", str(self.folder / "store"), "--runroot", str(self.folder / "run"), "--storage-driver", self.driver)
        command = ["nice", "-n", "10", "buildah", *store, verb, *arguments]
        began = time.monotonic()
        # One stream for both, as a terminal shows it: what a command said last stands last.
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
        )
        if check and done.returncode:
            raise ImpossibleError(f"buildah {verb} ended with {done.returncode}:\n{done.stdout}")
        return Outcome(done.returncode, done.stdout, time.monotonic() - began)

    def begin(self, index: str) -> None:
        """Bring the base into the store: whatever pip installs in it comes from `index`, unless it is told otherwise."""
        if self._call("images", "--quiet", f"{BASE}-rootfs").status:
            with TemporaryDirectory() as folder:
                dockerfile = Path(folder, "Dockerfile")
                dockerfile.write_text("FROM scratch\nCOPY . /\n", encoding="utf-8")
                self._build(dockerfile, str(_root_folder(self.folder.parent)), "-t", f"{BASE}-rootfs", check=True)
        with TemporaryDirectory() as context:
            dockerfile = Path(context, "Dockerfile")
            certificate = f"{CERTIFICATES}/ca-certificates.crt"
            known = f"PIP_INDEX_URL={index} UV_DEFAULT_INDEX={index} PIP_CERT={certificate} SSL_CERT_FILE={certificate}"
            dockerfile.write_text(f"FROM {BASE}-rootfs\nENV {known}\n", encoding="utf-8")
            self._build(dockerfile, context, "-t", BASE, check=True)

    def end(self) -> None:
        """Remove all containers, and all images but the base's files."""
        self._call("rm", "--all")
        rows = json.loads(self._call("images", "--all", "--json").log or "null") or ()
        keep = f"{BASE}-rootfs:latest"
        names = [name for row in rows for name in row["names"] or () if name != keep]
        if names:
            self._call("rmi", "--force", *names)
        self._call("rmi", "--prune", "--force")


@contextmanager
def opened(*, logs: Path | None = None) -> Iterator[ImageBench]:
    """Give a bench whose base is there, alone on this machine. Raises ImpossibleError where none can be."""
    _check_tools()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "stackc-test-image")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bench = _bench(folder, logs)
        bench.end()  # of a run that was killed
        bench.begin(default_index())
        try:
            yield bench
        finally:
            bench.end()


def default_index() -> str:
    """Return the address of the default index, as stackc asks pip for it."""
    with TemporaryDirectory() as folder:
        cache = Cache(Path(folder, "cache.sqlite"))
        try:
            return default_index_url(cache, os.environ)
        finally:
            cache.close()


def installed_in(site: Path) -> dict[str, str]:
    """Return the version of every distribution in a folder, by normalized name."""
    found = importlib.metadata.distributions(path=[str(site)])
    return {canonicalize_name(distribution.metadata["Name"]): distribution.version for distribution in found}


def _heard(carry_out: Callable[[], Outcome]) -> Outcome:
    """Carry something out until buildah passes on all that its command says: most often the first time."""
    for _ in range(_TRIES):
        outcome = carry_out()
        if not outcome.clipped:
            return outcome
    raise AssertionError(f"buildah clipped what a command said {_TRIES} times:\n{outcome.log}")


def _check_tools() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise ImpossibleError("buildah's chroot isolation and debootstrap need root on Linux")
    missing = [tool for tool in ("buildah", "debootstrap", "nice") if shutil.which(tool) is None]
    if missing:
        raise ImpossibleError(f"not installed: {', '.join(missing)} (Debian packages of the same names)")


def _check_index(bench: ImageBench) -> None:
    asked = bench.run(BASE, "python3", "-m", "pip", "download", "--no-deps", "--dest", "/asked", "click")
    if asked.status:
        raise ImpossibleError(f"the default index does not answer from inside a container:\n{asked.log}")


def _bench(folder: Path, logs: Path | None) -> ImageBench:
    """Return a bench on overlay mounts, or on whole copies where the machine has none."""
    for driver in ("overlay", "vfs"):
        bench = ImageBench(folder / driver, driver, logs)
        try:
            with bench.mounted("scratch") as root:
                (root / "probe").write_text("", encoding="utf-8")
        except (ImpossibleError, OSError) as error:
            reason = error
        else:
            return bench
    raise ImpossibleError(f"no container can be mounted here: {reason}")


def _root_folder(folder: Path) -> Path:
    """Return the files of the base, made by debootstrap if they are not there yet."""
    root = folder / RELEASE
    if not root.is_dir():
        half = folder / f"{RELEASE}.half"
        shutil.rmtree(half, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(half)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise ImpossibleError(f"debootstrap ended with {done.returncode}:\n{done.stdout[-2000:]}")
        for package in half.glob("var/cache/apt/archives/*.deb"):
            package.unlink()
        half.rename(root)
    return root


def main() -> int:
    """Say whether images can be built here; return the exit status."""
    try:
        with opened() as bench:
            _check_index(bench)
            sys.stdout.write(f"images can be built here ({bench.driver})\n")
    except ImpossibleError as reason:
        sys.stderr.write(f"images cannot be built here: {reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
