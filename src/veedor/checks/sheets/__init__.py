"""Checks of the form, sheet by sheet."""
