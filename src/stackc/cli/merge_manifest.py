"""What git runs to merge a manifest: `python -m stackc.cli.merge_manifest BASE OURS THEIRS MARKS NAME`.

It is no command of stackc's own. Where there is a merge, line by line or key by key, OURS becomes it; else OURS gets the marks
of a conflict, as without stackc.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stackc.cli.report import format_finding
from stackc.errors import ManifestError
from stackc.history.manifest_merge import Merged, merge_manifest

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Merge three files into the second, and return the exit status that tells git whether that went well."""
    base, ours, theirs, marks, name = arguments
    labels = ("-L", "ours", "-L", "base", "-L", "theirs")
    command = ["git", "merge-file", "-p", f"--marker-size={marks}", *labels, ours, base, theirs]
    lines = subprocess.run(command, capture_output=True, check=False)
    clean = lines.stdout.decode("utf-8", "replace") if lines.returncode == 0 else None
    merged = _merged(base, ours, theirs, clean=clean, name=name)
    if merged.text is not None:
        Path(ours).write_bytes(merged.text.encode("utf-8"))
        return 0
    Path(ours).write_bytes(lines.stdout)
    for finding in merged.findings:
        sys.stderr.write(f"{format_finding(finding, color=False)}\n\n")
    return 1


def _merged(base: str, ours: str, theirs: str, *, clean: str | None, name: str) -> Merged:
    try:
        texts = [Path(path).read_bytes().decode("utf-8") for path in (base, ours, theirs)]
        return merge_manifest(*texts, by_line=lambda _base, _ours, _theirs: clean, file=name)
    except UnicodeDecodeError:
        return Merged(text=clean)
    except ManifestError as error:
        return Merged(text=clean, findings=error.findings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
