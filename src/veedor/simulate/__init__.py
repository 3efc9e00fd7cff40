"""Simulated elections: honest, with realistic geography, and tampered with, the truth known.

`honest_election` draws an election from `Parameters`; the functions of `tamper` alter one and say
how; `load` gives a named scenario that does both; `write_case` makes of it a case to be audited.
Where a scenario has a `network`, its machines keep logs, and `departures` alters those.
"""

from veedor.simulate.election import Election, Places, Sheets, generator
from veedor.simulate.honest import honest_election
from veedor.simulate.moments import shape_of
from veedor.simulate.night import Network
from veedor.simulate.parameters import Parameters, shape
from veedor.simulate.scenarios import Scenario, load, names
from veedor.simulate.tamper import KINDS
from veedor.simulate.truth import Truth
from veedor.simulate.write import write_case

__all__ = [
    "KINDS",
    "Election",
    "Network",
    "Parameters",
    "Places",
    "Scenario",
    "Sheets",
    "Truth",
    "generator",
    "honest_election",
    "load",
    "names",
    "shape",
    "shape_of",
    "write_case",
]
