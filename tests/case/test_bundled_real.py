"""The bundled cases on their files: sums against those taken from the raw files by hand."""

import os
from pathlib import Path

import pytest

from veedor.audit.plan import read
from veedor.case import catalogue
from veedor.case.loading import load_case

pytestmark = pytest.mark.real

# case -> file that must be there, sheets, counted sheets, votes by option of all rows kept
CASES = {
    "indonesia-2019": ("indonesia-2019/tps.parquet", 813336, 813336, [84143641, 67777917]),
    "russia-2011": (
        "russia/2011.csv.zip",
        95225,
        95225,
        [8695458, 7664516, 639067, 12599420, 2252327, 32371737, 392727],
    ),
    "mexico-puebla-2024": ("mexico-puebla-2024/PUE_GUB_2024-simulacro3.csv", 8251, 8029, None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bundled_case_reads_as_published(name, tmp_path):
    path, sheets, counted, votes = CASES[name]
    folder = os.environ.get("VEEDOR_DATA")
    if not folder or not (Path(folder) / path).is_file():
        pytest.skip(f"{path} is not in VEEDOR_DATA")
    case = load_case(catalogue.find_case(name))
    evidence, _ = read(case, tmp_path)
    official = evidence.official_sheets
    assert len(official.sid) == sheets
    assert int(official.counted.sum()) == counted
    if votes:
        assert official.votes.sum(axis=0).tolist() == votes


def test_the_rehearsal_says_so_and_loses_no_column(tmp_path):
    case = load_case(catalogue.find_case("mexico-puebla-2024"))
    assert case.title.startswith("REHEARSAL")
    assert case.simulated
    source = case.sources[0]
    columns = [c for names in source.options.values() for c in names]
    # 10 parties; 11 combinations of four parties and 26 of five; candidates not registered
    assert len(columns) == len(set(columns)) == 10 + 11 + 26 + 1
