"""Engines: the external resolvers, behind one Protocol."""
