"""Published sheets from one publication to the next."""

from tests.building import evidence, facts, stations

OFFICIAL = {
    "station": ["1", "2", "3", "4"],
    "A": [50, 30, 10, 40],
    "B": [10, 20, 40, 10],
    "C": [0, 0, 0, 0],
}
FIRST = {"station": ["1", "2", "3"], "A": [50, 0, 9], "B": [10, 0, 40], "C": [0, 0, 0]}
AT = {"t2": "2020-01-31T21:00:00Z", "t1": "2020-01-31T20:00:00Z", "t3": "2020-01-31T22:00:00Z"}


def follow(tmp_path, **publications):
    found = evidence(tmp_path, {"official": OFFICIAL, **publications}, at=AT)
    return found, facts("reconcile.republished", found)[""]


def test_nothing_changes(tmp_path):
    later = {
        "station": ["1", "2", "3", "4"],
        "A": [50, 0, 9, 40],
        "B": [10, 0, 40, 10],
        "C": [0] * 4,
    }
    _, fact = follow(tmp_path, t2=later, t1=FIRST)
    assert fact.status == "not-observed"
    assert fact.statistic["pairs"] == [
        {
            "earlier": "t1",
            "later": "t2",
            "common": 3,
            "changed": 0,
            "withdrawn": 0,
            "added": 1,
            "zeros": 1,
            "filled": 0,
        }
    ]


def test_changes_and_withdrawals_are_followed_in_order_of_time(tmp_path):
    second = {"station": ["1", "2"], "A": [51, 30], "B": [10, 20], "C": [0, 0]}
    third = {"station": ["1", "2", "3"], "A": [51, 30, 10], "B": [10, 20, 40], "C": [0, 0, 0]}
    found, fact = follow(tmp_path, t3=third, t2=second, t1=FIRST)
    said = fact.statistic
    assert fact.status == "observed"
    assert (said["publications"], said["common"], said["changed"]) == (3, 4, 2)
    assert (said["withdrawn"], said["added"], said["sheets"]) == (1, 1, 3)
    assert (said["later_is_official"], said["earlier_is_official"]) == (1, 1)
    assert said["pairs"][0]["filled"] == 1
    assert said["withdrawn_in_official"] == 1
    assert said["changed_by_option"][0] == {
        "option": "A",
        "stations": 2,
        "net": 31,
        "gross": 31,
        "up": 2,
        "down": 0,
    }
    assert stations(found, fact) == ["2", "1", "3"]
    assert list(fact.rows["what"]) == ["changed", "changed", "withdrawn"]
    assert fact.questioned is None


def test_no_common_sheet_is_not_determinable(tmp_path):
    other = {"station": ["4"], "A": [40], "B": [10], "C": [0]}
    empty = {"station": ["1"], "A": [None], "B": [None], "C": [None]}
    _, fact = follow(tmp_path, t1=empty, t2=other)
    assert fact.status == "not-determinable"
