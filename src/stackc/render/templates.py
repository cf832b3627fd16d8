"""The Jinja environment that the generated files come from, and its errors as findings.

A project's own `templates/` overrides a built-in template by its name. Such a file may be whole, or may start with
`{% extends "builtin/NAME" %}` and define some of its blocks anew.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from stackc.errors import Finding, Place, RenderError
from stackc.render import quoting
from stackc.render.digest import builtin_folder, digest, own_folder, template_files

if TYPE_CHECKING:
    import jinja2

__all__ = ["digest", "environment", "fill"]

_BUILTIN_PREFIX = "builtin"


def environment(project_templates: Path | None, *, compiled: Path | None = None) -> jinja2.Environment:
    """Return the environment, with the project's templates before the built-in ones; raise `RenderError` for a bad template.

    `compiled` is a folder that keeps templates as Jinja compiled them. Text is not escaped as HTML: each grammar has its own
    filter. The sandbox keeps `stackc check` on somebody else's branch from running what that branch put into a template.
    """
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    own = own_folder(project_templates)
    builtin = jinja2.FileSystemLoader(builtin_folder())
    loaders: list[jinja2.BaseLoader] = [builtin, jinja2.PrefixLoader({_BUILTIN_PREFIX: builtin})]
    if own is not None:
        loaders.insert(0, jinja2.FileSystemLoader(own))
    made = ImmutableSandboxedEnvironment(
        loader=jinja2.ChoiceLoader(loaders),
        bytecode_cache=jinja2.FileSystemBytecodeCache(str(compiled)) if compiled is not None else None,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
    )
    made.filters |= {
        "comment": quoting.comment,
        "dockerfile_copy": quoting.dockerfile_copy,
        "dockerfile_json": quoting.dockerfile_json,
        "dockerfile_word": quoting.dockerfile_word,
        "json_literal": quoting.json_literal,
        "markdown_cell": quoting.markdown_cell,
        "markdown_code": quoting.markdown_code,
        "shell": quoting.shell,
    }
    if own is not None:
        _check_blocks(made, own)
    return made


def fill(environment: jinja2.Environment, name: str, values: Mapping[str, object]) -> bytes:
    """Return the bytes that the template `name` gives for `values`; raise `RenderError` with its file and line otherwise."""
    import jinja2

    try:
        text = environment.get_template(name).render(values)
    except jinja2.TemplateSyntaxError as error:
        raise RenderError(_syntax(error)) from error
    except jinja2.TemplateNotFound as error:
        raise RenderError(_absent(error, name)) from error
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise RenderError(_failed(error, name)) from error
    return (text.rstrip("\n") + "\n").encode()


def _check_blocks(environment: jinja2.Environment, own: Path) -> None:
    """Refuse a block that the extended template lacks: Jinja would leave it out without a word."""
    findings = [finding for name in template_files(own) for finding in _template_findings(environment, own, name)]
    if findings:
        raise RenderError(findings)


def _template_findings(environment: jinja2.Environment, own: Path, name: str) -> list[Finding]:
    import jinja2

    try:
        return _foreign_blocks(environment, own, name)
    except jinja2.TemplateSyntaxError as error:
        return [_syntax(error)]
    except UnicodeDecodeError as error:
        line = (own / name).read_bytes()[: error.start].count(b"\n") + 1
        return [_syntax(jinja2.TemplateSyntaxError("it is not UTF-8", line, name, str(own / name)))]


def _foreign_blocks(environment: jinja2.Environment, own: Path, name: str) -> list[Finding]:
    from jinja2 import nodes

    source = (own / name).read_text(encoding="utf-8")
    tree = environment.parse(source, name, str(own / name))
    extended = tree.find(nodes.Extends)
    prefix = f"{_BUILTIN_PREFIX}/"
    if extended is None or not isinstance(extended.template, nodes.Const) or not extended.template.value.startswith(prefix):
        return []
    parent = builtin_folder() / extended.template.value.removeprefix(prefix)
    if not parent.is_file():
        return []
    known = [block.name for block in environment.parse(parent.read_text(encoding="utf-8")).find_all(nodes.Block)]
    outer = [node for node in tree.body if isinstance(node, nodes.Block)]
    return [
        _foreign(block.name, Place(file=_shown(own / name), line=block.lineno), known)
        for block in outer
        if block.name not in known
    ]


def _foreign(block: str, place: Place, known: list[str]) -> Finding:
    near = get_close_matches(block, known, n=1)
    return Finding(
        code="S503",
        message=f"the template defines the block `{block}`, which the built-in template does not have",
        places=(place,),
        hint=f"did you mean `{near[0]}`?" if near else f"its blocks are {', '.join(f'`{name}`' for name in known)}",
    )


def _syntax(error: jinja2.TemplateSyntaxError) -> Finding:
    file = _shown(Path(error.filename)) if error.filename else error.name or "template"
    return Finding(
        code="S501",
        message=f"the template is not valid Jinja: {_sentence(error.message or 'syntax error')}",
        places=(Place(file=file, line=error.lineno),),
        hint="correct the template, or remove it to use the built-in one",
    )


def _absent(error: jinja2.TemplateNotFound, name: str) -> Finding:
    return Finding(
        code="S510",
        message=f"the template `{error.name}` does not exist",
        places=(_raised_at(error, name),),
        hint=f"built-in templates are named `{_BUILTIN_PREFIX}/NAME`: {', '.join(template_files(builtin_folder()))}",
    )


def _failed(error: Exception, name: str) -> Finding:
    return Finding(
        code="S502",
        message=f"the template cannot be filled in: {_sentence(str(error))}",
        places=(_raised_at(error, name),),
        hint="a template sees only the names that the built-in template of the same name uses",
    )


def _raised_at(error: Exception, name: str) -> Place:
    """Return the deepest template line of the traceback: Jinja rewrites its frames to name the template's file and line."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    if not frames:
        return Place(file=name)
    return Place(file=_shown(Path(frames[-1].filename)), line=frames[-1].lineno)


def _shown(path: Path) -> str:
    """Return how a finding names a template: `templates/NAME`, since its folder is always called so."""
    for folder in path.parents:
        if folder.name == "templates":
            return f"templates/{path.relative_to(folder).as_posix()}"
    return path.name


def _sentence(text: str) -> str:
    return text.rstrip(".")
