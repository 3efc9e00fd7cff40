"""Simulated elections: honest, with realistic geography, and tampered with, the truth known.

`honest` draws an election from `Parameters`; the functions of `tamper` alter one and say how;
`load` gives a named scenario that does both; `write_case` makes of it a case that can be audited.
"""

from veedor.simulate.election import Election, Places, Sheets, generator
from veedor.simulate.honest import honest
from veedor.simulate.parameters import Parameters, shape
from veedor.simulate.scenarios import Scenario, load, names
from veedor.simulate.shape import shape_of
from veedor.simulate.tamper import KINDS, Truth
from veedor.simulate.write import write_case

__all__ = [
    "KINDS",
    "Election",
    "Parameters",
    "Places",
    "Scenario",
    "Sheets",
    "Truth",
    "generator",
    "honest",
    "load",
    "names",
    "shape",
    "shape_of",
    "write_case",
]
