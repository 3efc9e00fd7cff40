"""Run the published package elex-model on one cut: python elex.py UNITS.csv OUT.json.

It runs in an environment of its own (`benchmarks.projection` calls it), and imports nothing of
veedor. UNITS.csv has one row a unit: unit, group, kind, before_lead, before_valid, lead, valid,
percent (of the unit's sheets that are counted; 0 to 100).

The package models two parties, dem and gop, whose votes sum to the total. Half the valid votes
plus and less half the lead are given for these, so that its margin is our lead over valid votes.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import pandas as pd
from elexmodel.client import ModelClient

ELECTION = "2019-10-20_BO_G"
LEVELS = (0.9, 0.95)


def tables(units: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was known before, and what is counted, in the package's columns."""
    keys = {"postal_code": "BO", "geographic_unit_fips": units["unit"].astype(str)}

    def votes(prefix: str, lead: Any, valid: Any) -> dict[str, Any]:
        return {
            f"{prefix}_dem": (valid + lead) / 2,
            f"{prefix}_gop": (valid - lead) / 2,
            f"{prefix}_turnout": valid,
        }

    before = votes("baseline", units["before_lead"], units["before_valid"])
    margin = (units["before_lead"] / units["before_valid"]).fillna(0.0)
    known = pd.DataFrame(
        {
            **keys,
            "county_fips": units["group"].astype(str),
            "county_classification": units["kind"].astype(str),
            "baseline_normalized_margin": margin,
            **before,
        }
    )
    now = votes("results", units["lead"], units["valid"])
    counted = pd.DataFrame({**keys, **now, "percent_expected_vote": units["percent"]})
    return known, counted


def configuration() -> dict[str, Any]:
    office = {
        "office": "P",
        "states": ["BO"],
        "geographic_unit_types": ["precinct"],
        "historical_election": [],
        "features": [],
        "aggregates": ["postal_code", "county_fips", "unit"],
        "fixed_effect": [],
        "baseline_pointer": {"dem": "dem", "gop": "gop", "turnout": "turnout"},
    }
    return {ELECTION: [office]}


def main(source: str, target: str) -> None:
    known, counted = tables(pd.read_csv(source, dtype={"unit": str, "group": str, "kind": str}))
    start = time.perf_counter()
    client = ModelClient()
    found = client.get_estimates(
        counted,
        ELECTION,
        "P",
        ["margin"],
        prediction_intervals=list(LEVELS),
        percent_reporting_threshold=100,
        geographic_unit_type="precinct",
        raw_config=configuration(),
        preprocessed_data=known,
        pi_method="bootstrap",
        features=["baseline_normalized_margin"],
        aggregates=["postal_code", "unit"],
        save_output=[],
        model_parameters={"B": 500},
    )
    row = found["state_data"].iloc[0].to_dict()
    result = {
        "version": version("elex-model"),
        "seconds": time.perf_counter() - start,
        "row": {k: float(v) for k, v in row.items() if isinstance(v, int | float)},
    }
    with open(target, "w", encoding="utf-8") as stream:
        json.dump(result, stream)


if __name__ == "__main__":
    main(*sys.argv[1:3])
