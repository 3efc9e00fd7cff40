"""Connections as files: Zeek's conn.log and ssl.log, and many rows of them for tests of volume."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

CONN = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port",
    "id.resp_h": "addr", "id.resp_p": "port", "proto": "enum", "service": "string",
    "duration": "interval", "orig_bytes": "count", "resp_bytes": "count", "conn_state": "string",
    "local_orig": "bool", "local_resp": "bool", "missed_bytes": "count", "history": "string",
    "orig_pkts": "count", "orig_ip_bytes": "count", "resp_pkts": "count",
    "resp_ip_bytes": "count", "tunnel_parents": "set[string]",
}  # fmt: skip
SSL = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port",
    "id.resp_h": "addr", "id.resp_p": "port", "version": "string", "cipher": "string",
    "server_name": "string", "established": "bool", "cert_chain_fps": "vector[string]",
}  # fmt: skip
"""Fields of the two logs and their types, as Zeek writes them."""


def uids(first: int, n: int) -> pa.Array:
    """Ids of connections: texts that tell no order, of numbers from `first` on."""
    x = np.arange(first, first + n, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return pc.binary_join_element_wise(
        "C", pa.array(x ^ (x >> np.uint64(31))).cast(pa.string()), ""
    )


def decimals(microseconds: Any) -> pa.Array:
    """Whole microseconds as texts of seconds with six decimals; null stays null."""
    whole = pc.divide(microseconds, 1_000_000)
    rest = pc.subtract(microseconds, pc.multiply(whole, 1_000_000))
    return pc.binary_join_element_wise(
        whole.cast(pa.string()), pc.utf8_lpad(rest.cast(pa.string()), 6, "0"), "."
    )


def write_conn(path: Path, table: pa.Table, first: int) -> None:
    """Write a conn.log of connections with the columns of `veedor.simulate.network.SCHEMA`."""
    with path.open("wb") as file:
        header(file, "conn", CONN)
        rows(file, conn(table, first))
        file.write(b"#close\t2031-05-06-00-00-00\n")


def write_ssl(path: Path, table: pa.Table, first: int) -> None:
    """Write an ssl.log of those connections on which a key was presented."""
    ids = uids(first, len(table))
    seen = pc.is_valid(table["key"])
    table, ids = table.filter(seen), ids.filter(pc.fill_null(seen.combine_chunks(), False))
    columns: dict[str, Any] = _head(table, ids)
    columns |= {
        "version": "TLSv13",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "server_name": table["name"],
        "established": "T",
        "cert_chain_fps": table["key"],
    }
    with path.open("wb") as file:
        header(file, "ssl", SSL)
        rows(file, _filled(columns, len(table)))
        file.write(b"#close\t2031-05-06-00-00-00\n")


def header(file: IO[bytes], path: str, fields: dict[str, str]) -> None:
    """Write the lines with which a Zeek log begins."""
    lines = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        f"#path\t{path}",
        "#open\t2031-05-04-16-00-00",
        "\t".join(["#fields", *fields]),
        "\t".join(["#types", *fields.values()]),
    ]
    file.write(("\n".join(lines) + "\n").encode())


def rows(file: IO[bytes], table: pa.Table) -> None:
    """Write rows parted by tabs, without a header."""
    options = pa.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    pa.csv.write_csv(table, file, write_options=options)


def conn(table: pa.Table, first: int) -> pa.Table:
    """Connections as the texts of a conn.log."""
    state, tcp = table["state"], pc.equal(table["proto"], "tcp")
    silent = pc.is_in(state, value_set=pa.array(["S0", "REJ"]))
    answered = pc.invert(silent)
    history = pc.if_else(silent, pc.if_else(pc.equal(state, "REJ"), "Sr", "S"),
                         pc.if_else(tcp, "ShADadFf", "Dd"))  # fmt: skip
    out = pc.if_else(answered, table["packets_out"], 1)
    back = pc.if_else(answered, table["packets_in"], pc.if_else(pc.equal(state, "REJ"), 1, 0))
    columns: dict[str, Any] = _head(table, uids(first, len(table)))
    columns |= {
        "proto": table["proto"],
        "service": table["service"],
        "duration": pc.if_else(answered, decimals(table["duration"]), None),
        "orig_bytes": pc.if_else(answered, table["bytes_out"], None),
        "resp_bytes": pc.if_else(answered, table["bytes_in"], None),
        "conn_state": state,
        "local_orig": None,
        "local_resp": None,
        "missed_bytes": "0",
        "history": history,
        "orig_pkts": out,
        "orig_ip_bytes": pc.add(pc.if_else(answered, table["bytes_out"], 0), pc.multiply(out, 40)),
        "resp_pkts": back,
        "resp_ip_bytes": pc.add(pc.if_else(answered, table["bytes_in"], 0), pc.multiply(back, 40)),
        "tunnel_parents": None,
    }
    return _filled(columns, len(table))


def _head(table: pa.Table, ids: pa.Array) -> dict[str, Any]:
    return {
        "ts": decimals(table["us"]),
        "uid": ids,
        "id.orig_h": table["src"],
        "id.orig_p": table["sport"],
        "id.resp_h": table["dst"],
        "id.resp_p": table["dport"],
    }


def _filled(columns: dict[str, Any], n: int) -> pa.Table:
    found = {}
    for name, value in columns.items():
        if value is None or isinstance(value, str):
            found[name] = pa.repeat(value or "-", n)
        else:
            found[name] = pc.fill_null(value.cast(pa.string()), "-")
    return pa.table(found)
