"""Flows of nfdump and of captures of packets."""

from __future__ import annotations

import gzip
import struct

import dpkt
import pytest

from tests.sources.reading import machine, rows, us, written
from veedor.errors import SourceError

LONG = (
    "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,ra\n"
    "2019-10-20 19:40:01,2019-10-20 19:40:03,2.500,10.0.0.5,8.8.8.8,5123,53,UDP,......,0,0,3,210,"
    "0,0,1,2,0,0,10.9.9.9\n"
    "2019-10-20 19:40:02,2019-10-20 19:40:03,1.000,10.0.0.6,10.0.0.7,4000,443,TCP,.AP.SF,0,0,10,"
    "1500,8,9000,1,2,0,0,0.0.0.0\n"
)
SUMMARY = "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n2,10710,21,1,1,1\n"


class TestNfdump:
    def test_flows_are_wall_clocks(self, tmp_path):
        found = machine(written(tmp_path, LONG), "nfdump", "flows")

        first, second = rows(found)
        assert (first["us"], first["wall"]) == (None, us("2019-10-20 19:40:01"))
        assert first["duration"] == 2_500_000
        assert (first["src"], first["sport"]) == ("10.0.0.5", 5123)
        assert (first["dst"], first["dport"], first["proto"]) == ("8.8.8.8", 53, "udp")
        assert (first["bytes_out"], first["packets"], first["sensor"]) == (210, 3, "10.9.9.9")
        assert (second["bytes_out"], second["bytes_in"], second["packets"]) == (1500, 9000, 18)
        assert second["sensor"] is None

    def test_what_is_not_seen_is_not_none(self, tmp_path):
        first, _ = rows(machine(written(tmp_path, LONG), "nfdump", "flows"))

        assert first["bytes_in"] is None

    def test_the_summary_is_no_flow_and_not_broken(self, tmp_path):
        found = machine(written(tmp_path, LONG + SUMMARY), "nfdump", "flows")

        assert (found.lines, found.broken) == (2, 0)

    @pytest.mark.parametrize(("right", "wrong"), [
        ("10.0.0.6", "999.1.1.1"), ("10.0.0.7", "host"), (",1500,", ",1.5 K,"),
        ("2019-10-20 19:40:02", "-5.0"),
    ])  # fmt: skip
    def test_a_flow_that_cannot_be_is_broken(self, tmp_path, right, wrong):
        found = machine(written(tmp_path, LONG.replace(right, wrong)), "nfdump", "flows")

        assert (found.lines, found.broken) == (2, 1)
        assert [flow["row"] for flow in rows(found)] == [2]

    def test_outputs_joined_end_to_end(self, tmp_path):
        found = machine(written(tmp_path, LONG + SUMMARY + LONG + SUMMARY), "nfdump", "flows")

        assert (found.lines, found.broken) == (4, 0)

    @pytest.mark.parametrize(
        ("head", "row"),
        [
            (
                "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows",
                "2024-06-02 20:01:02.123,0.064,6,10.0.0.1,40000,10.0.0.2,443,5,600,1",
            ),
            (
                "Date first seen,Duration,Proto,Src IP Addr,Src Pt,Dst IP Addr,Dst Pt,Packets,"
                "Bytes",
                "2024-06-02 20:01:02.123,   0.064, TCP ,  10.0.0.1,40000,10.0.0.2,443,  5, 600",
            ),
        ],
    )
    def test_other_layouts_are_told_by_the_names(self, tmp_path, head, row):
        (flow,) = rows(machine(written(tmp_path, f"{head}\n{row}\n"), "nfdump", "flows"))

        assert flow["wall"] == us("2024-06-02 20:01:02.123")
        assert (flow["proto"], flow["src"], flow["dport"]) == ("tcp", "10.0.0.1", 443)
        assert (flow["packets"], flow["bytes_out"], flow["duration"]) == (5, 600, 64_000)

    def test_a_table_of_something_else_is_refused(self, tmp_path):
        with pytest.raises(SourceError, match="nfdump"):
            machine(written(tmp_path, "a,b,c\n1,2,3\n"), "nfdump", "flows")


