"""Verification after the fact: an environment, an image's receipt or a build's log, against the lock."""
