"""Checks on the pictures of sheets."""
