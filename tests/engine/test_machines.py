"""Flows and log lines in time: zones, clocks that are refused, steps back, and whose they are."""

from __future__ import annotations

import datetime as dt

from tests.building import evidence, read_case
from veedor.engine.accounts import SYSTEM
from veedor.engine.verbs import collect

OFFICIAL = {"official": {"station": ["1", "2", "3"], "A": [6, 6, 6], "B": [3, 3, 3],
                         "C": [1, 1, 1]}}  # fmt: skip
COLUMNS = ("at", "host", "kind", "actor", "address", "station", "key")
LINES = {"kind": "log-lines", "instant": "at", "fields": {n: n for n in COLUMNS if n != "at"}}
FLOWS = {"kind": "flows", "instant": "at", "fields": {"src": "src", "dst": "dst", "key": "key"}}


def lines(*rows):
    return {n: [row.get(n, "") for row in rows] for n in COLUMNS}


def at(*stamps, host="app"):
    return lines(*({"at": s, "host": host, "kind": "other"} for s in stamps))


def read(tmp_path, files, **keys):
    return evidence(tmp_path, OFFICIAL, files=files, **keys)


def seconds(*clocks, day="2020-01-31", offset=0.0):
    """Seconds of UTC of wall clocks of a day, that are so many hours ahead of UTC."""
    zone = dt.timezone(dt.timedelta(hours=offset))
    return [dt.datetime.fromisoformat(f"{day}T{c}").replace(tzinfo=zone).timestamp()
            for c in clocks]  # fmt: skip


def found_at(found, source):
    table = found.log_lines()
    rows = collect(table.filter(table.source == source).select("row", "us", "zone"))
    return [v / 1_000_000 for v in rows["us"].tolist()], sorted(set(rows["zone"].tolist()))


def test_a_wall_clock_is_read_in_the_zone_of_its_source_or_else_of_the_case(tmp_path):
    """New York went from UTC−5 to UTC−4 on 8 March 2020 at 2:00, and back on 1 November."""
    night = ["2020-03-08T01:59:59", "2020-03-08T03:00:00", "2020-11-01T00:59:59",
             "2020-11-01T02:00:00"]  # fmt: skip
    found = read(
        tmp_path,
        {
            "york": (LINES | {"zone": "America/New_York"}, at(*night)),
            "case": (LINES, at(night[0])),
            "given": (LINES | {"zone": "America/New_York"},
                      at("2020-03-08T01:59:59+02:00", "2020-03-08T01:59:59Z", night[0])),
        },
    )  # fmt: skip
    expected = [
        *seconds("01:59:59", day="2020-03-08", offset=-5),
        *seconds("03:00:00", day="2020-03-08", offset=-4),
        *seconds("00:59:59", day="2020-11-01", offset=-4),
        *seconds("02:00:00", day="2020-11-01", offset=-5),
    ]
    assert expected[1] - expected[0] == 1
    assert expected[3] - expected[2] == 2 * 3600 + 1
    assert found_at(found, "york") == (expected, ["America/New_York"])
    assert found_at(found, "case") == (seconds("01:59:59", day="2020-03-08"), ["UTC"])
    mixed = [
        *seconds("01:59:59", day="2020-03-08", offset=2),
        *seconds("01:59:59", day="2020-03-08"),
        expected[0],
    ]
    assert found_at(found, "given") == (mixed, ["America/New_York", "offset in the stamp"])
    york, case = found.machines["york"], found.machines["case"]
    assert (york.zone, york.zone_given) == ("America/New_York", True)
    assert (case.zone, case.zone_given) == ("UTC", False)
    assert (york.first_us, york.last_us) == (expected[0] * 1e6, expected[3] * 1e6)


def test_lines_that_fall_back_in_an_hour_shown_twice_are_of_its_second_time(tmp_path):
    """On 1 November 2020 New York's clocks went from 2:00 back to 1:00."""
    day = "2020-11-01T"
    clocks = ["00:59:00", "01:05:00", "01:59:59", "01:00:00", "01:30:00", "01:29:59", "02:00:00"]
    york = LINES | {"zone": "America/New_York"}
    quiet = ["01:10:00", "01:20:00", "02:10:00"]
    found = read(
        tmp_path,
        {
            "falls": (york, at(*(day + c for c in clocks))),
            "quiet": (york, at(*(day + c for c in quiet))),
            "each": (york, lines({"at": f"{day}01:50:00", "host": "a"},
                                 {"at": f"{day}01:10:00", "host": "b"})),
            "other": (york, at(f"{day}05:50:00", f"{day}05:10:00")),
        },
    )  # fmt: skip
    offsets = dict(zip(clocks, (-4, -4, -4, -5, -5, -5, -5), strict=True))
    expected = [seconds(c, day=day[:-1], offset=o)[0] for c, o in offsets.items()]
    assert found_at(found, "falls")[0] == expected
    assert (found.machines["falls"].back, found.machines["quiet"].back) == (0, 0)
    assert found_at(found, "quiet")[0] == seconds(*quiet[:2], day=day[:-1], offset=-4) + seconds(
        quiet[2], day=day[:-1], offset=-5
    )
    assert found_at(found, "each")[0] == seconds("01:50:00", "01:10:00", day=day[:-1], offset=-4)
    assert (found.machines["other"].back, found.machines["other"].back_most) == (1, 2400_000_000)


