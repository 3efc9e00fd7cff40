"""Checks of the contest's own rule, and how much rests on what."""
