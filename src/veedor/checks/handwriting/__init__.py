"""Whose hand wrote the digits of the sheets."""
