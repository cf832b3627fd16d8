"""The manifest: `stack.toml`, decoded once into frozen values."""
