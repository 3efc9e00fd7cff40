"""A made-up audit folder in the shape of Bolivia 2019, with hostile strings in it.

Stations and places are invented. The numbers of the outcome are those of the findings contract.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from veedor.audit.findings import (
    CaseSummary,
    Document,
    EvidenceFile,
    Explanation,
    Figure,
    Finding,
    Input,
    Interval,
    Manifest,
    Materiality,
    NotRun,
    OutcomeSummary,
    Questioned,
    Scope,
)
from veedor.report import figures
from veedor.stats.layered import layered

HOSTILE = "Escuela <script>alert('x')</script> \"</script>\" \x1b[31mrojo\x1b[0m \u202eodroc"
REGIONS = ("Aldebara", "Bermeja", "Cinabrio", "Dorada", "Esmeril", "Fenix")
SHA = hashlib.sha256(b"sample").hexdigest()


def stations(rows: int = 3000) -> dict[str, np.ndarray]:
    """Invented stations: a place, a region, coordinates, turnout and votes."""
    rng = np.random.default_rng(7)
    region = rng.integers(0, len(REGIONS), rows)
    registered = rng.integers(40, 240, rows)
    cast = rng.binomial(registered, np.clip(rng.normal(0.86, 0.07, rows), 0.2, 1))
    share = np.clip(rng.normal(0.42 + 0.03 * region, 0.16), 0, 1)
    names = np.array([f"Unidad Educativa {i // 6:04d}" for i in range(rows)], dtype=object)
    names[3] = HOSTILE
    return {
        "station": np.array([f"{10000 + i}" for i in range(rows)], dtype=object),
        "region": np.array([REGIONS[i] for i in region], dtype=object),
        "centre": names,
        "registered": registered,
        "cast": cast,
        "MAS": np.round(cast * share).astype(int),
        "CC": np.round(cast * (1 - share) * 0.8).astype(int),
        "turnout": np.round(100 * cast / registered, 2),
        "share": np.round(100 * share, 2),
        "lon": np.where(np.arange(rows) % 40 == 0, -3.7, -65 + 2.2 * rng.normal(size=rows) / 1.6),
        "lat": np.where(np.arange(rows) % 40 == 0, 40.4, -17 + 2.0 * rng.normal(size=rows) / 1.6),
    }


def pictures() -> list[Figure]:
    """One figure of every kind, and a few with their optional columns."""
    s = stations()
    rng = np.random.default_rng(3)
    edges = np.linspace(0, 100, 41)
    counts, _ = np.histogram(s["turnout"], edges)
    grid, gx, gy = np.histogram2d(s["turnout"], s["share"], bins=30, range=[[0, 100], [0, 100]])
    ix, iy = np.nonzero(grid)
    minutes = np.datetime64("2019-10-20T17:00") + np.arange(0, 240, 4).astype("timedelta64[m]")
    rate = np.round(np.clip(rng.normal(120, 25, 60), 0, None), 1)
    rate[40:] = 0
    event = np.full(60, "", dtype=object)
    event[40] = "publication stops"
    return [
        Figure(
            "bars",
            "bars",
            {
                "label": np.array([*REGIONS, HOSTILE], dtype=object),
                "value": np.array([12, 33, 9, 4, 51, 20, 2]),
            },
            "Sheets by region: Esmeril has the most, 51.",
            {"title": "Unanimous sheets by region", "x": "Sheets"},
        ),
        Figure(
            "grouped",
            "bars",
            {
                "label": np.repeat(np.array(REGIONS, dtype=object), 2),
                "value": np.arange(12) + 3,
                "series": np.array(["MAS", "CC"] * 6, dtype=object),
                "hex": np.array(["#1f4ea1", "#f28e2b"] * 6, dtype=object),
            },
            "Votes by region and option.",
            {"title": "Votes by option", "x": "Votes"},
        ),
        Figure(
            "turnout",
            "histogram",
            {
                "low": edges[:-1],
                "high": edges[1:],
                "count": counts,
                "expected": counts * 0.9 + 3,
                "reference": np.full(40, 100.0),
            },
            "Turnout of the sheets, most between 75 and 95 %.",
            {"title": "Turnout", "x": "Turnout, %", "y": "Sheets"},
        ),
        Figure(
            "scatter",
            "scatter",
            {
                "x": s["turnout"],
                "y": s["share"],
                "series": s["region"],
                "region": s["region"],
                "name": s["centre"],
            },
            "Turnout against share of the winner, a cloud without a second cluster.",
            {
                "title": "Turnout and share",
                "x": "Turnout, %",
                "y": "Share of MAS, %",
                "series": "Region",
            },
        ),
        Figure(
            "grains",
            "intervals",
            {
                "label": np.array(
                    ["raw", "region", "municipality", "locality", "centre"], dtype=object
                ),
                "value": np.array([16.8, 8.7, 7.8, 5.8, 0.55]),
                "low": np.array([16.1, 7.9, 6.9, 4.9, 0.15]),
                "high": np.array([17.4, 9.6, 8.7, 6.7, 0.96]),
                "reference": np.zeros(5),
            },
            "The unexplained gap shrinks from 16.8 points to 0.55 as the grain gets finer.",
            {"title": "Unexplained gap by grain", "x": "Points"},
        ),
        Figure(
            "density",
            "heatmap",
            {
                "x": gx[ix],
                "x2": gx[ix + 1],
                "y": gy[iy],
                "y2": gy[iy + 1],
                "count": grid[ix, iy].astype(int),
            },
            "Joint density of turnout and share.",
            {"title": "Density", "x": "Turnout, %", "y": "Share, %", "count": "Sheets"},
        ),
        Figure(
            "panels",
            "heatmap",
            {
                "x": np.tile(gx[ix], 2),
                "x2": np.tile(gx[ix + 1], 2),
                "y": np.tile(gy[iy], 2),
                "y2": np.tile(gy[iy + 1], 2),
                "count": np.tile(grid[ix, iy].astype(int), 2),
                "panel": np.repeat(np.array(["MAS", "CC"], dtype=object), len(ix)),
            },
            "Joint density of turnout and share, for each option.",
            {"title": "Density by option", "x": "Turnout, %", "y": "Share, %", "count": "Sheets"},
        ),
        Figure(
            "map",
            "map",
            {
                "lon": s["lon"],
                "lat": s["lat"],
                "value": s["share"] - 50,
                "name": s["centre"],
                "region": s["region"],
            },
            "Where the winner's share lies above and below one half.",
            {"title": "Share less 50", "value": "Points"},
        ),
        Figure(
            "clock",
            "lines",
            {"x": minutes, "y": rate, "event": event},
            "Sheets verified a minute; none after 19:40.",
            {"title": "Verified sheets", "y": "Sheets a minute"},
        ),
        Figure(
            "progress",
            "lines",
            {
                "x": np.tile(np.arange(1, 11) * 10, 2),
                "y": np.array([-2.9, -2.8, 1.4, 6.3, 8.5, 13.1, 15.6, 17.2, 8.5, 29.8] * 2),
                "low": np.array([-4, -4, 0, 5, 7, 11, 14, 15, 6, 28.0] * 2),
                "high": np.array([-1, -1, 3, 8, 10, 15, 17, 19, 11, 31.0] * 2),
                "series": np.repeat(np.array(["2019", "2016"], dtype=object), 10),
            },
            "Margin by tenth of the count.",
            {
                "title": "Margin by tenth",
                "x": "Counted, %",
                "y": "Margin, points",
                "series": "Election",
            },
        ),
        topology(),
        lanes(),
        ledger(),
    ]


NODES = (
    ("field phones", 0),
    ("capture centre La Paz", 0),
    ("capture centre Sucre", 0),
    ("technical support", 0),
    ("edge proxy 1", 1),
    ("edge proxy 2", 1),
    ("10.4.0.99", 1),
    ("application 1", 2),
    ("application 2", 2),
    ("application 3", 2),
    ("monitoring", 2),
    ("database (primary)", 3),
    ("database (replica)", 3),
    ("public site", 3),
    (HOSTILE, 3),
)
LINKS = (
    (0, 4), (0, 5), (1, 4), (1, 5), (2, 4), (2, 5), (3, 11), (3, 6), (6, 11), (6, 7), (4, 7),
    (4, 8), (4, 9), (5, 7), (5, 8), (5, 9), (7, 11), (8, 11), (9, 11), (9, 14), (11, 12), (12, 13),
    (10, 4), (10, 11), (7, 13),
)  # fmt: skip
STATES = ("declared and used", "declared, not used", "observed, not declared")


def topology() -> Figure:
    """Fifteen hosts and twenty-five connections, before, during and after a stop."""
    layout = layered(np.array([layer for _, layer in NODES]), np.array(LINKS))
    undeclared = {6, 14}
    panels, parts = ("Before the stop", "During the stop", "After the return"), []
    for at, panel in enumerate(panels):
        loose = np.array([a in undeclared or b in undeclared for a, b in LINKS])
        used = (np.arange(len(LINKS)) * 7 + at) % 4 > at % 2
        state = np.where(loose, 2, np.where(used, 0, 1))
        shown = ~(loose & (at == 0))
        here = [i not in undeclared or at > 0 for i in range(len(NODES))]
        nodes = np.flatnonzero(here)
        pieces = np.flatnonzero(shown[layout.edge])
        weights = np.where(state == 1, np.nan, 10.0 + 90 * np.arange(len(LINKS)))
        of = layout.edge[pieces]
        names = np.array([name for name, _ in NODES], dtype=object)
        lines = np.array([f"{NODES[a][0]} to {NODES[b][0]}" for a, b in LINKS], dtype=object)
        parts.append(
            {
                "kind": ["node"] * len(nodes)
                + ["edge" if last else "part" for last in layout.last[pieces]],
                "panel": [panel] * (len(nodes) + len(pieces)),
                "x": [*layout.boxes[nodes, 0], *layout.pieces[pieces, 0]],
                "y": [*layout.boxes[nodes, 1], *layout.pieces[pieces, 1]],
                "x2": [*layout.boxes[nodes, 2], *layout.pieces[pieces, 2]],
                "y2": [*layout.boxes[nodes, 3], *layout.pieces[pieces, 3]],
                "label": [*names[nodes], *lines[of]],
                "state": [STATES[2 if i in undeclared else int(i == 10)] for i in nodes]
                + [STATES[i] for i in state[of]],
                "weight": [*([np.nan] * len(nodes)), *weights[of]],
            }
        )
    rows = {
        key: np.array(
            [v for part in parts for v in part[key]],
            dtype=float if key in ("x", "y", "x2", "y2", "weight") else object,
        )
        for key in parts[0]
    }
    labels = {
        "title": "Declared and observed connections",
        "state": "Connection",
        "weight": "Flows",
    }
    return Figure("topology", "topology", rows, "Two hosts appear that no plan declares.", labels)


def lanes() -> Figure:
    """What the logs of eight hosts hold on the night, a stop, and a clock that was set."""
    hosts = ("edge-proxy-1", "edge-proxy-2", "application-1", "application-2", "database", "backup")
    rows: list[tuple[str | None, str, str | None, str, str]] = []
    for i, host in enumerate(hosts):
        rows += [
            (host, "2019-10-20T17:00:00-04:00", f"2019-10-20T19:{40 + i}:00-04:00", "recorded", ""),
            (host, f"2019-10-20T19:{40 + i}:00-04:00", "2019-10-20T20:28:00-04:00", "silent", ""),
            (host, "2019-10-20T20:28:00-04:00", "2019-10-20T23:00:00-04:00", "recorded", ""),
        ]
    rows += [
        ("monitoring", "2019-10-20T17:00:00-04:00", "2019-10-20T23:00:00-04:00", "not kept", ""),
        (HOSTILE, "2019-10-20T18:10:00-04:00", "2019-10-20T18:50:00-04:00", "recorded", ""),
        ("database", "2019-10-20T21:07:00-04:00", None, "", "clock set back 4 min"),
        ("application-2", "2019-10-20T18:20:00-04:00", None, "", "service restarted"),
        (None, "2019-10-20T19:40:00-04:00", "2019-10-20T20:28:00-04:00", "", "publication stops"),
        (None, "2019-10-20T20:28:00-04:00", None, "", "publication returns"),
        (None, "2019-10-20T18:00:00-04:00", None, "", "polls close"),
        (None, "2019-10-20T20:33:00-04:00", None, "", "technical committee announces a pause"),
        (None, "2019-10-20T22:40:00-04:00", None, "", "last sheet transcribed"),
    ]
    names = ("lane", "x", "until", "state", "event")
    columns = {
        n: np.array(c, dtype=object) for n, c in zip(names, zip(*rows, strict=True), strict=True)
    }
    labels = {"title": "What each machine's log holds", "state": "Log", "x": "20 October 2019"}
    return Figure("lanes", "lanes", columns, "All logs are silent from 19:45 to 20:28.", labels)


def ledger(bundles: int = 24) -> Figure:
    """The steps of bundles from the polling place to the archive."""
    steps = ("sealed", "handed over", "received", "opened", "archived")
    rng = np.random.default_rng(5)
    begin = np.datetime64("2019-10-20T18:00:00")
    rows: list[tuple[str, np.datetime64, str, str]] = []
    for i in range(bundles):
        name = HOSTILE if i == 4 else f"bundle {100 + i}"
        minutes = np.cumsum(rng.integers(10, 110, len(steps)))
        if i % 9 == 2:
            minutes[3] = minutes[1] - 8
        for k, step in enumerate(steps):
            lost = (i + k) % 11 == 7
            at = np.datetime64("NaT") if lost else begin + np.timedelta64(int(minutes[k]), "m")
            rows.append((name, at, step, "out of order" if i % 9 == 2 and k == 3 else ""))
    return Figure(
        "ledger",
        "ledger",
        {
            "label": np.array([r[0] for r in rows], dtype=object),
            "x": np.array([r[1] for r in rows]),
            "step": np.array([r[2] for r in rows], dtype=object),
            "state": np.array([r[3] for r in rows], dtype=object),
        },
        "Three bundles were opened before they were received; some steps have no record.",
        {"title": "Custody of the bundles", "step": "Step", "none": "no record of"},
    )


def _evidence(directory: Path, name: str, rows: int) -> EvidenceFile:
    columns = {key: values[:rows] for key, values in stations().items()}
    path = directory / "evidence" / f"{name}.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({k: pa.array(v.tolist()) for k, v in columns.items()}), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return EvidenceFile(path=f"evidence/{name}.parquet", rows=rows, key="station", sha256=digest)


def _treatments(remove: float) -> list[Materiality]:
    return [
        Materiality(
            treatment="remove",
            margin_points=remove,
            winner="MAS" if remove >= 10 else None,
            outcome_changes=remove < 10,
        ),
        Materiality(
            treatment="replace",
            margin_points=remove + 0.2,
            winner="MAS",
            outcome_changes=False,
            low=remove + 0.05,
            high=remove + 0.35,
        ),
        Materiality(
            treatment="worst", margin_points=remove - 0.9, winner=None, outcome_changes=True
        ),
        Materiality(
            treatment="best", margin_points=remove + 0.4, winner="MAS", outcome_changes=False
        ),
        Materiality(
            treatment="share-false-removed", margin_points=None, winner=None, outcome_changes=False
        ),
        Materiality(
            treatment="share-false-switched",
            margin_points=None,
            winner=None,
            outcome_changes=True,
            share=0.499,
        ),
    ]


_QUESTIONED = Questioned(stations=81, valid=9039, votes={"MAS": 9039, "CC": 0})


def _unanimous(directory: Path, option: str, drawn: dict[str, Figure]) -> Finding:
    observed = option in ("MAS", "CC")
    names = ["bars", "scatter"] if option == "MAS" else []
    return Finding(
        check="sheets.unanimous",
        check_title="Sheets on which every valid vote is for one option",
        subject=option,
        title=f"Sheets on which every valid vote is for {option}",
        status="observed" if observed else "not-observed",
        kind="anomaly",
        asks="Is every valid vote on a sheet for one option?",
        rule="Sheets of one centre draw their voters from the same place and should resemble "
        "one another.",
        fact=f"On 81 sheets every one of the 9,039 valid votes is for {option}."
        if observed
        else f"No sheet has all its valid votes for {option}.",
        statistic={
            "stations": 81 if observed else 0,
            "valid": 9039,
            "margin_points": -0.128,
            "with_unanimous_siblings": 12,
            "rho": 0.0081,
            "regions": [
                {"region": r, "stations": 3 * i, "share": 12.5 + i} for i, r in enumerate(REGIONS)
            ],
            "votes": {"MAS": 9039, "CC": 0},
            "sizes": [41, 112, 238],
        },
        interval=Interval(of="stations", level=0.95, low=70.1, high=92.4, method="Poisson"),
        p_value=0.00001,
        p_value_of="so many such sheets",
        p_adjusted=0.003 if option == "MAS" else 0.6,
        explanations=[
            Explanation(
                id="community",
                text="Voting by community decision",
                tested=True,
                result="61 of 81 lie in municipalities where 2016 was unanimous too.",
            ),
            Explanation(id="family", text="Very small tables of one family", tested=False),
        ],
        questioned=_QUESTIONED if observed else None,
        materiality=_treatments(10.43) if observed else [],
        robustness="fragile" if observed else None,
        parameters={"minimum_valid": 1},
        evidence=_evidence(directory, f"sheets.unanimous.{option}", 3000) if observed else None,
        figures=[f"figures/{name}.svg" for name in names],
        alt=[drawn[n].alt for n in names],
        references=[
            "EU expert mission 2019, https://example.org/report.",
            "Idrobo et al. 2022, 10.1086/719639",
            "javascript:alert(1)",
        ],
    )


def _plain(check: str, status: str, kind: str, title: str, fact: str, **more: Any) -> Finding:
    return Finding(
        check=check,
        subject=more.pop("subject", ""),
        title=title,
        status=status,
        kind=kind,
        asks=more.pop("asks", "Do the records agree?"),
        rule="The two records should say the same.",
        fact=fact,
        statistic=more.pop("statistic", {"stations": 706, "votes": 8025}),
        **more,
    )


def findings(directory: Path, drawn: dict[str, Figure]) -> list[Finding]:
    """About a dozen findings of every status."""

    def shown(*names: str) -> dict[str, Any]:
        return {
            "figures": [f"figures/{n}.svg" for n in names],
            "alt": [drawn[n].alt for n in names],
        }

    return [
        _plain(
            "outcome.result",
            "observed",
            "descriptive",
            "The outcome from the sheets",
            "The 34,555 official sheets give MAS 47.076 % and CC 36.511 %.",
            **shown("grouped"),
        ),
        *[_unanimous(directory, option, drawn) for option in ("MAS", "CC", "MTS", "MNR")],
        _plain(
            "outcome.slack",
            "not-determinable",
            "descriptive",
            "Sheets that a report named",
            "81 stations of this list are in the official count. Whether the list is right is not"
            " examined here.",
            check_title="What the outcome rests on",
            subject="report",
            statistic={"stations": 81, "claim": f"A report says: one hand. {HOSTILE}"},
            questioned=_QUESTIONED,
            materiality=_treatments(9.9),
            robustness="fragile",
        ),
        _plain(
            "sheets.full-turnout",
            "observed",
            "anomaly",
            "Sheets at full turnout",
            "280 sheets have exactly as many votes as registered voters.",
            **shown("turnout"),
            questioned=_QUESTIONED,
            materiality=_treatments(9.777),
            robustness="fragile",
            evidence=_evidence(directory, "sheets.full-turnout", 40),
        ),
        _plain(
            "sheets.zero-votes",
            "observed",
            "anomaly",
            f"A rival with none: {HOSTILE}",
            f"At {HOSTILE} the rival has no vote.",
            subject="<b>CC</b>",
            statistic={"place": HOSTILE, "stations": 3},
        ),
        _plain(
            "reconcile.counts",
            "observed",
            "discrepancy",
            "Preliminary and official differ",
            "706 sheets differ between the two counts; the net effect on the lead is 44 votes.",
        ),
        _plain(
            "flow.publication-gap",
            "observed",
            "control",
            "The publication stopped",
            "Nothing was published for 22 h 48 min 56 s.",
            **shown("clock"),
        ),
        _plain(
            "trend.composition",
            "not-observed",
            "descriptive",
            "The late trend, by grain",
            "At polling-centre grain 0.55 points of 16.8 stay unexplained.",
            **shown("grains", "progress"),
        ),
        _plain(
            "infrastructure.undeclared-host",
            "not-determinable",
            "vulnerability",
            "Hosts that were not declared",
            "The logs of one server do not survive.",
            **shown("topology", "lanes", "ledger"),
            questioned=_QUESTIONED,
        ),
        _plain(
            "sheets.arithmetic",
            "void",
            "irregularity",
            "Declared and summed totals",
            "The two fields are equal in every row; the check could not have failed.",
        ),
        _plain(
            "fingerprints.density",
            "not-observed",
            "descriptive",
            "Turnout and share",
            "The density has one mode.",
            **shown("density", "panels", "map"),
        ),
    ]


def _outcome() -> OutcomeSummary:
    return OutcomeSummary(
        count="official",
        rule="absolute majority, or at least 40 % and a lead of 10 points",
        winner="MAS",
        decided_by="lead",
        runner_up="CC",
        sheets=34555,
        registered=7315364,
        cast=6460515,
        valid=6137671,
        blank=93507,
        null=229337,
        votes={"MAS": 2889359, "CC": 2240920, "PDC": 539081, "21F": 260316},
        shares={"MAS": 47.0758, "CC": 36.5109, "PDC": 8.7831, "21F": 4.2413},
        margin_points=10.564903,
        slack_votes=34671.9,
        break_even={"switched": 17336, "removed": 38525, "added": 31520},
        fewest_sheets=183,
        statement="fragile",
        changes_under=[
            {"finding": "sheets.full-turnout", "treatment": "remove", "margin_points": 9.777},
            {"finding": "outcome.slack.report", "treatment": "remove", "margin_points": 9.9},
            {"finding": "sheets.unanimous.MAS", "treatment": "worst", "margin_points": 9.53},
        ],
        statement_by=[
            {
                "source": "records",
                "treatments": "what-if",
                "statement": "fragile",
                "findings": ["sheets.full-turnout"],
            },
            {
                "source": "records",
                "treatments": "bound",
                "statement": "fragile",
                "findings": ["sheets.unanimous.MAS", "sheets.unanimous.CC", "sheets.full-turnout"],
            },
            {
                "source": "lists",
                "treatments": "what-if",
                "statement": "fragile",
                "findings": ["outcome.slack.report"],
            },
            {
                "source": "lists",
                "treatments": "bound",
                "statement": "fragile",
                "findings": ["outcome.slack.report"],
            },
        ],
        united={
            "findings": ["sheets.unanimous.MAS", "sheets.unanimous.CC", "sheets.full-turnout"],
            "questioned": _QUESTIONED.model_copy(update={"stations": 361, "valid": 39667}),
            "materiality": _treatments(9.476),
            "robustness": "fragile",
        },
    )


def folder(directory: Path) -> Path:
    """An audit folder without its report."""
    directory.mkdir(parents=True, exist_ok=True)
    drawn = {figure.id: figure for figure in pictures()}
    figures.write(list(drawn.values()), directory)
    inputs = [
        Input(
            source="official",
            kind="excel",
            path="computo-final.zip",
            sha256=SHA,
            bytes=667586,
            rows=34555,
            origin="https://example.org/computo-final.zip",
        ),
        Input(
            source="log",
            kind="delimited",
            path="trep-log.csv",
            sha256=SHA,
            bytes=2_400_133,
            rows=34044,
            set_aside=2,
        ),
    ]
    document = Document(
        veedor="0.1.0",
        case=CaseSummary(
            id="bolivia-2019",
            title="Bolivia, general election 2019",
            contest="president",
            date="2019-10-20",
            notes=["Annulment at a table is followed by a repeat vote there."],
        ),
        options=[
            {"id": "MAS", "name": "Movimiento al Socialismo", "colour": "#1f4ea1"},
            {"id": "CC", "name": "Comunidad Ciudadana", "colour": "#f28e2b"},
            {"id": "21F", "name": HOSTILE},
        ],
        inputs=inputs,
        outcome=_outcome(),
        findings=findings(directory, drawn),
        not_run=[
            NotRun(
                check="handwriting.same-writer",
                title="One hand on several sheets",
                status="not-applicable",
                why="the case has no scans",
            ),
            NotRun(
                check="custody.chain",
                title="The chain of custody",
                status="not-determinable",
                why="the custody forms were asked for and not given",
            ),
        ],
        scope=Scope(
            not_examined=["Signatures"],
            refused=["The complete log of the preliminary count"],
            destroyed=["225 sheets of one department"],
        ),
        seed=20191020,
    )
    manifest = Manifest(
        veedor="0.1.0",
        case="bolivia-2019",
        case_sha256=SHA,
        command=["veedor", "audit", "bolivia-2019"],
        seed=20191020,
        started="2026-01-05T10:00:00Z",
        ended="2026-01-05T10:00:14Z",
        versions={"python": "3.11.9", "duckdb": "2.0.1"},
        parameters={},
        inputs=inputs,
        outputs={"findings.json": SHA},
        seconds={},
    )
    (directory / "findings.json").write_text(document.model_dump_json(indent=1), "utf-8")
    (directory / "manifest.json").write_text(manifest.model_dump_json(indent=1), "utf-8")
    return directory


if __name__ == "__main__":
    import sys

    from veedor.report.html import render

    print(render(folder(Path(sys.argv[1]))))
