"""The canonical tables: what every check measures, whatever the files looked like.

A *station* is a polling station; its *sheet* is what one count recorded of it. Station numbers
(`sid`) are the rank of the official code among all codes seen, from 0: small, stable for the same
inputs, and the key of every measured row. `cell_LEVEL` is a dense code of the full geography path
down to that level, so that two places of one name in different provinces are never one.
"""

from __future__ import annotations

STATIONS = {
    "sid": "int64: station number",
    "station": "text: the official code (parts joined by '/')",
    "LEVEL": "text: one column for each level of geography of the case",
    "cell_LEVEL": "int64: code of the full path down to the level",
    "latitude": "float: degrees north, null where not known",
    "longitude": "float: degrees east, null where not known",
    "place_class": "text: class of the place (urban, rural, ...), null where not known",
}
"""`stations`: one row for each code seen in any count or register."""

SHEETS = {
    "sid": "int64: station number",
    "cell_LEVEL": "int64: as in stations",
    "registered": "int64: registered voters, null where not a number",
    "v0, v1, ...": "int64: votes of each option in ballot order, null where the cell is no number",
    "blank": "int64: blank votes, null where not recorded",
    "null": "int64: null votes, null where not recorded",
    "valid": "int64: sum of the options' votes (an empty cell adds nothing)",
    "cast": "int64: valid + blank + null, as far as recorded",
    "declared_valid": "int64: the sheet's own total of valid votes",
    "declared_cast": "int64: the sheet's own number of votes or voters",
    "reason": "text: the authority's remark or reason code; null where there is none",
    "counted": "bool: the authority counted the sheet",
    "place_differs": "bool: this count names another place for the station than the official one",
    "row": "int64: row in the source",
}
"""`sheets(COUNT)`: one row for each station of the count whose code stands once."""

CELLS = {
    "count": "text: the count",
    "sid": "int64: station number",
    "row": "int64: row in the source",
    "field": "text: option id, or registered, blank, null, declared_valid, declared_cast",
    "column": "text: column of the file",
    "raw": "text: the cell as written, null where empty",
    "state": "text: empty, negative, fractional, separated, word, or what the case says it means",
}
"""`cells`: every mapped cell that is not a whole number of votes."""

SET_ASIDE = {
    "count": "text: the count",
    "station": "text: the official code, null where the row has none",
    "row": "int64: row in the source",
    "why": "text: no-code, repeated (the same row again), or conflicting (the rows differ)",
    "valid": "int64: votes for options on that row",
    "registered": "int64: registered voters on that row, null where not a number",
    "unreadable": "bool: a cell of votes on that row is filled and no number",
}
"""`set_aside`: rows that are not in `sheets`, because their station has no code or several rows."""

HISTORY = {
    "cell": "int64: cell of the level at which the earlier election is joined",
    "h0, h1, ...": "float: share of the earlier valid votes, 0 to 1, standing for the option",
    "valid": "int64: valid votes then",
}
"""`history`: an earlier election by place; options with no counterpart are null."""

EVENTS = {
    "sid": "int64: station number, null where the station is not known",
    "station": "text: the official code, null where the line has none",
    "stage": "text: the step of the process that the line records",
    "t": "int64: seconds of UTC since 1970, null where not read or the clock is refused",
    "local": "int64: the wall clock of the case's zone, in seconds since 1970",
    "raw": "text: the stamp as written",
    "actor": "text: the operator, by a number that stands for the name",
    "host": "text: the machine",
    "v0, v1, ...": "int64: votes that the line carries for each option, null where none",
    "valid": "int64: valid votes that the line states (or its sum, where it has every option)",
    "source": "text: the source",
    "row": "int64: row in the source",
}
"""`events`: one row for each line of a processing log."""

PUBLICATIONS = {
    "source": "text: the source",
    "origin": "text: log (of publications), count (a published file) or series (of exports)",
    "t": "int64: seconds of UTC since 1970, null where not read",
    "local": "int64: the wall clock of the case's zone, in seconds since 1970",
    "raw": "text: the stamp as written",
    "sheets": "int64: sheets in the published totals",
    "received": "int64: sheets received by then, null where not published",
    "v0, v1, ...": "int64: published votes of each option, null where not published",
    "valid": "int64: published valid votes",
    "row": "int64: row in the source",
}
"""`publications`: one row for each publication of a running count."""