def test_lines_stamped_when_a_request_began_say_nothing_of_a_clock(tmp_path):
    read(tmp_path, {"lines": (LINES, at("2020-01-31T20:00:00Z"))})
    text = '10.0.0.9 - - [31/Jan/2020:{} +0000] "GET / HTTP/1.1" 200 5\n'
    (tmp_path / "web.log").write_text(text.format("20:40:00") + text.format("20:00:00"))
    case = tmp_path / "case.toml"
    entry = {"id": "web", "kind": "log-lines", "format": "access-log", "file": "web.log"}
    keys = "".join(f'{name} = "{value}"\n' for name, value in entry.items())
    case.write_text(f"{case.read_text()}\n[[sources]]\n{keys}")
    info = read_case(case).machines["web"]
    assert (info.lines, info.undated, info.back, info.back_most) == (2, 0, 0, 0)


def twelve(hours, each=5):
    return at(*(f"2020-01-31T{h:02d}:{10 * m:02d}:00" for h in hours for m in range(each)))


def test_a_clock_of_twelve_hours_is_refused_and_others_are_read(tmp_path):
    """From noon to noon, such a clock falls back from twelve to one twice."""
    night = twelve([12, *range(1, 13), *range(1, 12)])
    found = read(
        tmp_path,
        {
            "twelve": (LINES, night),
            "few": (LINES, twelve([*range(1, 10), 1], each=2)),
            "morning": (LINES, twelve([*range(1, 9), 1])),
            "midnight": (LINES, twelve([*range(12), 1])),
            "evening": (LINES, twelve([*range(1, 14), 1])),
            "rising": (LINES, twelve(range(1, 13))),
            "late": (LINES, at(*(f"2020-01-31T{h:02d}:{m}0:00" for h in range(1, 13)
                                 for m in (0, 2, 1, 3)))),
            "days": (LINES, {n: [*a, *(v.replace("31T", "30T") for v in a)] if n == "at" else a * 2
                             for n, a in twelve(range(1, 13)).items()}),
            "offset": (LINES, at(*(f"{stamp}Z" for stamp in night["at"]))),
        },
    )  # fmt: skip
    refused = {name: bool(info.refused) for name, info in found.machines.items()}
    assert refused == dict.fromkeys(refused, False) | {"twelve": True, "days": True}
    info = found.machines["twelve"]
    assert (info.lines, info.undated, info.first_us) == (120, 120, None)
    assert "all 120 stamps lie between 1 and 12" in info.refused
    assert found.machines["few"].undated == 0
    assert found.machines["rising"].undated == 0


def test_each_machine_of_a_file_rises_for_itself(tmp_path):
    """One whose clock is two hours behind makes no line of the other fall back."""
    rows = [
        {"at": f"2020-01-31T{h - behind:02d}:{m}0:00", "host": host, "kind": "other"}
        for h in range(3, 13)
        for m in range(3)
        for host, behind in (("a", 0), ("b", 2))
    ]
    found = read(tmp_path, {"lines": (LINES, lines(*rows))})
    assert (found.machines["lines"].lines, found.machines["lines"].refused) == (60, None)


def with_source(tmp_path, text, **entry):
    """A case with one file more, as it is written."""
    read(tmp_path, {})
    (tmp_path / "more.log").write_text(text)
    keys = {"id": "more", "kind": "log-lines", "file": "more.log"} | entry
    case = tmp_path / "case.toml"
    zone = entry.pop("zone_of_case", "UTC")
    about = "".join(f'{k} = "{v}"\n' for k, v in keys.items() if k != "zone_of_case")
    whole = case.read_text().replace('timezone = "UTC"', f'timezone = "{zone}"')
    case.write_text(f"{whole}\n[[sources]]\n{about}")
    return read_case(case)


