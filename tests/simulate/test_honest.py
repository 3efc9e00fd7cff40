"""What an honest election must look like before a check may be blamed for an alarm on it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from veedor.simulate import Election, Parameters, generator, honest_election, load, shape
from veedor.simulate.tamper import alter_between_counts


def arrays(election: Election) -> dict[str, np.ndarray]:
    places = {n: getattr(election.places, n) for n in type(election.places).__slots__}
    sheets = {}
    for count in ("box", "official", "preliminary"):
        for name in ("votes", "blank", "null"):
            sheets[f"{count}.{name}"] = getattr(getattr(election, count), name)
    own = ("declared_valid", "declared_cast", "order", "arrival", "history")
    return places | sheets | {name: getattr(election, name) for name in own}


def late_gap(election: Election) -> tuple[float, float]:
    """Late less early margin in points: over all sheets, and between sheets of one centre."""
    a, b = election.option("first"), election.option("second")
    lead = election.box.votes[:, a] - election.box.votes[:, b]
    valid, late, centre = election.box.valid, election.late, election.places.centre
    raw = lead[late].sum() / valid[late].sum() - lead[~late].sum() / valid[~late].sum()
    weights = (lead * late, valid * late, lead * ~late, valid * ~late)
    part = [np.bincount(centre, weight) for weight in weights]
    mixed = (part[1] > 0) & (part[3] > 0)
    gap = part[0][mixed] / part[1][mixed] - part[2][mixed] / part[3][mixed]
    weight = 1 / (1 / part[1][mixed] + 1 / part[3][mixed])
    return 100 * raw, 100 * float((gap * weight).sum() / weight.sum())


def sibling_correlation(election: Election) -> float:
    """Correlation of the first option's share on neighbouring sheets of one centre."""
    votes, valid = election.box.votes[:, 0], election.box.valid
    enough = np.minimum(valid[1:], valid[:-1]) > 30
    pair = np.flatnonzero((np.diff(election.places.centre) == 0) & enough)
    share = votes / np.maximum(valid, 1)
    return float(np.corrcoef(share[pair], share[pair + 1])[0, 1])


@pytest.mark.parametrize("name", ["plain", "blocs", "clerks", "tiny-stations", "twin"])
def test_no_count_holds_more_votes_than_voters(name):
    election, _ = load(name).make(3, 2000)
    for sheets in (election.box, election.official, election.preliminary):
        assert min(sheets.votes.min(), sheets.blank.min(), sheets.null.min()) >= 0
        assert (sheets.cast <= election.places.registered).all()
        assert (sheets.cast == sheets.votes.sum(axis=1) + sheets.blank + sheets.null).all()


def test_declared_totals_are_those_of_the_box_but_for_slips():
    election, _ = load("clerks").make(3, 20_000)
    wrong = (election.declared_valid != election.box.valid).mean()
    wrong += (election.declared_cast != election.box.cast).mean()
    expected = election.parameters.slip_total
    assert abs(wrong - expected) < 4 * np.sqrt(expected / election.stations) + 0.001
    careful = honest_election(Parameters(slip_total=0.0), 3)
    assert (careful.declared_cast == careful.box.cast).all()


def test_places_nest_and_stations_are_as_many_as_asked_for():
    places = honest_election(shape("bolivia-like"), 5, stations=5000).places
    assert len(places.station) == len(np.unique(places.station)) == 5000
    chain = [places.centre, places.locality, places.municipality, places.region]
    for child, parent in itertools.pairwise(chain):
        assert len(np.unique(np.stack([child, parent]), axis=1)[0]) == child.max() + 1
    for value in (places.rural, places.latitude, places.remoteness):
        pairs = np.unique(np.stack([places.centre, value.astype(float)]), axis=1)
        assert pairs.shape[1] == places.centres, "a centre is one place"
    assert places.registered.min() >= 5
    assert places.registered.max() <= 240
    assert ((places.remoteness >= 0) & (places.remoteness <= 1)).all()


@pytest.mark.parametrize("stations", [9, 10, 57])
def test_very_small_elections_can_be_drawn(stations):
    assert honest_election(shape("bolivia-like"), 1, stations=stations).stations == stations


