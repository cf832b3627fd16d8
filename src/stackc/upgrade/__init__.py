"""The coupled move: another CUDA, torch or Python, with all that has to move beside it, as edits of the manifest."""
