"""The rules on real sheets: the Bolivian count of 2019 (published numbers) and Indonesia's size."""

import csv
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from veedor.contest import MajorityOrLead, break_even, fewest_sheets, slack

DATA = Path(os.environ.get("VEEDOR_DATA") or "no-data")
COUNT = DATA / "bolivia-2019" / "computo-final.zip"


@pytest.mark.real
@pytest.mark.skipif(not COUNT.exists(), reason="VEEDOR_DATA names no folder with this file")
def test_bolivia_2019_rests_on_182_sheets() -> None:
    with zipfile.ZipFile(COUNT) as archive, archive.open(archive.namelist()[0]) as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, "utf-8-sig")))
    options = ("CC", "FPV", "MTS", "UCS", "MAS", "21F", "PDC", "MNR", "PAN-BOL")
    names = {o: next(k for k in rows[0] if k.strip().upper().startswith(o)) for o in options}
    matrix = np.array([[int(r[names[o]] or 0) for o in options] for r in rows], dtype=np.int64)
    rule, votes = MajorityOrLead(options), matrix.sum(axis=0)
    assert len(matrix) == 34_555
    assert votes.sum() == 6_137_671  # targets R1 to R4
    assert slack(rule, votes).value * 10 == 346_719
    needed = break_even(rule, votes)
    assert (needed.switched, needed.removed, needed.added) == (17_336, 38_525, 31_520)
    found = fewest_sheets(rule, matrix)
    assert (found.sheets, found.exact) == (182, True)
    # In tenths of a vote, by hand: the 181 sheets that hurt the lead
    # rule most leave it standing, and 182 leave 9.99854 points.
    tenths = np.sort(10 * (matrix[:, 4] - matrix[:, 0]) - matrix.sum(axis=1))[::-1]
    assert tenths[:181].sum() <= 346_719 < tenths[:182].sum()
    kept = np.delete(matrix, found.indices, axis=0).sum(axis=0)
    assert rule.decide(kept).decided_by == "run-off"


def test_fewest_sheets_of_a_country_with_813336_sheets_is_proved() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.multinomial(200, [0.467, 0.363, 0.17], size=813_336)
    rule = MajorityOrLead(("a", "b", "c"))
    assert rule.decide(matrix.sum(axis=0)).decided_by == "lead"
    assert fewest_sheets(rule, matrix).exact
