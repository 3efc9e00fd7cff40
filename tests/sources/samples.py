"""A small valid file of every format, for tests that damage them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from tests.sources import test_databases, test_flows, test_web, test_zeek

HERE = Path(__file__).parent

_JSON = (
    '{"ts":1379288667.7,"uid":"C","id.orig_h":"1.1.1.1","id.resp_h":"2.2.2.2","conn_state":"SF"}\n'
)
_TIMELINE = (
    'message,datetime,timestamp_desc\n"a, ""b""",2024-06-02T20:01:02+00:00,x\n'
    "Failed password for root from 1.2.3.4 port 22 ssh2,2024-06-02 20:01:03,x\n"
)
_SYSLOG = (
    "Oct 20 19:40:00 web sshd[9]: Failed password for ana from 10.0.0.9 port 22 ssh2\n"
    "<34>1 2019-10-20T19:40:01.003-04:00 web su 77 ID47 - failed\n"
    "2019-10-20T19:40:02.5+00:00 db systemd[1]: Started PostgreSQL.\n"
    "Oct 20 19:40:03 web sudo:   ana : TTY=pts/0 ; COMMAND=/bin/sh\n"
)
_SESSION = (
    "2024-06-02T20:01:02.123456Z\t   12 Connect\troot@10.0.0.7 on rep using TCP/IP\n"
    "2024-06-02T20:01:02.2Z\t   12 Query\tUPDATE `acta`\nSET v=1\nWHERE id=2\n"
    "240602 20:01:02\t   14 Connect\tapp@localhost on rep\n\t\t   14 Query\tselect 1\n"
)
_STATEMENTS = test_databases.record("2024-06-02 20:01:03.1 UTC", 'statement: update "a"\nset n=1')
_TABLE = 't,m,who\n2024-06-02T20:01:02-04:00,"a,\n""b""",1\n2024-06-02 20:01:03,c,2\n'

LINES: dict[str, tuple[str, str, bytes, dict[str, Any]]] = {
    "zeek": ("zeek", "flows", (test_zeek.CONN + test_zeek.ROW * 3).encode(), {}),
    "zeek json": ("zeek", "flows", (_JSON * 3).encode(), {}),
    "nfdump": ("nfdump", "flows", (test_flows.LONG + test_flows.SUMMARY).encode(), {}),
    "access-log": (
        *("access-log", "log-lines"),
        (test_web.COMMON + test_web.COMBINED + test_web.VHOST).encode(),
        {"pattern": "(?P<station>[0-9]+)", "kinds": {"clock": "x"}, "of_host": "web"},
    ),
    "iis": ("iis", "log-lines", (test_web.TestIis.HEAD + test_web.TestIis.ROW * 3).encode(), {}),
    "syslog": ("syslog", "log-lines", _SYSLOG.encode(), {"year": 2019}),
    "postgresql": ("postgresql", "log-lines", (_STATEMENTS * 3).encode(), {}),
    "mysql": ("mysql", "log-lines", _SESSION.encode(), {}),
    "timesketch": ("timesketch", "log-lines", _TIMELINE.encode(), {}),
    "delimited": (
        *("delimited", "log-lines", _TABLE.encode()),
        {"instant": "t", "fields": {"message": "m", "actor": "who"}},
    ),
}
"""Name -> format, kind of source, bytes, keys of the source; formats of lines."""

PACKED: dict[str, tuple[str, str, bytes, dict[str, Any]]] = {
    "pcap": (
        *("pcap", "flows"),
        test_flows.pcap([(1.0, test_flows.CALL), (2.0, test_flows.ANSWER)]),
        {},
    ),
    "pcapng": ("pcap", "flows", test_flows.PCAPNG, {}),
    "evtx": (
        *("evtx", "log-lines"),
        gzip.decompress((HERE / "security-short-selected.evtx.gz").read_bytes()),
        {},
    ),
}
"""The same; formats of packed records."""