def test_a_format_of_24_hours_is_never_refused(tmp_path):
    hours = [*range(1, 13), *range(1, 13)]
    text = "".join(f"Jan 31 {h:02d}:{m}0:00 app x: a\n" for h in hours for m in range(5))
    info = with_source(tmp_path, text, format="syslog").machines["more"]
    assert (info.refused, info.undated, info.back) == (None, 0, 1)


YORK = LINES | {"zone": "America/New_York"}


def repeated(tmp_path, **files):
    """Files of a night on which 1:00 to 2:00 was shown twice: instants, and how many are guesses.

    Hours are those since 4:00 UTC, which is midnight in New York; 1:30 is 1.5, or 2.5 again.
    """
    night = {name: (YORK, at(*(f"2020-11-01T{c}" for c in clocks)))
             for name, clocks in files.items()}  # fmt: skip
    found = read(tmp_path, night)
    start = seconds("04:00:00", day="2020-11-01")[0]
    return {
        name: (
            [round((v - start) / 3600, 3) for v in found_at(found, name)[0]],
            found.machines[name].ambiguous,
        )
        for name in files
    }


def test_one_late_line_moves_no_line_of_an_hour_shown_twice(tmp_path):
    late = ("01:05:00", "01:03:30", "01:15:00", "01:30:00", "02:00:00")
    far = ("01:42:00", "01:06:00", "01:45:00", "01:54:00", "02:00:00")
    several = ("01:42:00", "01:24:00", "01:30:00", "01:48:00", "02:00:00")
    found = repeated(tmp_path, late=late, far=far, several=several)
    assert found["several"] == ([1.7, 1.4, 1.5, 1.8, 3.0], 4)
    assert found["late"] == ([1.083, 1.058, 1.25, 1.5, 3.0], 4)
    assert found["far"] == ([1.7, 1.1, 1.75, 1.9, 3.0], 4)


def test_lines_that_fall_back_once_and_stay_below_tell_which_time_it_was(tmp_path):
    falls = ("00:30:00", "01:12:00", "01:54:00", "01:06:00", "01:48:00", "02:00:00")
    jitter = ("01:54:00", "01:06:00", "01:05:30", "01:30:00", "01:55:00")
    found = repeated(tmp_path, falls=falls, jitter=jitter)
    assert found["falls"] == ([0.5, 1.2, 1.9, 2.1, 2.8, 3.0], 0)
    assert found["jitter"] == ([1.9, 2.1, 2.092, 2.5, 2.917], 0)


def test_where_nothing_tells_which_time_it_was_the_first_is_taken_and_said(tmp_path):
    """A fall of more than what was shown twice is a clock that was set, or lines out of order."""
    found = repeated(
        tmp_path,
        quiet=("01:12:00", "01:30:00", "02:12:00"),
        far=("05:54:00", "01:12:00", "01:30:00"),
        twice=("01:54:00", "01:06:00", "01:12:00", "01:54:00", "01:06:00", "01:12:00"),
        none=("00:12:00", "02:12:00"),
    )
    assert found["quiet"] == ([1.2, 1.5, 3.2], 2)
    assert found["far"] == ([6.9, 1.2, 1.5], 2)
    assert found["twice"] == ([1.9, 1.1, 1.2] * 2, 6)
    assert found["none"] == ([0.2, 3.2], 0)


def test_what_is_ambiguous_is_in_the_words_of_the_clock(tmp_path):
    found = read(tmp_path, {"quiet": (YORK, at("2020-11-01T01:12:00", "2020-11-01T02:12:00"))})
    assert found.machines["quiet"].basis.endswith(
        "; 1 lies in an hour that the clock showed twice, and nothing tells which time it was:"
        " the first is taken"
    )
    assert found.machines["quiet"].ambiguous == 1


def test_flows_of_an_hour_shown_twice_are_counted_as_such(tmp_path):
    head = "ts,te,td,sa,da,sp,dp,pr,ipkt,ibyt,opkt,obyt\n"
    text = head + "".join(
        f"2020-11-01 {c},2020-11-01 {c},0,10.0.0.{i},10.0.1.1,5000,443,TCP,1,1,1,1\n"
        for i, c in enumerate(("00:59:00", "01:30:00", "01:59:00", "01:00:00", "02:10:00"), 1)
    )
    found = with_source(
        tmp_path, text, kind="flows", format="nfdump", zone_of_case="America/New_York"
    )
    assert found.machines["more"].ambiguous == 3
    assert "3 lie in an hour that the clock showed twice" in found.machines["more"].basis


def test_records_of_several_lines_are_told(tmp_path):
    rows = at("2020-01-31T20:00:00Z", "2020-01-31T20:00:01Z")
    rows["key"][0] = "a\nb"
    assert read(tmp_path, {"lines": (LINES, rows)}).machines["lines"].spanning == 1


