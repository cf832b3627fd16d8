"""The tables of facts as an index gives them: what `tools/refresh_matrix.py` does, but for asking and writing."""
