"""What `verify.py` compares an image with, as data."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping

from stackc.errors import Finding, RenderError
from stackc.lock.model import Lock, Package
from stackc.manifest.model import Component, Manifest
from stackc.render.layout import install_files
from stackc.target import Target

__all__ = ["verified"]

JsonValue = Mapping[str, object]


def verified(lock: Lock, *, manifest: Manifest, target: Target, files: Mapping[str, bytes] | None = None) -> JsonValue:
    """Return the data of `verify.py`; raise `RenderError` S508 for an import or an expression that Python cannot read.

    `files` are those that the image has beside it, by their names from its own folder on.
    """
    components = [component for component in manifest.components_for(target.name) if component.name in lock.by_name]
    findings = [finding for component in components for finding in _findings(component, manifest)]
    if findings:
        raise RenderError(findings)
    by = {package.name: file.name for file in install_files(lock) if file.step for package in file.packages}
    return {
        "target": target.name,
        "base": target.base,
        "python": "{}.{}".format(*target.python_minor),
        "machine": target.machine,
        "platform": target.platform,
        "cuda": None if target.cuda is None else f"{target.cuda.major}.{target.cuda.minor}",
        "inputs": {"manifest": lock.inputs.manifest, "matrix": lock.inputs.matrix, "templates": lock.inputs.templates},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted((files or {}).items())},
        "tools": [tool.name for tool in lock.tools],
        "packages": {package.name: _package(package, by[package.name], lock) for package in lock.packages},
        "components": [_component(component) for component in components],
    }


def _package(package: Package, installed_by: str, lock: Lock) -> JsonValue:
    """Return what is to be there of one pin. `step` is None in requirements.txt, whose step people know by that name.

    `sha256` is there for a file that stack.toml names itself: installers remember where such a one came from (PEP 610).
    """
    return {
        "version": str(package.version),
        "index": package.index,
        "file": package.file.name,
        "by": installed_by,
        "step": package.step if package.step < lock.last_step else None,
        **({} if package.direct is None else {"sha256": package.file.sha256}),
    }


def _component(component: Component) -> JsonValue:
    imports = None if component.imports is None else list(component.imports)
    return {"name": component.name, "import": imports, "verify": list(component.verify)}


def _findings(component: Component, manifest: Manifest) -> Iterator[Finding]:
    for position, expression in enumerate(component.verify):
        if not _is_expression(expression):
            yield Finding(
                code="S508",
                message=f"a `verify` line of component `{component.name}` is not a Python expression",
                places=(manifest.places.at("components", component.spelled, "verify", position),),
                found=ascii(expression),
                hint="write one expression that is true in a good image, such as `torch.version.cuda == '12.4'`",
            )
    for position, module in enumerate(component.imports or ()):
        if not all(part.isidentifier() for part in module.split(".")):
            yield Finding(
                code="S508",
                message=f"an `import` of component `{component.name}` is not the name of a module",
                places=(manifest.places.at("components", component.spelled, "import", position),),
                found=ascii(module),
                hint="write what stands after `import` in Python, such as `sklearn.linear_model`",
            )


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True
