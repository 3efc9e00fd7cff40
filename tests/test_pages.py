"""The pages of measured rates are of the shipped models, and checks allow for what they say."""

import json
import re
from importlib import resources
from pathlib import Path

from scipy import stats

from veedor.checks.transcripts import BORNE_OUT_MOST, MISREAD, MISREAD_MOST
from veedor.handwriting.calibration import fingerprint, load_manifest
from veedor.handwriting.strokes import UNBROKEN
from veedor.images.reading import ALTERED, SURE

DOCS = Path(__file__).parent.parent / "docs"
READING = (DOCS / "reading-digits.md").read_text(encoding="utf-8")
READER = json.loads(
    (resources.files("veedor.images") / "models" / "reader.json").read_text(encoding="utf-8")
)
KEPT = [(DOCS / f"reserve-{name}.md").read_text(encoding="utf-8") for name in ("reading", "hands")]
HANDS = (DOCS / "handwriting.md").read_text(encoding="utf-8")


def test_reading_was_measured_with_the_networks_that_are_shipped():
    assert f"graph `{READER['graph_sha256'][:12]}`" in READING, "make reading"


def row(name):
    """What the page of reading has in a row, column by column."""
    return next(r for r in READING.splitlines() if r.startswith(f"| {name} |")).split("|")[2:-1]


def test_the_check_allows_for_as_many_errors_of_reading_as_were_measured():
    *each, new, together = (
        tuple(map(float, re.findall(r"[\d.]+", told))) for told in row("times as many as expected")
    )
    for estimate, _, high in (new, together):
        assert estimate <= MISREAD
        assert high <= MISREAD_MOST
    assert max(estimate for estimate, _, _ in each) <= MISREAD
    names = ("borne out", "of them, by fields whose sums can be told")
    seen, expected = (float(row(name)[-1]) for name in names)
    assert f"by {BORNE_OUT_MOST:g} times as many" in READING
    assert stats.chi2.ppf(0.975, 2 * seen + 2) / 2 / expected <= BORNE_OUT_MOST


def test_writers_kept_to_the_end_were_read_with_what_is_shipped():
    reading, hands = KEPT
    for page in KEPT:
        assert f"graph `{READER['graph_sha256'][:12]}`" in page, "make reserve"
    assert "on the `reserve` writers" in reading
    assert "split `reserve`" in hands
    assert f"of the hash `{fingerprint()[:12]}`" in hands, "make reserve"


def test_scores_of_scans_were_measured_as_an_audit_reads_them():
    manifest = load_manifest()
    for name in ("good", "usable"):
        entry = manifest["calibration"][name]
        assert entry["read_by"] == READER["graph_sha256"], (
            "python -m training.writer --calibrate-only"
        )
        assert entry["described_by"] == manifest["graph_sha256"]
        assert entry["read_as"] == {"sure": SURE, "altered": ALTERED, "unbroken": UNBROKEN}


def test_hands_were_measured_with_the_calibration_that_is_shipped():
    assert f"of the hash `{fingerprint()[:12]}`" in HANDS, "make handwriting"
    assert f"graph `{READER['graph_sha256'][:12]}`" in HANDS, "make handwriting"
