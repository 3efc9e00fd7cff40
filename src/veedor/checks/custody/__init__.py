"""Checks of what became of the paper."""
