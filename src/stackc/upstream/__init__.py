"""Upstream: indexes, their cache, the embedded catalog."""