STATES = {
    "sid": "int64: station number, null where the station is not known",
    "station": "text: the official code",
    "state": "text: the state in which the process left the sheet",
    "remark": "bool: the line carries a remark, which is not kept",
    "source": "text: the source",
    "row": "int64: row in the source",
}
"""`states`: sheets that a process did not finish."""

ARRIVALS = {
    "sid": "int64: station number",
    "count": "text: the count in which the sheet arrived",
    "low": "float: lower end of the bracket, in per cent of publication",
    "high": "float: its upper end",
}
"""`arrivals`: between which publications of a count each sheet first appeared."""

EXPORTS = {
    "sid": "int64: station number, null where the station is not known",
    "station": "text: the official code",
    "count": "text: the running count",
    "t": "int64: seconds of UTC of the first export with the station",
    "last_t": "int64: of the last one",
    "versions": "int64: different contents that the exports show of the station",
    "exports": "int64: exports that hold the station",
}
"""`exports`: one row for each station of successive exports of a running count."""

TIMED = {
    "sid": "int64: station number",
    "cell_LEVEL": "int64: as in stations",
    "v0, v1, ...": "int64: official votes of each option, 0 where not read",
    "valid": "int64: their sum",
    "registered": "int64: registered voters, null where not a number",
    "place_class": "text: class of the place, null where not known",
    "latitude": "float: degrees north, null where not known",
    "longitude": "float: degrees east, null where not known",
    "early": "bool: published before the cut, null where nothing tells",
    "t": "int64: UTC seconds of the last stage of the process (or of the first export)",
    "state": "text: the state in which the preliminary process left the sheet, null where none",
    "h0, h1, ...": "float: share in the earlier election at the place, 0 to 1, null where none",
    "h_valid": "int64: valid votes there then",
}
"""`timed`: the counted official sheets with what is known of their time and of their place."""


HOSTS = {
    "host": "text: id of the host or of the group of clients, by the plan",
    "kind": "text: host, or group (of clients)",
    "role": "text: its role; of a group, its id",
    "place": "text: data centre or cloud account, null where the plan names none",
    "overseer": "text: who oversees it, null where the plan names nobody",
    "monitor": "text: its monitoring, null where the plan names none",
    "contingency": "bool: to be used only when a contingency is declared",
    "shared": "bool: many machines stand behind its address",
    "from_us": "int64: microseconds of UTC from which it is declared, null where always",
    "to_us": "int64: until when, null where without an end",
}
"""`hosts`: one row for each declared host and group of clients."""

ADDRESSES = {
    "address": "text: an address (or a name of a machine) as it stands in flows or log lines",
    "host": "text: the declared host or group to which it belongs, null where to none",
    "kind": "text: host or group, null where undeclared",
    "role": "text: as in hosts, null where undeclared",
    "by": "text: how it was told: address, network, name, key; other-key: its host has another",
    "from_us": "int64: microseconds of UTC from which the plan declares it so, null where always",
    "to_us": "int64: until when, null where without an end",
    "scope": "text: private, public, loopback, link-local, multicast, unspecified, or name",
    "key": "text: a declared key that the machine at the address presented, null where none seen",
}
"""`addresses`: each address seen, once for each span of time in which it is a declared host's, and
for each in which it is a group's; once where it is neither."""

PRESENTED = {
    "address": "text: an address or a name, as it was seen",
    "key": "text: a fingerprint of a key that the machine there presented",
}
"""`presented`: keys of machines, once each. The key of who logged in is none of these."""

FLOWS = {
    "source": "text: the source",
    "row": "int64: line (or packet, for captures the first one of the flow) in the source",
    "us": "int64: microseconds of UTC of its start, null where not read",
    "duration": "int64: microseconds, null where not known",
    "src": "text: address that opened the connection",
    "sport": "int64: its port, null where none",
    "dst": "text: address that was called",
    "dport": "int64: its port, null where none",
    "proto": "text: tcp, udp, icmp ..., small letters",
    "service": "text: application protocol as the sensor names it, null where none",
    "bytes_out": "int64: bytes from src to dst, null where not known",
    "bytes_in": "int64: bytes from dst to src, null where not known",
    "packets": "int64: packets both ways, null where not known",
    "name": "text: the name that the client asked for, null where not seen",
    "key": "text: fingerprint of the key or certificate that dst presented, null where not seen",
    "sensor": "text: what saw it, null where the file does not say",
    "uid": "text: the sensor's own id of the connection, null where none",
}
"""`flows`: one row for each connection (or record of one) that a sensor saw."""

