"""Checks of the flow of the count in time."""
