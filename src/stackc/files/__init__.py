"""Files: generated sets and single files, written whole or not at all."""

from __future__ import annotations

from stackc.files.scratch import scratch_folder, scratch_parent
from stackc.files.single import write_file
from stackc.files.tree import Swap, recover, replace_tree

__all__ = ["Swap", "recover", "replace_tree", "scratch_folder", "scratch_parent", "write_file"]
