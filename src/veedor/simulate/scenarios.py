"""Named scenarios, on which checks state their false alarms and their power."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from veedor.errors import VeedorError
from veedor.simulate.election import Election, generator
from veedor.simulate.honest import honest_election
from veedor.simulate.night import Network, network_from
from veedor.simulate.parameters import Parameters, parameters_from, shape
from veedor.simulate.sheets.plan import SheetPlan, plan_from
from veedor.simulate.tamper import KINDS
from veedor.simulate.truth import Truth

DEFAULT_STATIONS = 2000


@dataclass(frozen=True, slots=True)
class Scenario:
    """An election to draw, and what is done to it."""

    name: str
    summary: str
    parameters: Parameters
    tampering: tuple[Mapping[str, Any], ...]
    """Each with `kind`, a name of `veedor.simulate.tamper.KINDS`, and its keyword arguments."""
    network: Network | None = None
    """What its machines record, where they do."""
    sheets: SheetPlan | None = None
    """What is planted among its sheets, where that is more than nothing; drawn on demand."""

    @property
    def honest(self) -> bool:
        """Whether nothing is tampered with, and nothing departs from the plan."""
        parts = (self.network, self.sheets)
        return not self.tampering and all(part is None or part.honest for part in parts)

    def make(
        self, seed: int, stations: int | None = None, *, option: str | int | None = None
    ) -> tuple[Election, tuple[Truth, ...]]:
        """Draw the election and tamper with it; no sheet is tampered with twice.

        Parameters
        ----------
        seed : int
        stations : int, optional
            Another size than the scenario's; numbers of tampered sheets keep their proportion.
        option : str or int, optional
            Another beneficiary; where it is the rival, the former beneficiary becomes the rival.
        """
        election = honest_election(self.parameters, seed, stations=stations)
        scale = election.stations / self.parameters.stations
        truths: list[Truth] = []
        taken = np.zeros(election.stations, dtype=bool)
        for number, entry in enumerate(self.tampering):
            arguments = {k: v for k, v in entry.items() if k != "kind"}
            if arguments.get("sheets", 0) >= 1:
                arguments["sheets"] = max(round(arguments["sheets"] * scale), 1)
            if option is not None:
                arguments |= _beneficiary(election, entry, option)
            rng = generator(seed, "tamper", self.name, number)
            election, truth = KINDS[entry["kind"]](election, rng, avoid=taken, **arguments)
            taken[truth.index] = True
            truths.append(truth)
        return election, tuple(truths)


def _beneficiary(election: Election, entry: Mapping[str, Any], option: str | int) -> dict[str, int]:
    which = election.option(option)
    if entry["kind"] not in _WITH_RIVAL:
        return {"option": which}
    rival = election.option(entry.get("rival", "second"))
    if rival == which:
        rival = election.option(entry.get("option", "first"))
    return {"option": which, "rival": rival}


_WITH_RIVAL = {"move", "zero_rivals", "alter_between_counts", "inflate_invalid"}


@functools.cache
def _entries() -> dict[str, dict[str, Any]]:
    text = (files("veedor.simulate") / "scenarios.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def names(*, honest: bool | None = None) -> tuple[str, ...]:
    """Names of the scenarios: all, the honest ones, or the tampered ones."""
    return tuple(n for n in _entries() if honest is None or honest == load(n).honest)


def load(name: str) -> Scenario:
    """A scenario of `scenarios.toml`."""
    if name not in _entries():
        raise VeedorError(
            f"there is no scenario {name!r}",
            remedy=f"The scenarios are {', '.join(sorted(_entries()))}.",
        )
    entry = _entries()[name]
    base = parameters_from(
        {"stations": entry.get("stations", DEFAULT_STATIONS)}, shape(entry.get("shape", "plain"))
    )
    return Scenario(
        name=name,
        summary=entry["summary"],
        parameters=parameters_from(entry.get("parameters", {}), base),
        tampering=tuple(entry.get("tampering", ())),
        network=network_from(entry["network"]) if "network" in entry else None,
        sheets=plan_from(entry["sheets"]) if "sheets" in entry else None,
    )
