"""The system log of a host: sessions of administrators, services, jobs; RFC 3164, without years."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from veedor.simulate.election import generator
from veedor.simulate.hosts import BY_ID
from veedor.simulate.night import Night, Session, microseconds, regular

Line = tuple[float, str]


def lines(night: Night, host: str) -> list[str]:
    """The lines of one host, by its own clock."""
    found = _routine(night, host)
    for number, session in enumerate(night.sessions):
        if session.host == host:
            found += _session(session, 2000 + 7 * number)
    found += [(at, f"systemd[1]: {text}") for at, text in _services(night, host)]
    found.sort(key=lambda line: line[0])
    at = np.array([line[0] for line in found]) + night.skew[host]
    whole = microseconds(at) // 1_000_000
    when = pc.strftime(pc.cast(whole, "timestamp[s]"), "%b %e %H:%M:%S").to_pylist()
    return [f"{w} {host} {text}" for w, (_, text) in zip(when, found, strict=True)]


def _session(session: Session, process: int) -> list[Line]:
    who, origin = session.account, session.address
    port = 40000 + process % 20000
    ssh = f"sshd[{process}]:"
    pam = f"{ssh} pam_unix(sshd:session): session"
    found = [
        (session.start, f"{ssh} Accepted publickey for {who} from {origin} port {port} ssh2"),
        (session.start + 0.1, f"{pam} opened for user {who}(uid=1001) by (uid=0)"),
    ]
    step = (session.end - session.start) / (len(session.commands) + 2)
    for number, command in enumerate(session.commands, 1):
        at = session.start + number * step
        text = f"{who} : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND={command}"
        found.append((at, f"sudo: {text}"))
    if session.password:
        text = f"passwd[{process + 3}]: pam_unix(passwd:chauthtok): password changed for"
        found.append((session.end - step / 2, f"{text} {session.password}"))
    left = f"{ssh} Disconnected from user {who} {origin} port {port}"
    return [*found, (session.end - 0.1, left), (session.end, f"{pam} closed for user {who}")]


def _routine(night: Night, host: str) -> list[Line]:
    """Jobs every hour, and now and then what the daemon of time has to say."""
    rng = generator(night.seed, "network", "syslog", host)
    stopped = night.maintenance if host == "backup" else None
    found = []
    for at in (regular(night, 3600.0) + float(rng.uniform(0, 60))).tolist():
        process = int(rng.integers(3000, 30000))
        job = f"CRON[{process}]: (root) CMD (test -x /usr/sbin/anacron)"
        source = BY_ID["timekeeper"].address
        found.append((at, job))
        if host != "timekeeper":
            found.append((at + 900, f"chronyd[612]: Selected source {source}"))
    return [line for line in found if not (stopped and stopped[0] <= line[0] < stopped[1])]


def _services(night: Night, host: str) -> list[Line]:
    """A planned stop, a declared contingency."""
    found = []
    if host == "backup":
        found += [(night.maintenance[0] - 2, "Stopped Copies of the database."),
                  (night.maintenance[1] + 2, "Started Copies of the database.")]  # fmt: skip
    if host == "contingency" and night.contingency:
        found += [(night.contingency[0] - 20, "Started Entry of sheets."),
                  (night.contingency[1] + 20, "Stopped Entry of sheets.")]  # fmt: skip
    for incident in night.incidents:
        if incident.id == "application-restart" and host == "primary":
            found += [(incident.at, "Stopped Application of the count."),
                      (incident.at + 45, "Started Application of the count.")]  # fmt: skip
    return found
