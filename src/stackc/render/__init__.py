"""Rendering: from a lock to the files that pip and Docker take."""
