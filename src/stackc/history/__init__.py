"""A project's past as git keeps it: read without a checkout, compared, brought back, and merged."""
