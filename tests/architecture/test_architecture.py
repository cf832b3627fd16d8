"""Which module may do what. The rules are the tables at the top; the source is read, never patched."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import stackc

SOURCE = Path(stackc.__file__).parent

# The core: values and pure functions. It imports none of FORBIDDEN, and of stackc nothing but the core.
CORE = (
    "stackc",
    "stackc.agreement",
    "stackc.conflict.core",
    "stackc.conflict.lines",
    "stackc.conflict.members",
    "stackc.conflict.values",
    "stackc.diff",
    "stackc.errors",
    "stackc.evidence.combination",
    "stackc.evidence.proof",
    "stackc.explain",
    "stackc.fallback",
    "stackc.formats",
    "stackc.history.lock_text",
    "stackc.history.manifest_merge",
    "stackc.history.pins_union",
    "stackc.history.three_way",
    "stackc.init",
    "stackc.layout",
    "stackc.lock",
    "stackc.manifest",
    "stackc.matrix",
    "stackc.obstacles",
    "stackc.plan",
    "stackc.redact",
    "stackc.render",
    "stackc.target",
    "stackc.upgrade.asked",
    "stackc.upgrade.edits",
    "stackc.upgrade.expressions",
    "stackc.upgrade.images",
    "stackc.upgrade.moves",
    "stackc.upstream.anchors",
    "stackc.upstream.simple",
    "stackc.verify.build_log",
    "stackc.verify.checklist",
    "stackc.verify.gpu",
    "stackc.verify.installer_lines",
    "stackc.verify.log_events",
    "stackc.verify.log_lines",
    "stackc.verify.log_story",
    "stackc.verify.log_whole",
    "stackc.verify.outcome",
    "stackc.verify.places",
    "stackc.verify.receipt",
    "stackc.verify.script",
    "stackc.verify.told",
    "stackc.verify.versions",
    "stackc.view.candidates",
    "stackc.view.crawl",
    "stackc.view.curate",
    "stackc.view.filenames",
    "stackc.view.metadata",
    "stackc.view.rules",
)

# The modules of core packages that read files: the doors through which manifests, packs, facts and templates come in.
DOORS = {
    "stackc.layout",
    "stackc.lock.stored",
    "stackc.manifest.decode",
    "stackc.matrix.digest",
    "stackc.matrix.facts.tables",
    "stackc.matrix.files",
    "stackc.matrix.load",
    "stackc.render.digest",
    "stackc.render.templates",
}
FILE_CALLS = {"glob", "iterdir", "mkdir", "open", "read_bytes", "read_text", "rglob", "unlink", "write_bytes", "write_text"}

FORBIDDEN = {
    "click",
    "http",
    "multiprocessing",
    "pycurl",
    "rich",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "urllib.request",
}

# Only the shell prints, reads the command line or the environment; the rest is given what it needs.
SHELL = ("stackc.cli", "stackc.__main__")
SHELL_ONLY = {"os.environ", "os.getenv", "print", "sys.argv", "sys.exit", "sys.stderr", "sys.stdin", "sys.stdout"}

# What the light modules leave to those who need it: each costs milliseconds that a command with nothing to do has not got.
HEAVY = {"asyncio", "ctypes", "email", "http", "importlib.metadata", "jinja2", "pycurl", "rich", "sqlite3", "ssl", "uv"}
LIGHT = {
    "stackc.cli.lock_text",
    "stackc.codes",
    "stackc.errors",
    "stackc.files",
    "stackc.cli.report",
    "stackc.redact",
    "stackc.target",
}

# What a guard that finds nothing leaves out too: it has 20 ms.
SLOW = {"click", "dataclasses", "hashlib", "inspect", "msgspec", "packaging", "pathlib", "typing", "yaml"}

KINDS = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
LONGEST = 400


@cache
def modules() -> dict[str, Path]:
    """Every module of stackc by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ("stackc", *path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Say whether a module is one of `packages` or stands below one; `stackc` stands for itself alone."""
    return any(module == package or (package != "stackc" and module.startswith(f"{package}.")) for package in packages)


def imports(module: str) -> set[str]:
    """Every module that one imports, at the top or within a function; `from a import b` is `a.b` if that is a module."""
    found: set[str] = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in inner if name in modules() or name in FORBIDDEN} or {node.module}
    return found


def forbidden_in_core(name: str) -> bool:
    return any(name == forbidden or name.startswith(f"{forbidden}.") for forbidden in FORBIDDEN)


def called(module: str) -> set[str]:
    """The last names of all that a module calls."""
    calls = [node.func for node in ast.walk(parsed(module)) if isinstance(node, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute)} | {
        call.id for call in calls if isinstance(call, ast.Name)
    }


def uses(module: str) -> set[str]:
    """What a module takes from other modules, as `module.name`, and the plain names that it calls."""
    nodes = list(ast.walk(parsed(module)))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    taken = {f"{node.value.id}.{node.attr}" for node in attributes if isinstance(node.value, ast.Name)}
    imported = {f"{node.module}.{alias.name}" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return taken | imported | called(module)


def statements(module: str) -> list[ast.stmt]:
    """Return a module's own statements, those of an `if` at its top included."""
    body = parsed(module).body
    return [inner for node in body for inner in ([*node.body, *node.orelse] if isinstance(node, ast.If) else [node])]


def public_names(module: str) -> list[str]:
    """Return the names of a module that its own statements define and that do not begin with an underscore."""
    names: list[str] = []
    for node in statements(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return [name for name in names if not name.startswith("_")]


def exported(module: str) -> list[str] | None:
    for node in parsed(module).body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def in_fresh_interpreter(script: str, *names: str) -> object:
    """Run a script that prints JSON in an interpreter of its own, warnings being errors."""
    command = [sys.executable, "-W", "error", "-c", script, *names]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


def test_the_core_imports_no_network_process_terminal_or_database_code() -> None:
    core = [module for module in modules() if within(module, CORE)]
    assert len(core) > 10
    assert {module: used for module in core if (used := sorted(filter(forbidden_in_core, imports(module))))} == {}


def test_the_core_imports_nothing_of_stackc_but_the_core() -> None:
    def outside(module: str) -> list[str]:
        return sorted(name for name in imports(module) if name.split(".")[0] == "stackc" and not within(name, CORE))

    core = [module for module in modules() if within(module, CORE)]
    assert {module: used for module in core if (used := outside(module))} == {}


def test_the_core_touches_files_at_its_doors_alone() -> None:
    assert {module for module in modules() if within(module, CORE) and called(module) & FILE_CALLS} == DOORS


def test_only_the_shell_prints_or_reads_the_command_line_and_the_environment() -> None:
    inner = [module for module in modules() if not within(module, SHELL)]
    assert {module: used for module in inner if (used := sorted(uses(module) & SHELL_ONLY))} == {}


def test_only_the_shell_imports_the_shell() -> None:
    inner = [module for module in modules() if not within(module, SHELL)]
    assert {module: used for module in inner if (used := sorted(name for name in imports(module) if within(name, SHELL)))} == {}


IMPORT_ALL = """
import importlib, json, sys
failed = {}
for name in sys.argv[1:]:
    for known in [known for known in sys.modules if known.partition(".")[0] == "stackc"]:
        del sys.modules[known]
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = repr(error)
print(json.dumps(failed))
"""


def test_each_module_imports_alone() -> None:
    assert in_fresh_interpreter(IMPORT_ALL, *modules()) == {}


IMPORT_ONE = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


# The names of the modules are written by hand: `json` would load what is asked about.
IMPORT_QUICK = """
import importlib, sys
import stackc.__main__
importlib.import_module(sys.argv[1])
print("[" + ", ".join(f'"{name}"' for name in sorted(sys.modules)) + "]")
"""


@pytest.mark.parametrize("module", sorted(LIGHT))
def test_a_light_module_loads_nothing_heavy(module: str) -> None:
    loaded = in_fresh_interpreter(IMPORT_ONE, module)
    assert isinstance(loaded, list)
    assert sorted(HEAVY & set(loaded)) == []


def test_a_guard_that_finds_nothing_loads_no_more_than_it_needs() -> None:
    loaded = in_fresh_interpreter(IMPORT_QUICK, "stackc.guard.quick")
    assert isinstance(loaded, list)
    assert sorted((HEAVY | SLOW) & set(loaded)) == []


def test_no_module_is_longer_than_the_style_allows() -> None:
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in modules().items()}
    assert {module: length for module, length in lengths.items() if length > LONGEST} == {}


def test_no_module_is_named_by_its_kind() -> None:
    assert [module for module in modules() if KINDS & set(module.split("."))] == []


def test_every_public_module_says_what_it_exports() -> None:
    public = [module for module in modules() if not re.search(r"\._|^stackc$", module)]
    assert [module for module in public if public_names(module) and exported(module) is None] == []


def test_what_a_module_exports_is_there() -> None:
    def missing(module: str) -> set[str]:
        bound = {
            alias.asname or alias.name
            for node in parsed(module).body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        return set(exported(module) or ()) - set(public_names(module)) - bound

    assert {module: sorted(names) for module in modules() if (names := missing(module))} == {}


def test_every_module_has_a_docstring_and_future_annotations() -> None:
    def complete(module: str) -> bool:
        body = parsed(module).body
        future = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in body)
        return ast.get_docstring(parsed(module)) is not None and (future or not public_names(module) or module == "stackc")

    assert [module for module in modules() if not complete(module)] == []
