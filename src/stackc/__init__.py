"""stackc: a declarative dependency-lock compiler for GPU images."""

__version__ = "0.1.0"
