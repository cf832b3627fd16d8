"""The expressions that are verified in the image, with versions in them that move: string constants, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Mapping

__all__ = ["moved_expression"]


def moved_expression(text: str, changes: Mapping[str, str]) -> str:
    """Return a Python expression in which each string that is one of `changes` as a whole is replaced; all else stays."""
    lines = text.splitlines(keepends=True)
    found = [
        node
        for node in ast.walk(ast.parse(text, mode="eval"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in changes
    ]
    for node in sorted(found, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        if node.end_lineno != node.lineno or node.end_col_offset is None:
            continue
        line = lines[node.lineno - 1].encode()
        literal = line[node.col_offset : node.end_col_offset].decode()
        moved = literal.replace(str(node.value), changes[str(node.value)])
        lines[node.lineno - 1] = (line[: node.col_offset] + moved.encode() + line[node.end_col_offset :]).decode()
    return "".join(lines)
