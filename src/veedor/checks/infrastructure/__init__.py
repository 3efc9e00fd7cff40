"""Checks of hosts, systems and what each of them holds."""
