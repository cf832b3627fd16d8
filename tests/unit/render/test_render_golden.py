"""The files of the GPU stack, compared whole with tests/cases/render-gpu/expected.

After a wanted change: `PYTHONPATH=tests python -m unit.render.test_render_golden`, then review the diff.
"""

from __future__ import annotations

import ast
from pathlib import Path

from stackc.render.outputs import render
from unit.render.gpu_stack import gpu_lock, gpu_manifest, gpu_target

EXPECTED = Path(__file__).parents[2] / "cases" / "render-gpu" / "expected"


def rendered() -> dict[str, bytes]:
    return render(gpu_lock(), manifest=gpu_manifest(), target=gpu_target(), folder="locks/gpu", project_templates=None)


def regenerate() -> None:
    for name, content in rendered().items():
        path = EXPECTED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_the_gpu_stack_renders_to_the_expected_files_byte_for_byte() -> None:
    expected = {path.relative_to(EXPECTED).as_posix(): path.read_bytes() for path in EXPECTED.rglob("*") if path.is_file()}
    assert rendered() == expected


def test_every_generated_file_is_ascii_with_unix_line_ends_and_one_final_newline() -> None:
    for name, content in rendered().items():
        assert content.isascii(), name
        assert b"\r" not in content, name
        assert content.endswith(b"\n"), name
        assert not content.endswith(b"\n\n"), name
        assert all(line == line.rstrip() for line in content.decode().split("\n")), name


def test_the_files_come_in_the_order_of_their_names() -> None:
    assert list(rendered()) == sorted(rendered())


def test_verify_is_python_that_3_8_can_read() -> None:
    ast.parse(rendered()["verify.py"], feature_version=(3, 8))


if __name__ == "__main__":
    regenerate()
