"""The command line: chooses, prints, exits."""
