from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stackc.errors import Finding, Place, RenderError
from stackc.render.digest import builtin_folder
from stackc.render.templates import digest, environment, fill


def own_templates(folder: Path, **files: str) -> Path:
    templates = folder / "templates"
    templates.mkdir()
    for stem, text in files.items():
        (templates / f"{stem}.j2").write_text(text)
    return templates


def refused(templates: Path, name: str, **values: object) -> tuple[Finding, ...]:
    with pytest.raises(RenderError) as caught:
        fill(environment(templates), name, values)
    return caught.value.findings


def test_a_file_of_the_project_replaces_the_built_in_one_of_its_name(tmp_path: Path) -> None:
    templates = own_templates(tmp_path, STACK_md="mine: {{ x }}\n\n")
    (templates / "STACK_md.j2").rename(templates / "STACK.md.j2")
    assert fill(environment(templates), "STACK.md.j2", {"x": 1}) == b"mine: 1\n"


def test_a_block_of_the_project_replaces_one_block_and_leaves_the_rest(tmp_path: Path) -> None:
    templates = own_templates(tmp_path)
    text = '{% extends "builtin/STACK.md.j2" %}\n{% block header %}\nmine\n{% endblock %}\n'
    text += "".join(f"{{% block {name} %}}{{% endblock %}}" for name in ("target", "components", "kept_out", "totals"))
    (templates / "STACK.md.j2").write_text(text)
    filled = fill(environment(templates), "STACK.md.j2", {"target": {"platform": "linux/amd64"}, "folder": "locks/gpu"})
    assert [line for line in filled.decode().splitlines() if line] == [
        "mine",
        "## Build",
        "    docker build --platform linux/amd64 -f locks/gpu/Dockerfile .",
        "The build ends with `verify.py`, which compares what is installed with the lock and imports each component.",
    ]


def test_bad_syntax_names_the_file_and_the_line(tmp_path: Path) -> None:
    assert refused(own_templates(tmp_path, bad="one\n{% if %}\n"), "bad.j2") == (
        Finding(
            code="S501",
            message="the template is not valid Jinja: Expected an expression, got 'end of statement block'",
            places=(Place(file="templates/bad.j2", line=2),),
            hint="correct the template, or remove it to use the built-in one",
        ),
    )


def test_a_template_that_is_not_utf_8_names_the_file_and_the_line(tmp_path: Path) -> None:
    templates = own_templates(tmp_path)
    (templates / "bad.j2").write_bytes(b"one\n\xff\n")
    findings = refused(templates, "bad.j2")
    assert [(finding.code, finding.message, finding.places) for finding in findings] == [
        ("S501", "the template is not valid Jinja: it is not UTF-8", (Place(file="templates/bad.j2", line=2),))
    ]


def test_a_template_that_extends_itself_is_refused(tmp_path: Path) -> None:
    findings = refused(own_templates(tmp_path, loop='{% extends "loop.j2" %}'), "loop.j2")
    assert [(finding.code, finding.places) for finding in findings] == [("S502", (Place(file="templates/loop.j2", line=1),))]


def test_an_undefined_name_names_the_file_and_the_line(tmp_path: Path) -> None:
    assert refused(own_templates(tmp_path, bad="one\n\n{{ nothing }}\n"), "bad.j2") == (
        Finding(
            code="S502",
            message="the template cannot be filled in: 'nothing' is undefined",
            places=(Place(file="templates/bad.j2", line=3),),
            hint="a template sees only the names that the built-in template of the same name uses",
        ),
    )


def test_a_template_cannot_reach_out_of_its_sandbox(tmp_path: Path) -> None:
    templates = own_templates(tmp_path, bad="{{ ''.__class__.__mro__ }}")
    assert refused(templates, "bad.j2")[0].message == (
        "the template cannot be filled in: access to attribute '__class__' of 'str' object is unsafe"
    )


def test_a_block_that_the_built_in_template_lacks_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    templates = own_templates(tmp_path)
    text = '{% extends "builtin/Dockerfile.j2" %}\n{% block sistem %}{% block inner %}{% endblock %}{% endblock %}\n'
    text += "{% block zzz %}{% endblock %}\n"
    (templates / "Dockerfile.j2").write_text(text)
    assert refused(templates, "Dockerfile.j2") == (
        Finding(
            code="S503",
            message="the template defines the block `sistem`, which the built-in template does not have",
            places=(Place(file="templates/Dockerfile.j2", line=2),),
            hint="did you mean `system`?",
        ),
        Finding(
            code="S503",
            message="the template defines the block `zzz`, which the built-in template does not have",
            places=(Place(file="templates/Dockerfile.j2", line=3),),
            hint="its blocks are `header`, `interpreter`, `base`, `system`, `user`, `epoch`, `python`, `pip`, `steps`, "
            "`constraints`, `requirements`, `verify`, `runtime`, `runtime_system`, `runtime_environment`, `app`, `verify_app`, "
            "`labels`",
        ),
    )


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    templates = own_templates(tmp_path, bad='\n{% include "other.j2" %}')
    assert refused(templates, "bad.j2") == (
        Finding(
            code="S510",
            message="the template `other.j2` does not exist",
            places=(Place(file="templates/bad.j2", line=2),),
            hint="built-in templates are named `builtin/NAME`: Dockerfile.j2, STACK.md.j2, constraints.txt.j2, pins.txt.j2, "
            "requirements.txt.j2, step.txt.j2, verify.py.j2",
        ),
    )


def test_the_digest_covers_names_and_bytes_of_both_folders(tmp_path: Path) -> None:
    templates = own_templates(tmp_path, a="one")
    seen = [digest(None), digest(templates)]
    (templates / "a.j2").write_text("two")
    seen.append(digest(templates))
    (templates / "a.j2").rename(templates / "b.j2")
    seen.append(digest(templates))
    assert len(set(seen)) == len(seen)
    assert all(len(text) == 71 and text.startswith("sha256:") for text in seen)


def test_the_digest_ignores_line_ends_other_files_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    templates = own_templates(tmp_path, a="one\ntwo\n")
    before = digest(templates)
    (templates / "a.j2").write_bytes(b"one\r\ntwo\r\n")
    (templates / "index.html").write_text("<p>the application's own</p>")
    assert digest(templates) == before
    assert digest(tmp_path / "none") == digest(None)


def test_the_built_in_folder_is_no_override_of_itself(tmp_path: Path) -> None:
    link = tmp_path / "templates"
    link.symlink_to(builtin_folder())
    assert digest(link) == digest(builtin_folder()) == digest(None)


def test_a_copy_of_the_built_in_folder_is_an_override(tmp_path: Path) -> None:
    shutil.copytree(builtin_folder(), tmp_path / "templates")
    assert digest(tmp_path / "templates") != digest(None)


def test_asking_for_the_digest_imports_no_jinja() -> None:
    code = "import sys; from stackc.render.templates import digest; digest(None); sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
