"""A written case is accepted by the reader of cases, says what the election says, and no more."""

from __future__ import annotations

import csv
import hashlib
import json

import numpy as np
import pytest

from veedor.case.loading import load_case
from veedor.errors import VeedorError
from veedor.simulate import Parameters, honest_election, load, write_case


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    election, truth = load("drill").make(3, 600)
    folder = tmp_path_factory.mktemp("drill") / "case"
    path = write_case(election, folder, title='A "drill"', id="drill", seed=3, truth=truth)
    return election, truth, path


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_case_is_accepted_and_is_marked_as_simulated(made):
    election, _, path = made
    case = load_case(path)
    assert case.simulated
    assert case.title == 'A "drill"'
    assert case.option_ids == election.options
    assert case.rule["kind"] == "majority-or-lead"
    assert [s.count for s in case.count_sources()] == ["official", "preliminary-1", "preliminary-2"]
    assert {e.id for e in case.events} == {"polls-closed", "cut", "snapshot-2"}
    assert all(e.at.utcoffset() is not None for e in case.events)
    assert case.events[1].at == case.count_sources()[1].at
    for file in case.files:
        data = (path.parent / file.path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == file.sha256
        assert len(data) == file.bytes


def test_the_files_say_what_the_election_says(made):
    election, _, path = made
    official = rows(path.parent / "official.csv")
    assert [int(r["station"]) for r in official] == election.places.station.tolist()
    votes = np.array([[int(r[o]) for o in election.options] for r in official])
    assert (votes == election.official.votes).all()
    for column in ("declared_valid", "declared_cast"):
        assert [int(r[column]) for r in official] == getattr(election, column).tolist()
    assert [int(r["null"]) for r in official] == election.official.null.tolist()
    for number in (0, 1):
        seen = election.published(number)
        part = rows(path.parent / f"preliminary-{number + 1}.csv")
        assert [int(r["station"]) for r in part] == election.places.station[seen].tolist()
        votes = np.array([[int(r[o]) for o in election.options] for r in part])
        assert (votes == election.preliminary.votes[seen]).all()
    earlier = rows(path.parent / "earlier.csv")
    assert [int(r[election.options[0]]) for r in earlier] == election.history[:, 0].tolist()
    announced = load_case(path).announced[0].totals
    assert announced["cast"] == election.official.cast.sum()


def test_only_the_full_path_of_a_place_is_unique(made):
    election, _, path = made
    official = rows(path.parent / "official.csv")
    names = ("region", "municipality", "locality", "centre")
    paths = [tuple(r[n] for n in names) for r in official]
    for depth, level in enumerate(names, 1):
        codes = getattr(election.places, level).tolist()
        pairs = set(zip(codes, (p[:depth] for p in paths), strict=True))
        assert len(pairs) == len(set(codes)) == len({p[:depth] for p in paths})
    assert len({p[3] for p in paths}) < election.places.centres / 2


def test_the_truth_is_apart_from_the_case(made):
    _, truth, path = made
    answers = json.loads((path.parent / "truth.json").read_text(encoding="utf-8"))
    assert [t["kind"] for t in answers["tampering"]] == [t.kind for t in truth]
    assert answers["tampering"][0]["stations"] == [str(s) for s in truth[0].station.tolist()]
    assert answers["tampering"][0]["votes"] == truth[0].votes.tolist()
    text = path.read_text(encoding="utf-8")
    assert "truth" not in text
    assert "alter" not in text
    assert "tamper" not in text


def test_same_seed_same_bytes_and_another_seed_others(tmp_path):
    found = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        election, truth = load("altered").make(seed, 300)
        write_case(election, tmp_path / folder, title="t", id="t", seed=seed, truth=truth)
        found.append({p.name: p.read_bytes() for p in sorted((tmp_path / folder).iterdir())})
    assert found[0] == found[1]
    assert found[0].keys() == found[2].keys()
    assert all(found[0][name] != found[2][name] for name in found[0])


def test_an_election_without_a_preliminary_count_is_a_case_too(tmp_path):
    election = honest_election(Parameters(snapshots=(), stations=50), 1)
    case = load_case(write_case(election, tmp_path, title="t", id="t", seed=1))
    assert [s.count for s in case.count_sources()] == ["official"]
    assert case.rule == {"kind": "plurality"}


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    election = honest_election(Parameters(stations=50), 1)
    with pytest.raises(VeedorError, match="cannot be made"):
        write_case(election, tmp_path / "file" / "case", title="t", id="t", seed=1)