def frame(src: str, dst: str, sport: int, dport: int, size: int) -> bytes:
    segment = dpkt.tcp.TCP(sport=sport, dport=dport, data=b"x" * size)
    packet = dpkt.ip.IP(src=octets(src), dst=octets(dst), p=6, data=segment)
    packet.len = len(packet)
    return bytes(dpkt.ethernet.Ethernet(type=0x800, data=packet))


def octets(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def pcap(packets: list[tuple[float, bytes]], link: int = 1) -> bytes:
    """A capture by hand: header, then each packet with its own."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for stamp, data in packets:
        micros = round(stamp * 1_000_000)
        out += struct.pack("<IIII", *divmod(micros, 1_000_000), len(data), len(data)) + data
    return out


def block(kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
CALL = frame("10.0.0.1", "10.0.0.2", 40000, 443, 100)
ANSWER = frame("10.0.0.2", "10.0.0.1", 443, 40000, 1000)


def stamped(interface: int, stamp: int, data: bytes) -> bytes:
    """A packet of pcapng with its stamp in the ticks of its interface."""
    head = struct.pack("<IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data)


MICROS = block(1, struct.pack("<HHI", 1, 0, 0))
NANOS = block(1, struct.pack("<HHIHHB3xHH", 1, 0, 0, 9, 1, 9, 0, 0))
PCAPNG = SECTION + MICROS + NANOS + stamped(0, 5_000_000, CALL) + stamped(1, 6_000_000_000, ANSWER)


class TestCaptures:
    def test_packets_both_ways_are_one_flow(self, tmp_path):
        data = pcap([(1000.0, CALL), (1000.25, ANSWER), (1030.5, CALL)])

        found = machine(written(tmp_path, data, "a.pcap"), "pcap", "flows")

        (flow,) = rows(found)
        assert (found.lines, found.broken) == (3, 0)
        assert (flow["us"], flow["duration"]) == (1_000_000_000, 30_500_000)
        assert (flow["src"], flow["sport"], flow["dst"], flow["dport"]) == (
            "10.0.0.1",
            40000,
            "10.0.0.2",
            443,
        )
        assert (flow["bytes_out"], flow["bytes_in"], flow["packets"]) == (280, 1040, 3)
        assert flow["proto"] == "tcp"

    def test_a_minute_of_silence_ends_a_flow(self, tmp_path):
        data = pcap([(1000.0, CALL), (1061.0, CALL), (1121.0, CALL)])

        flows = rows(machine(written(tmp_path, data, "a.pcap"), "pcap", "flows"))

        assert [(f["row"], f["packets"]) for f in flows] == [(1, 1), (2, 2)]

    def test_pcapng_keeps_the_clock_of_each_interface(self, tmp_path):
        found = machine(written(tmp_path, PCAPNG, "a.pcapng"), "pcap", "flows")

        (flow,) = rows(found)
        assert (flow["us"], flow["duration"], flow["packets"]) == (5_000_000, 1_000_000, 2)

    def test_what_is_not_ip_is_no_line(self, tmp_path):
        arp = bytes(dpkt.ethernet.Ethernet(type=0x806, data=dpkt.arp.ARP()))

        found = machine(
            written(tmp_path, pcap([(1.0, arp), (2.0, CALL)]), "a.pcap"), "pcap", "flows"
        )

        assert (found.lines, found.broken) == (1, 0)
        assert rows(found)[0]["row"] == 2

    def test_a_capture_cut_short_is_read_as_far_as_it_goes(self, tmp_path):
        data = pcap([(1.0, CALL), (2.0, CALL)])[:-20]

        found = machine(written(tmp_path, data, "a.pcap"), "pcap", "flows")

        assert (found.lines, found.broken) == (2, 1)
        assert found.first_broken is not None
        assert found.first_broken[0] == 2

    def test_a_gzipped_capture(self, tmp_path):
        data = gzip.compress(pcap([(1.0, CALL)]))

        found = machine(written(tmp_path, data, "a.pcap.gz"), "pcap", "flows")

        assert found.lines == 1

    def test_text_is_no_capture(self, tmp_path):
        with pytest.raises(SourceError, match="no capture"):
            machine(written(tmp_path, "Jan  1 00:00:00 a b: c\n"), "pcap", "flows")
