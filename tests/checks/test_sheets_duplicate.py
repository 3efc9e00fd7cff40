"""Repeated numbers on sheets: alike by chance, too often alike, and too few numbers to tell."""

import numpy as np

from tests.building import evidence, facts, stations

OPTIONS = ("A", "B", "C", "D", "E")


def sheets(number=60, seed=3, votes=(150, 250)):
    """Honest sheets in 15 centres of three regions."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet([20, 15, 8, 6, 5], size=15)
    centre = np.arange(number) // 4
    rows = np.array([rng.multinomial(rng.integers(*votes), shares[c % 15]) for c in centre])
    return {
        "station": [f"{i:03d}" for i in range(number)],
        "region": [f"R{c // 5}" for c in centre],
        "municipality": [f"M{c // 5}" for c in centre],
        "centre": [f"C{c}" for c in centre],
        "registered": [300] * number,
        **{o: rows[:, i].tolist() for i, o in enumerate(OPTIONS)},
        "blank": rng.integers(2, 9, size=number).tolist(),
        "null": rng.integers(2, 9, size=number).tolist(),
    }


def copied(count, source, *targets):
    for column in (*OPTIONS, "blank", "null"):
        for target in targets:
            count[column][target] = count[column][source]
    return count


def test_honest_sheets_are_not_alike(tmp_path):
    by = facts("sheets.duplicate", evidence(tmp_path, {"official": sheets()}, options=OPTIONS))
    assert {s: f.status for s, f in by.items()} == dict.fromkeys(
        ("centre", "region", "elsewhere"), "not-observed"
    )
    assert all(f.statistic["identical"] == 0 for f in by.values())
    assert by["centre"].fact.startswith("No sheet repeats the numbers of another within one")
    assert "chance alone gives at most 0." in by["centre"].fact
    assert all(f.questioned is None for f in by.values())


def test_copies_are_counted_where_they_lie(tmp_path):
    count = copied(sheets(), 0, 1, 2)
    copied(count, 4, 9)
    copied(count, 16, 41)
    by = facts("sheets.duplicate", evidence(tmp_path, {"official": count}, options=OPTIONS))
    near = by["centre"]
    assert near.status == "observed"
    assert (near.statistic["pairs"], near.statistic["groups"], near.statistic["repeats"]) == (
        3,
        1,
        2,
    )
    assert near.questioned.tolist() == [0, 1, 2]
    assert by["region"].questioned.tolist() == [4, 9]
    assert by["elsewhere"].questioned.tolist() == [16, 41]
    assert near.p_value < 1e-3


def test_rows_name_the_groups(tmp_path):
    found = evidence(tmp_path, {"official": copied(sheets(), 0, 1)}, options=OPTIONS)
    fact = facts("sheets.duplicate", found)["centre"]
    assert stations(found, fact) == ["000", "001"]
    assert fact.rows["group"].tolist() == [1, 1]


def test_small_and_unanimous_sheets_are_alike_by_chance(tmp_path):
    count = sheets()
    for i in range(20):  # ten of 120 votes and ten of 20, all for one option
        for column in (*OPTIONS, "blank", "null"):
            count[column][i] = 0
        count["A"][i] = 120 if i < 10 else 20
    by = facts("sheets.duplicate", evidence(tmp_path, {"official": count}, options=OPTIONS))
    assert by["centre"].statistic["identical"] == 6 + 6 + 1, "sheets 0-3, 4-7 and 8-9"
    assert by["centre"].statistic["pairs"] == 0
    assert by["centre"].status == "not-observed"


def test_two_options_are_too_few_to_tell(tmp_path):
    rng = np.random.default_rng(1)
    first = 100 + rng.binomial(100, 0.5, size=3_000)
    count = {
        "station": [f"{i:04d}" for i in range(3_000)],
        "region": [f"R{i // 1_500}" for i in range(3_000)],
        "municipality": ["M"] * 3_000,
        "centre": [f"C{i // 3}" for i in range(3_000)],
        "A": first.tolist(),
        "B": (300 - first).tolist(),
    }
    by = facts("sheets.duplicate", evidence(tmp_path, {"official": count}, options=("A", "B")))
    assert by["elsewhere"].statistic["identical"] > 100_000
    assert by["elsewhere"].statistic["telling"] == 0
    assert {f.status for f in by.values()} == {"not-determinable"}
    assert all(f.p_value is None for f in by.values())


def test_another_count_shows_whether_the_entry_was_repeated(tmp_path):
    early = sheets()
    by = facts(
        "sheets.duplicate",
        evidence(tmp_path, {"official": copied(sheets(), 0, 1), "early": early}, options=OPTIONS),
    )
    tested = {e.id: e.values for e in by["centre"].explanations if e.tested}
    assert tested["entered-twice"] == {"sheets": 2, "known": 2, "kept": 0}


def test_one_sheet_cannot_be_compared(tmp_path):
    one = {k: v[:1] for k, v in sheets().items()}
    by = facts("sheets.duplicate", evidence(tmp_path, {"official": one}, options=OPTIONS))
    assert {f.status for f in by.values()} == {"void"}