def test_the_shape_of_bolivia_is_near_the_published_aggregates():
    """Sheets, shares, turnout, centres and the sheets at the stop: the authority's final count."""
    election = honest_election(shape("bolivia-like"), 1)
    shares = election.official.votes.sum(axis=0) / election.official.valid.sum()
    assert election.stations == 34_555
    assert shares[4] == pytest.approx(0.4708, abs=0.004)
    assert shares[0] == pytest.approx(0.3651, abs=0.004)
    turnout = election.official.cast.sum() / election.places.registered.sum()
    assert turnout == pytest.approx(0.883, abs=0.004)
    assert election.places.centres == pytest.approx(5296, rel=0.1)
    assert election.published().sum() == pytest.approx(28_975, abs=10)
    raw, within = late_gap(election)
    assert 8 < raw < 32
    assert abs(within) < 1


def test_expected_shares_hold_nationally_whatever_the_geography():
    parameters = Parameters(
        rural_tilt=(0.9, -0.9, 0.0, 0.0),
        loading=(1.0, -1.0, 0.5, 0.0),
        spread=(1.0, 1.0, 1.0, 1.0),
        blocs=0.5,
    )
    election = honest_election(parameters, 2, stations=20_000)
    shares = election.box.votes.sum(axis=0) / election.box.valid.sum()
    assert shares == pytest.approx(parameters.shares, abs=0.005)


def test_sheets_of_one_centre_are_alike_and_only_because_they_share_a_place():
    assert sibling_correlation(load("plain").make(1, 5000)[0]) > 0.6
    flat = Parameters(spread=(0.0,) * 4, own=(0.0,) * 4)
    assert abs(sibling_correlation(honest_election(flat, 1, stations=5000))) < 0.08


def test_sheets_vary_about_their_centre_by_the_stated_correlation():
    """The variance of a Dirichlet-multinomial is n p (1 - p) (1 + (n - 1) rho)."""
    flat = Parameters(spread=(0.0,) * 4, own=(0.0,) * 4, within=0.02)
    election = honest_election(flat, 1, stations=20_000)
    n, p = election.box.valid, flat.shares[0]
    ratio = (election.box.votes[:, 0] - n * p) ** 2 / (n * p * (1 - p) * (1 + (n - 1) * 0.02))
    assert ratio[n > 30].mean() == pytest.approx(1, abs=0.05)


def test_community_voting_is_unanimous_for_more_than_one_option():
    election, _ = load("blocs").make(1, 4000)
    votes, valid = election.official.votes, election.official.valid
    unanimous = ((votes == valid[:, None]) & (valid[:, None] >= 20)).sum(axis=0)
    assert unanimous.sum() > 40
    assert (unanimous >= 3).sum() >= 2
    plain, _ = load("plain").make(1, 4000)
    assert (plain.official.votes == plain.official.valid[:, None]).sum() < unanimous.sum() / 4


def test_tiny_stations_reach_full_turnout_honestly():
    election, _ = load("tiny-stations").make(1)
    full = election.official.cast == election.places.registered
    small = election.places.registered < 60
    assert full[small].mean() > 0.1
    assert full[~small].mean() < 0.02


def test_turnout_follows_preference_as_far_as_it_is_said_to():
    def correlation(link):
        given = Parameters(
            loading=(1.0, -1.0, 0.0, 0.0), turnout_link=link, own=(0.0,) * 4, station_missing=0.0
        )
        election = honest_election(given, 1, stations=20_000)
        centre = election.places.centre
        count = [np.bincount(centre, weights=w) for w in (
            election.box.votes[:, 0], election.box.valid, election.box.cast,
            election.places.registered,
        )]  # fmt: skip
        use = count[1] > 500
        return np.corrcoef((count[0] / count[1])[use], (count[2] / count[3])[use])[0, 1]

    assert correlation(0.8) == pytest.approx(0.8, abs=0.15)
    assert correlation(-0.8) == pytest.approx(-0.8, abs=0.15)
    assert abs(correlation(0.0)) < 0.25


def test_late_sheets_differ_by_composition_alone():
    gaps = np.array([late_gap(load("rural-late").make(seed, 10_000)[0]) for seed in range(12)])
    assert 5 < np.median(gaps[:, 0]) < 20
    assert (gaps[:, 0] > 2).all()
    within = gaps[:, 1]
    assert abs(within.mean()) < 4 * within.std(ddof=1) / np.sqrt(len(within))
    assert np.abs(within).max() < 2


