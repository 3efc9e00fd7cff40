"""Announced totals against sums, for the whole and for places."""

from tests.building import evidence, facts

OFFICIAL = {
    "station": ["1", "2", "3", "4"],
    "region": ["N", "N", "S", "S"],
    "municipality": ["M", "M", "M", "K"],  # two places of one name
    "registered": [100, 100, 100, 100],
    "A": [50, 30, 10, 40],
    "B": [10, 20, 40, 10],
    "C": [0, 0, 0, 0],
    "null": [1, 2, 3, 4],
}


def totals(tmp_path, *entries, official=OFFICIAL, **keys):
    announced = [{"count": "official", "source": "x", **entry} for entry in entries]
    found = evidence(tmp_path, {"official": official}, announced=announced, **keys)
    return facts("reconcile.totals", found)["official"]


def test_every_level_agrees(tmp_path):
    fact = totals(
        tmp_path,
        {
            "totals": {
                "A": 130,
                "B": 80,
                "valid": 210,
                "null": 10,
                "cast": 220,
                "sheets": 4,
                "registered": 400,
            }
        },
        {"path": ["N"], "totals": {"A": 80, "sheets": 2}},
        {"path": ["N", "M"], "totals": {"A": 80}},
        {"path": ["S", "M"], "totals": {"A": 10}},
    )
    assert fact.status == "not-observed"
    assert fact.statistic["numbers"] == 11
    assert [(r["level"], r["entries"], r["numbers"]) for r in fact.statistic["levels"]] == [
        ("whole", 1, 7),
        ("region", 1, 2),
        ("municipality", 2, 2),
    ]
    assert fact.statistic["regions"][0] == {
        "place": "N",
        "sheets": 2,
        "valid": 110,
        "votes": {"A": 80, "B": 30, "C": 0},
    }


def test_differences_are_named_with_their_place(tmp_path):
    fact = totals(tmp_path, {"totals": {"A": 130, "B": 81}}, {"path": ["S"], "totals": {"A": 45}})
    assert fact.status == "observed"
    assert fact.statistic["differences"] == [
        {"place": "S", "what": "A", "announced": 45, "sheets": 50, "difference": 5},
        {"place": "the whole", "what": "B", "announced": 81, "sheets": 80, "difference": -1},
    ]
    assert list(fact.rows["difference"]) == [5, -1]
    assert fact.questioned is None


def test_what_cannot_be_compared_is_said(tmp_path):
    fact = totals(tmp_path, {"path": ["W"], "totals": {"A": 1}}, {"totals": {"blank": 0}})
    assert fact.status == "not-determinable"
    assert [(r["place"], r["why"]) for r in fact.statistic["not_comparable"]] == [
        ("W", "no sheet of the count is there"),
        ("the whole", "the count does not record it"),
    ]


def test_sheets_that_are_set_aside_are_in_no_sum(tmp_path):
    twice = {k: [*v, v[3]] for k, v in OFFICIAL.items()}
    twice["A"] = [50, 30, 10, 40, 41]
    fact = totals(tmp_path, {"totals": {"A": 130}}, official=twice)
    assert fact.statistic["differences"][0]["difference"] == -40
    assert fact.statistic["set_aside"] == 2
    assert "2 rows are set aside, with 101 votes" in fact.explanations[0].result