LOG_LINES = {
    "source": "text: the source",
    "row": "int64: line (or record) in the source",
    "us": "int64: microseconds of UTC, null where not read",
    "raw": "text: the stamp as written",
    "zone": "text: the zone in which the stamp was read: an offset or a name",
    "host": "text: the machine that wrote the line, or on which the thing happened",
    "kind": "text: what the line tells of; see KINDS_OF_LINES",
    "actor": "text: the account; declared users and system accounts by name, others by number",
    "address": "text: the other machine, null where none",
    "object": "text: what it was done to: a path, a table, a service, a name asked for",
    "station": "text: official code of a station that the line names, null where none",
    "sid": "int64: its station number, null where not known",
    "before": "text: value before a change, null where none",
    "after": "text: value after a change, null where none",
    "session": "text: the session, connection or process, null where none",
    "sequence": "int64: the record's own number in its log, null where none",
    "status": "text: ok, failed, or as written; null where none",
    "key": "text: fingerprint of a key or certificate, null where none",
    "program": "text: the program that wrote it, null where none",
    "message": "text: the line's own words",
}
"""`log_lines`: one row for each line of a machine's log that was read."""

KINDS_OF_LINES = (
    "request",
    "login",
    "login-failed",
    "logout",
    "privilege",
    "credential",
    "account",
    "database-write",
    "database-read",
    "application-write",
    "service",
    "clock",
    "log-cleared",
    "lookup",
    "handshake",
    "certificate",
    "configuration",
    "heartbeat",
    "other",
)
"""What a line tells of: a web request; a session opened, refused, closed; a use of privilege; a
password or key changed; an account made or removed; rows of a database changed or read; a change
that the application itself records; a service started or stopped; a clock set; a log emptied; a
name asked for; a TLS handshake; a certificate seen; a configuration changed; a sign of life."""

CUSTODY = {
    "sid": "int64: station number, null where the station is not known",
    "station": "text: the official code",
    "bundle": "text: what travelled together, null where the trail does not say",
    "step": "text: the step",
    "t": "int64: seconds of UTC since 1970, null where not read",
    "local": "int64: the wall clock of the case's zone, in seconds since 1970",
    "raw": "text: the stamp as written, null where empty",
    "actor": "text: who took the step, by a number that stands for the name",
    "taker": "text: to whom it was handed, by a number of the same kind",
    "host": "text: the machine",
    "place": "text: the place",
    "seal": "text: the seal",
    "source": "text: the source",
    "row": "int64: row in the source",
}
"""`custody`: one row for each step of each sheet's trail (every step that the source maps)."""

HASHES = {
    "item": "text: what was hashed",
    "sha256": "text: the hash, 64 hexadecimal digits, small",
    "host": "text: on which host, null where not said",
    "t": "int64: seconds of UTC at which it was taken, null where not read",
    "source": "text: the source",
    "row": "int64: row in the source",
}
"""`hashes`: hashes taken of software, databases and images."""

EXAMINED = {
    "sample": "text: the sample",
    "sid": "int64: station number, null where the station is not known",
    "station": "text: the official code",
    "question": "text: the question",
    "answer": "text: the answer as written, null where the cell is empty",
    "examiner": "text: who examined, by a number that stands for the name; null where not said",
    "votes_shown": "bool: the sheet's votes had been shown to the examiner, null where not said",
    "t": "int64: seconds of UTC since 1970, null where not read",
    "source": "text: the source",
    "row": "int64: row in the source",
}
"""`examined`: one row for each answer that an examiner gave on a sheet."""

SHOWINGS = {
    n: about for n, about in EXAMINED.items() if n not in ("question", "answer", "votes_shown")
}
"""`showings`: one row for each time that an examiner was shown a picture whose private parts were
not veiled; `t` is when. Where the station is `RECORD_BEGINS` nothing was shown: of this examiner
nothing was recorded before."""

RECORD_BEGINS = "record-begins"
"""What stands for the station in the first line of a record of showings."""

