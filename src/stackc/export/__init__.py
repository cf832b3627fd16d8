"""Exports: a lock in the formats of other tools."""
