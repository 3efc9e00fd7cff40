"""Records of one direction: which are one connection, and who is told to have called.

The expected rows follow from the rule that the module states; the records are as nfdump writes
them, with a line for each direction.
"""

from __future__ import annotations

import pytest

from tests.sources.reading import machine, rows, us, written

HEAD = "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt\n"
CLIENT, SERVER = "10.0.0.20", "151.101.0.204"
COLUMNS = ("row", "src", "sport", "dst", "dport", "bytes_out", "bytes_in", "packets", "duration")


def record(clock, src, sport, dst, dport, size, lasts=0.0, proto="TCP", back=(0, 0)):
    stamp = f"2020-01-31 {clock}"
    return (
        f"{stamp},{stamp},{lasts},{src},{dst},{sport},{dport},{proto},,0,0,10,{size},"
        f"{back[0]},{back[1]}\n"
    )


def call(clock, size=100, lasts=2.0, port=50000):
    return record(clock, CLIENT, port, SERVER, 443, size, lasts)


def answer(clock, size=9000, lasts=2.0, port=50000):
    return record(clock, SERVER, 443, CLIENT, port, size, lasts)


def read(tmp_path, *records):
    found = machine(written(tmp_path, HEAD + "".join(records)), "nfdump", "flows")
    assert (found.lines, found.broken) == (len(records), 0)
    return found, [tuple(row[name] for name in COLUMNS) for row in rows(found)]


def one(row, out, back, packets=20, duration=2_000_000, port=50000):
    return (row, CLIENT, port, SERVER, 443, out, back, packets, duration)


def test_a_record_and_that_of_its_answer_are_one_connection_of_who_began(tmp_path):
    found, flows = read(tmp_path, call("19:00:00.0"), answer("19:00:00.1"))

    assert flows == [one(2, 100, 9000, duration=2_100_000)]
    assert rows(found)[0]["wall"] == us("2020-01-31 19:00:00")
    assert "1 pair of records of one direction is one connection" in found.basis


def test_the_row_is_that_of_the_record_that_began_first_wherever_it_stands(tmp_path):
    _, flows = read(tmp_path, answer("19:00:01"), call("19:00:00"))

    assert flows == [one(3, 100, 9000, duration=3_000_000)]


def test_whoever_began_called_even_from_the_lower_port(tmp_path):
    _, flows = read(tmp_path, answer("19:00:00", 700), call("19:00:01", 800))

    assert flows == [(2, SERVER, 443, CLIENT, 50000, 700, 800, 20, 3_000_000)]


def test_of_two_that_began_at_once_the_higher_port_called(tmp_path):
    _, flows = read(tmp_path, answer("19:00:00"), call("19:00:00"))

    assert flows == [one(3, 100, 9000)]


@pytest.mark.parametrize(
    ("clock", "pairs"),
    [("19:00:02.000", 1), ("19:00:17.000", 1), ("19:00:17.001", 0)],
)
def test_an_answer_begins_while_the_call_lasts_or_fifteen_seconds_later(tmp_path, clock, pairs):
    _, flows = read(tmp_path, call("19:00:00", lasts=2), answer(clock, lasts=0))

    assert len(flows) == 2 - pairs


def test_a_long_connection_keeps_its_records_by_twos(tmp_path):
    records = [
        text
        for minute in range(3)
        for text in (call(f"19:0{minute}:00.0", lasts=60), answer(f"19:0{minute}:00.1", lasts=60))
    ]

    _, flows = read(tmp_path, *records)

    assert flows == [one(row, 100, 9000, duration=60_100_000) for row in (2, 4, 6)]


def test_more_answers_than_calls_are_still_of_the_caller(tmp_path):
    _, flows = read(
        tmp_path,
        call("19:00:00.0", lasts=60),
        answer("19:00:00.1", lasts=20, size=1),
        answer("19:00:20.1", lasts=20, size=2),
    )

    assert flows == [
        one(2, 100, 1, duration=60_000_000),
        one(4, None, 2, packets=10, duration=20_000_000),
    ]


def test_an_answer_is_not_joined_with_a_record_that_was_over_long_before(tmp_path):
    _, flows = read(
        tmp_path,
        call("19:00:00", size=1, lasts=10),
        call("19:00:12", size=2, lasts=40),
        answer("19:00:45", size=3, lasts=1),
    )

    assert flows == [
        one(2, 1, None, packets=10, duration=10_000_000),
        one(3, 2, None, packets=10, duration=40_000_000),
        one(4, None, 3, packets=10, duration=1_000_000),
    ]


def test_two_routers_that_write_both_directions_give_two_connections(tmp_path):
    twice = [call("19:00:00"), call("19:00:00"), answer("19:00:01"), answer("19:00:01")]

    _, flows = read(tmp_path, *twice)

    assert flows == [one(row, 100, 9000, duration=3_000_000) for row in (2, 3)]


def test_an_answer_alone_is_a_connection_of_the_other_side_by_the_shape_of_its_ports(tmp_path):
    found, flows = read(
        tmp_path, answer("19:00:00"), answer("19:10:00", port=5000), call("19:20:00")
    )

    assert flows == [
        one(2, None, 9000, packets=10),
        (3, SERVER, 443, CLIENT, 5000, 9000, None, 10, 2_000_000),
        one(4, 100, None, packets=10),
    ]
    assert "1 answer without a record of the call is given as a connection" in found.basis


def test_other_ends_other_protocols_and_both_ways_in_one_record_stay_as_they_are(tmp_path):
    records = [
        call("19:00:00"),
        answer("19:00:00", port=50001),
        record("19:00:00", SERVER, 443, CLIENT, 50000, 5, proto="SCTP"),
        record("19:00:00", SERVER, 443, CLIENT, 50000, 6, back=(4, 7)),
    ]

    _, flows = read(tmp_path, *records)

    assert [(f[0], f[1], f[5], f[6]) for f in flows] == [
        (2, CLIENT, 100, None),
        (3, CLIENT, None, 9000),
        (4, SERVER, 5, None),
        (5, SERVER, 6, 7),
    ]


def test_pings_have_no_ports_and_are_of_who_began(tmp_path):
    ping = record("19:00:00.0", CLIENT, 0, SERVER, "8.0", 84, proto="ICMP")
    pong = record("19:00:00.1", SERVER, 0, CLIENT, "0.0", 84, proto="ICMP")

    _, flows = read(tmp_path, ping, pong)

    assert flows == [(2, CLIENT, None, SERVER, None, 84, 84, 20, 100_000)]


def test_no_byte_is_lost_whatever_the_order(tmp_path):
    """Bytes of all records, by ends, are those of all connections: sums, counted by hand here."""
    records = [
        record(f"19:00:{s:02d}", *ends, 10**i, lasts)
        for i, (s, ends, lasts) in enumerate(
            (s, ends, lasts)
            for s in (0, 1, 20, 59)
            for ends in ((CLIENT, 40000, SERVER, 443), (SERVER, 443, CLIENT, 40000))
            for lasts in (0, 30)
        )
    ]

    _, flows = read(tmp_path, *records)

    assert sum((f[5] or 0) + (f[6] or 0) for f in flows) == sum(10**i for i in range(16))
    assert {f[1] for f in flows} == {CLIENT}
