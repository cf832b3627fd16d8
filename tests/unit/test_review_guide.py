"""What docs/review.md says is so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from stackc.cli.diff_command import diff_command
from stackc.codes import all_codes
from unit.test_forge_files import faults, plain

GUIDE = (Path(__file__).parents[2] / "docs/review.md").read_text(encoding="utf-8")
((NAME, WORKFLOW),) = re.findall(r"```yaml\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL)


def test_the_workflow_is_of_the_published_schema() -> None:
    assert NAME.startswith(".github/workflows/")
    assert faults(plain(WORKFLOW), "github-workflows") == []


def test_the_scripts_of_the_workflow_are_read_by_bash_and_name_options_that_there_are() -> None:
    steps = yaml.safe_load(WORKFLOW)["jobs"]["diff"]["steps"]
    scripts = [step["run"] for step in steps if "run" in step]
    read = [subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False) for script in scripts]
    assert [(done.returncode, done.stderr) for done in read] == [(0, "")] * len(scripts)
    known = {option for parameter in diff_command.params for option in parameter.opts}
    assert {
        option for line in GUIDE.splitlines() if "stackc diff" in line for option in re.findall(r"--[a-z-]+", line)
    } <= known


def test_the_table_of_codes_lists_every_risk_and_no_other_code() -> None:
    listed = {code for row in re.findall(r"^\| (`S8.*?) \|", GUIDE, re.MULTILINE) for code in re.findall(r"S\d{3}", row)}
    of_ends = {"S810", "S813"}
    assert listed == {code for code, known in all_codes().items() if known.family == "diff"} - of_ends
