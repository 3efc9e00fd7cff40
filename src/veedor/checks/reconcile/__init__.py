"""Checks of two records of the same sheet."""