def test_a_log_without_years_is_of_the_year_that_puts_it_nearest_to_the_election(tmp_path):
    """The case is of 31 January 2020."""
    text = "Dec 28 20:00:00 app x: a\nJan 31 20:00:00 app x: b\n"
    found = with_source(tmp_path, text, format="syslog")
    assert found_at(found, "more")[0] == [
        *seconds("20:00:00", day="2019-12-28"), *seconds("20:00:00", day="2020-01-31")
    ]  # fmt: skip
    assert "of 2019, the year that puts the log nearest" in found.machines["more"].basis


def test_steps_back_are_counted_machine_by_machine(tmp_path):
    clock = "2020-01-31T20:00:{:06.3f}Z"
    one = [{"at": clock.format(s), "host": "a"} for s in (0, 10, 9.0, 8.999, 2.5, 50, 45)]
    two = [{"at": clock.format(s), "host": h}
           for s, h in ((30, "a"), (1, "b"), (31, "a"), (2, "b"))]  # fmt: skip
    found = read(tmp_path, {"one": (LINES, lines(*one)), "two": (LINES, lines(*two))})
    one_, two_ = found.machines["one"], found.machines["two"]
    assert (one_.back, one_.back_most) == (2, 6_499_000)
    assert (two_.back, two_.back_most) == (0, 0)


def test_lines_that_cannot_be_read_are_counted_and_left_out(tmp_path):
    rows = at("2020-01-31T20:00:00Z", "no instant", "", "2020-02-30T20:00:00Z")
    read(tmp_path, {"lines": (LINES, rows)})
    path = tmp_path / "lines.csv"
    path.write_bytes(path.read_bytes() + b"too,few\n\xff\xfe,a,b,c,d,e,f\n")
    found = read_case(tmp_path / "case.toml")
    info = found.machines["lines"]
    kept = collect(found.log_lines().select("row", "us"))
    assert len(kept["row"]) + info.broken == info.lines
    assert (info.broken, info.first_broken[0]) == (1, 6)
    # The last line has as many cells as it should; what is no instant in it has none.
    assert info.undated == 4
    assert kept["row"].tolist() == [2, 3, 4, 5, 7]


def test_a_log_without_a_line_and_a_case_without_logs_have_empty_tables(tmp_path):
    found = read(tmp_path / "a", {"lines": (LINES, at())})
    assert found.machines["lines"].lines == 0
    for evidence_ in (found, read(tmp_path / "b", {})):
        assert len(collect(evidence_.log_lines().select("row", "sid"))["row"]) == 0
        assert len(collect(evidence_.flows().select("row", "src"))["row"]) == 0
        needs = ("flows", "log-lines", "machines", "seen-hosts", "operators", "custody")
        assert [evidence_.has(n) for n in needs] == [False] * 6


def test_stations_are_known_by_their_code_and_keys_by_who_presents_them(tmp_path):
    rows = lines(
        {"at": "2020-01-31T20:00:00Z", "host": "a", "kind": "handshake", "station": "2",
         "key": "k1"},
        {"at": "2020-01-31T20:00:00Z", "host": "a", "station": "3"},
        {"at": "2020-01-31T20:00:00Z", "host": "a", "station": "02"},
        {"at": "2020-01-31T20:00:00Z", "address": "192.0.2.9"},
        {"at": "2020-01-31T20:00:00Z", "host": "d", "kind": "login", "key": "k1"},
    )  # fmt: skip
    flows = {"at": ["2020-01-31T20:00:00Z"] * 2, "src": ["192.0.2.9", ""], "dst": ["b", "c"],
             "key": ["k2", ""]}  # fmt: skip
    hosts = [{"id": "app", "role": "web", "keys": ["k1", "k2"]}]
    found = read(tmp_path, {"lines": (LINES, rows), "flows": (FLOWS, flows)}, hosts=hosts)
    table = collect(found.log_lines().select("row", sid_of="sid"))
    by_row = dict(zip(table["row"].tolist(), table["sid_of"].tolist(), strict=True))
    assert by_row[2] == 1
    assert by_row[3] == 2
    assert all(v is None or v != v for v in (by_row[4], by_row[5]))
    addresses = collect(found.addresses().select("address", "host", "key"))
    seen = set(addresses["address"].tolist())
    assert {"a", "192.0.2.9", "b"} <= seen
    # Only addresses are taken for a host by a key; both machines here are known by name.
    # The key of a login is of who came, and not of the machine that wrote the line.
    keys = dict(zip(addresses["address"].tolist(), addresses["key"].tolist(), strict=True))
    assert keys == {"a": "k1", "b": "k2", "c": None, "d": None, "192.0.2.9": None}
    assert set(addresses["host"].tolist()) == {None}


