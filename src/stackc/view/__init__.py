"""The view: the curated loopback index that an engine sees."""
