"""Windows event logs.

The two small logs are samples of github.com/omerbenamram/evtx (Apache-2.0 or MIT).
"""

from __future__ import annotations

import builtins
import gzip
from pathlib import Path

import pytest

from tests.sources.reading import machine, rows, us, written
from veedor.errors import SourceError
from veedor.sources.evtx import kind_of

HERE = Path(__file__).parent


def sample(tmp_path, name):
    return written(tmp_path, (HERE / f"{name}.evtx.gz").read_bytes(), f"{name}.evtx.gz")


def test_an_account_that_is_made(tmp_path):
    found = machine(sample(tmp_path, "new-user-security"), "evtx")

    made = [x for x in rows(found) if x["message"].startswith("4720 ")]
    assert [x["kind"] for x in made] == ["account"]
    assert (made[0]["object"], made[0]["host"]) == ("IEUser", "IE8Win7")
    assert made[0]["us"] == us("2013-10-23T16:22:39.973500")
    assert made[0]["sequence"] == 112


def test_refused_logins_are_told_by_number_and_by_status(tmp_path):
    found = machine(sample(tmp_path, "security-short-selected"), "evtx")

    told = {x["message"].split()[0]: (x["kind"], x["status"]) for x in rows(found)}
    assert told["4776"] == ("login-failed", "failed")
    assert told["4625"] == ("login-failed", "failed")
    assert told["4673"] == ("privilege", None)


@pytest.mark.parametrize(
    ("event", "provider", "kind"),
    [
        ("1102", "Microsoft-Windows-Eventlog", "log-cleared"),
        ("104", "Microsoft-Windows-Eventlog", "log-cleared"),
        ("4616", "Microsoft-Windows-Security-Auditing", "clock"),
        ("4719", "Microsoft-Windows-Security-Auditing", "configuration"),
        ("4724", "Microsoft-Windows-Security-Auditing", "credential"),
        ("7036", "Service Control Manager", "service"),
        ("1", "Microsoft-Windows-Kernel-General", "clock"),
        ("1", "Microsoft-Windows-Sysmon", "other"),
    ],
)
def test_numbers_mean_what_their_provider_means(event, provider, kind):
    assert kind_of(event, provider) == kind


def test_a_log_cut_short_is_read_as_far_as_it_goes_or_refused(tmp_path):
    whole = gzip.decompress((HERE / "new-user-security.evtx.gz").read_bytes())
    for size in (8, 4096, 5000, 30_000):
        try:
            found = machine(written(tmp_path, whole[:size], f"{size}.evtx"), "evtx")
        except SourceError:
            continue
        assert found.lines == len(rows(found)) + found.broken


def test_text_is_no_event_log(tmp_path):
    with pytest.raises(SourceError, match="no Windows event log"):
        machine(written(tmp_path, "text\n"), "evtx")


@pytest.mark.parametrize(
    ("package", "format", "kind"), [("evtx", "evtx", "log-lines"), ("dpkt", "pcap", "flows")]
)
def test_a_missing_package_names_the_extra(tmp_path, monkeypatch, package, format, kind):
    load = builtins.__import__

    def without(name, *rest):
        if name == package:
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SourceError, match=r"pip install 'veedor\[logs\]'"):
        machine(written(tmp_path, "x"), format, kind)