def test_a_person_has_one_label_in_every_table_that_is_not_the_name(tmp_path):
    rows = lines(
        *({"at": "2020-01-31T20:00:00Z", "host": "a", "actor": who}
          for who in ("Ana Roca", "Root", "zoe", "op7", "Eva Paz", ""))
    )  # fmt: skip
    log = {"station": ["1", "2"], "at": ["2020-01-31T20:00:00Z"] * 2, "who": ["Eva Paz", "op7"]}
    trail = {"station": ["1"], "step": ["in"], "at": ["2020-01-31T20:00:00Z"],
             "from": ["Ana Roca"], "to": ["Eva Paz"]}  # fmt: skip
    found = read(
        tmp_path,
        {
            "lines": (LINES, rows),
            "log": ({"kind": "log", "key": "station", "stage": "verified", "instant": "at",
                     "actor": "who"}, log),
            "trail": ({"kind": "custody", "key": "station", "instant": "at",
                       "fields": {"step": "step", "actor": "from", "taker": "to"}}, trail),
        },
        users=[{"id": "op7"}],
    )  # fmt: skip
    actors = collect(found.log_lines().select("row", "actor"))["actor"].tolist()
    assert actors == ["operator 1", "Root", "account 2", "op7", "operator 2", None]
    assert collect(found.events().select("row", "actor"))["actor"].tolist() == ["operator 2", "op7"]
    handed = collect(found.custody().select("row", "actor", "taker"))
    assert (handed["actor"].tolist(), handed["taker"].tolist()) == (["operator 1"], ["operator 2"])
    assert {"root", "postgres", "administrator"} <= SYSTEM


def test_an_account_to_which_something_was_done_has_the_label_of_one_that_did_something(tmp_path):
    about = {"at": "2020-01-31T20:00:00Z", "host": "a"}
    said = (("other", "Ana Roca", "/etc/Ana Roca"), ("credential", "root", "Ana Roca"),
            ("account", "root", "Eva Paz"), ("login", "", "op7"), ("account", "op7", "postgres"),
            ("credential", "op7", ""))  # fmt: skip
    rows = [about | {"kind": k, "actor": a, "object": o} for k, a, o in said]
    table = {n: [row.get(n, "") for row in rows] for n in (*COLUMNS, "object")}
    entry = LINES | {"fields": {**LINES["fields"], "object": "object"}}
    found = read(tmp_path, {"lines": (entry, table)}, users=[{"id": "op7"}])
    read_ = collect(found.log_lines().order_by("row").select("row", "actor", "object"))
    assert read_["actor"].tolist() == ["account 1", "root", "root", None, "op7", "op7"]
    assert read_["object"].tolist() == [
        "/etc/Ana Roca", "account 1", "account 2", "op7", "postgres", None,
    ]  # fmt: skip


def test_hostile_names_of_people_become_labels_too(tmp_path):
    names = ["'; drop table log_lines; --", "=1+1", "\u202eana", "x" * 500]
    rows = lines(*({"at": "2020-01-31T20:00:00Z", "host": n, "actor": n, "address": n}
                   for n in names))  # fmt: skip
    found = read(tmp_path, {"lines": (LINES, rows)})
    row = collect(found.log_lines().select("row", "actor", "host"))
    assert row["host"].tolist() == names
    # Numbers follow the order of the names: by code point, a quote before = before x.
    assert row["actor"].tolist() == ["account 1", "account 2", "account 4", "account 3"]
    assert sorted(collect(found.addresses().select("address"))["address"]) == sorted(names)


def test_hashes_are_small_letters_and_their_clock_is_told(tmp_path):
    about = {"kind": "hashes", "instant": "at", "fields": {"item": "item", "sha256": "hash"}}
    rows = {"item": ["x", " y "], "hash": ["AB" * 32, "cd" * 32],
            "at": ["2020-01-31T20:00:00", "never"]}  # fmt: skip
    found = read(tmp_path, {"hashes": (about, rows)})
    taken = collect(found.hashes().select("row", "item", "sha256", "t"))
    assert taken["sha256"].tolist() == ["ab" * 32, "cd" * 32]
    assert taken["item"].tolist() == ["x", "y"]
    times = taken["t"].tolist()
    assert times[0] == seconds("20:00:00")[0]
    assert times[1] is None or times[1] != times[1]
    assert set(found.trails) == {"hashes"}
