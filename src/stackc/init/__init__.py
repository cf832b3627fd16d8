"""A first manifest: what the facts offer for a CUDA and a Python, and the text that is made of it."""