SCANS = {
    "scan": "int64: number of the scan, from 0 in the order of the sources and their rows",
    "sid": "int64: station number by the file that names the scan, null where not known",
    "station": "text: the official code by that file, null where the row has none",
    "source": "text: the source",
    "row": "int64: row in the source",
    "file": "text: name of the picture, null where the row has none",
    "sha256": "text: of the picture's bytes, null where it is not there",
    "bytes": "int64: their number, null where it is not there",
    "format": "text: PNG, JPEG, TIFF, PDF ..., null where it could not be opened",
    "width": "int64: pixels, null where it could not be opened",
    "height": "int64: pixels, null where it could not be opened",
    "dpi": "float: dots per inch that the picture states, null where it states none",
    "grade": "text: good, usable or unreadable; null where it could not be opened",
    "reasons": "text: why it is less than good, or was not read, joined by ';', what is of this"
    " scan alone in brackets; null where nothing",
    "code": "text: the station that the printed code names, null where none was read",
    "code_sid": "int64: its station number, null where not known",
    "template": "text: id of the form found on it, null where none",
    "status": "text: read, unreadable, unregistered (no form fits) or missing (no picture)",
    "residual": "float: median of millimetres by which printed lines lie off; null without form",
    "consistent": "bool: the values read obey the form's own sums; null where that is not told",
    "cost": "float: nats of probability that the sums cost, null where there are none",
    "comparable": "bool: it has enough ink to be told from others: a copy of it would be in twins",
}
"""`scans`: one row for each scan that the case names. Several of one station are all kept."""

READINGS = {
    "scan": "int64: number of the scan",
    "sid": "int64: station number by the file that names the scan, null where not known",
    "field": "text: as in CELLS where the case maps the field of the form, else the form's own id",
    "cell_of": "text: id of the field on the form",
    "state": "text: number, empty, filler, struck, overwritten or unreadable",
    "value": "int64: the number by its own digits, null where it is none",
    "text": "text: one letter a box: a digit, '_' empty, '-' filler, 'x' struck, '#' overwritten",
    "p": "float: probability of the value (or of the state), by the boxes alone",
    "joint": "int64: the most probable number under the form's sums, null where there are none",
    "p_joint": "float: its probability, null where there are none",
    "holds": "bool: the sums of the form that it stands in hold with the values read; null where"
    " none of these can be told",
    "rest": "float: all numbers together that have each a probability of at most DOUBT, by the"
    " boxes alone; null where the state is struck, overwritten or unreadable",
    "altered": "float: highest probability of its boxes to be written over or struck",
    "kind": "text: count, time or other",
}
"""`readings`: one row for each field that was found on a scan. A field in a private part of its
form that the case maps to nothing has neither value nor text."""

COMPARED = {
    "scan": "int64: number of the scan",
    "sid": "int64: station number by the file that names the scan",
    "count": "text: the count",
    "field": "text: as in readings, of those that the case maps",
    "transcribed": "int64: the number that the count records there",
    "p": "float: probability of that number on the scan, by the boxes alone",
}
"""`compared`: one row for each field that was read as far as to have probabilities, and each count
that records a number for it."""

DOUBT = 0.001
"""A number of at most this probability is not what stands in a field, as far as reading tells."""

GLYPHS = {
    "scan": "int64: number of the scan",
    "sid": "int64: station number by the file that names the scan, null where not known",
    "cell_of": "text: id of the field on the form",
    "box": "int64: number of the box from the left",
    "by": "text: clerk or delegate: who is meant to write it, by the form",
    "kind": "text: count, time or other",
    "digit": "int64: the most probable digit",
    "p": "float: its probability",
    "unbroken": "int64: share of its ink in its largest piece, in thousandths",
    "f0, f1, ...": "int64: the embedding of its shape, in thousandths",
}
"""`glyphs`: one row for each box that was read as a digit without doubt and is not altered."""

TWINS = {
    "scan_a": "int64: number of a scan",
    "scan_b": "int64: number of another scan, a higher one; the same for two places on one scan",
    "how": "text: what they share: file, ink, patch or code",
    "score": "float: how alike, 1 for the same",
    "detail": "text: what is shared, in words",
}
"""`twins`: pairs of scans that share more than two sheets do."""


def embedding_columns(size: int) -> list[str]:
    """Names of the columns of `glyphs` with the embedding."""
    return [f"f{i}" for i in range(size)]


def votes_columns(options: int) -> list[str]:
    """Names of the votes columns of `sheets`, in ballot order."""
    return [f"v{i}" for i in range(options)]


def cell(level: str) -> str:
    """The name of the column with the code of the path down to a level."""
    return f"cell_{level}"
