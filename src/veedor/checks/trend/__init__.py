"""Checks of whether the late sheets differ, and of whether that is explained."""
