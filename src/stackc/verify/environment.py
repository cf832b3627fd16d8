"""An environment asked: the rendered verify.py, run by the environment's own interpreter, isolated from this one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stackc.errors import Finding, UsageError
from stackc.verify.told import Told, decode

__all__ = ["active_python", "ask"]


def active_python(environment: Mapping[str, str]) -> Path:
    """Return the Python that is active: that of VIRTUAL_ENV, else `python3` on the PATH. Raises UsageError for neither."""
    virtual = environment.get("VIRTUAL_ENV")
    if virtual:
        return Path(virtual) / "bin" / "python"
    found = shutil.which("python3", path=environment.get("PATH"))
    if found is None:
        message = "no Python is active: VIRTUAL_ENV is not set, and `python3` is not on the PATH"
        raise UsageError(Finding(code="S620", message=message, hint="name one with --python PATH"))
    return Path(found)


def ask(python: Path, script: bytes, *, gpu: bool, environment: Mapping[str, str]) -> Told:
    """Return what verify.py finds in an interpreter's environment. Raises UsageError, or CheckError where it breaks off.

    The interpreter runs isolated (`-I`), so that neither PYTHONPATH nor the folder of the call changes what is imported.
    """
    command = [str(python), "-I", "-", "--json", *(("--gpu",) if gpu else ())]
    try:
        done = subprocess.run(command, input=script, capture_output=True, env=dict(environment), check=False)
    except OSError as error:
        message = f"`{python}` cannot be run: {str(error.strerror or error).lower()}"
        raise UsageError(Finding(code="S620", message=message, hint="name an interpreter with --python PATH")) from error
    return decode(done.stdout, errors=done.stderr.decode("utf-8", "replace"), status=done.returncode)
