"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("stackc", deadline=None)  # how long an example takes tells of the machine and its load
settings.load_profile("stackc")
