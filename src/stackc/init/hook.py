"""The text of a first `.pre-commit-config.yaml`: the guard and the check, run by the stackc that is installed."""

from __future__ import annotations

import json
import shlex

from stackc.layout import MANIFEST

__all__ = ["HOOK_FILE", "hook_text"]

HOOK_FILE = ".pre-commit-config.yaml"
"""The file that pre-commit reads, at the root of a repository."""

_TEXT = """\
# Hooks for pre-commit (`pre-commit install` turns them on). Both work offline; stackc has to be installed where they run.
repos:
  - repo: local
    hooks:
      - id: stackc-guard
        name: torch, and all that a step installs, stays out of other files
        entry: {guard}
        language: system
        pass_filenames: false # stackc knows which files may install something
        always_run: true
      - id: stackc-check
        name: the locks are current, proved and unedited
        entry: {check}
        language: system
        pass_filenames: false
        always_run: true
"""


def hook_text(manifest: str) -> str:
    """Return the hook file's text for a manifest of this name beside it."""
    option = [] if manifest == MANIFEST else ["--file", manifest]
    return _TEXT.format(guard=_entry("guard", *option), check=_entry("check", *option))


def _entry(*words: str) -> str:
    """Return a command as YAML; JSON's strings are YAML's too."""
    command = shlex.join(["stackc", *words])
    return command if len(words) == 1 else json.dumps(command)