def slip_tests(election: Election) -> tuple[int, float]:
    """Cells that differ between the counts, and the least p-value over options that both
    directions are as frequent and that the votes of a cell differ by nothing on average."""
    change = election.official.votes - election.preliminary.votes
    least = 1.0
    for option in range(change.shape[1]):
        moved = change[change[:, option] != 0, option]
        up = stats.binomtest(int((moved > 0).sum()), len(moved)).pvalue
        least = min(least, up, stats.ttest_1samp(moved, 0.0).pvalue)
    return int((change != 0).sum()), least


def test_slips_of_clerks_favour_no_option():
    election, _ = load("clerks").make(4, 60_000)
    cells, least = slip_tests(election)
    assert cells > 4000
    assert least > 0.001
    tampered, _ = alter_between_counts(election, generator(1, "test"), sheets=300)
    assert slip_tests(tampered)[1] < 0.001, "the test would see a direction"


def test_slips_are_transpositions_and_swapped_lines():
    election = honest_election(Parameters(slip_digits=0.05, slip_line=0.0), 1, stations=5000)
    change = election.official.votes - election.box.votes
    assert 100 < (change != 0).any(axis=1).sum() < 300
    assert ((change != 0).sum(axis=1) <= 1).all()
    assert (change % 9 == 0).all(), "two digits swapped change a number by a multiple of nine"
    election = honest_election(Parameters(slip_digits=0.0, slip_line=0.05), 1, stations=5000)
    same = np.sort(election.official.votes, axis=1) == np.sort(election.box.votes, axis=1)
    assert same.all()
    assert 150 < (election.official.votes != election.box.votes).any(axis=1).sum() < 350


def test_snapshots_are_nested_and_in_order_of_arrival():
    election = honest_election(shape("bolivia-like"), 1, stations=3000)
    first, second = election.published(0), election.published(1)
    assert first.sum() == round(0.8385 * 3000)
    assert (second | ~first).all()
    assert election.arrival[first].max() <= election.arrival[~first].min()
    assert election.arrival.min() > 0
    assert (np.sort(election.order) == np.arange(3000)).all()


def test_the_earlier_election_resembles_this_one():
    def correlation(parameters):
        election = honest_election(parameters, 1, stations=20_000)
        now = np.stack([np.bincount(election.places.centre, v) for v in election.box.votes.T], 1)
        use = now.sum(axis=1) > 100
        return np.corrcoef(
            (now[:, 0] / now.sum(axis=1))[use],
            (election.history[:, 0] / election.history.sum(axis=1))[use],
        )[0, 1]

    assert correlation(Parameters(history_correlation=0.9)) > 0.75
    assert abs(correlation(Parameters(history_correlation=0.0))) < 0.25


def test_a_seed_fixes_everything_and_another_changes_everything():
    one, same, other = (arrays(honest_election(Parameters(), seed)) for seed in (7, 7, 8))
    assert all(one[name].tobytes() == same[name].tobytes() for name in one)
    alike = {n for n in one if one[n].shape == other[n].shape and (one[n] == other[n]).all()}
    assert alike == {"station"}


def test_steps_have_streams_of_their_own():
    careless = arrays(honest_election(Parameters(slip_digits=0.2, late_remote=2.0), 7))
    plain = arrays(honest_election(Parameters(), 7))
    differ = {n for n in plain if (careless[n] != plain[n]).any()}
    assert differ == {"official.votes", "preliminary.votes", "order", "arrival"}


def test_a_worse_preliminary_count_loses_digits_and_the_official_one_does_not():
    fast = honest_election(
        Parameters(slip_digits=0.0, slip_line=0.0, misread=0.1), 3, stations=9000
    )
    assert (fast.official.votes == fast.box.votes).all()
    wrong = fast.preliminary.votes - fast.box.votes
    rows, lines = np.nonzero(wrong)
    assert 0.08 * 9000 < len(rows) <= 0.12 * 9000
    assert len(np.unique(rows)) == len(rows), "one line of a sheet"
    large = fast.box.votes[rows, lines] >= 50
    assert (wrong[rows, lines][large] < 0).mean() > 0.7, "lost digits make large numbers smaller"
    assert (fast.preliminary.cast <= fast.places.registered).all()
