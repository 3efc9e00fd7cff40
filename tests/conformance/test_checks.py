"""What every registered check owes, whoever wrote it: a new check is held to it by being there."""

import importlib
import re
from types import SimpleNamespace

import ibis
import numpy as np
import pytest

from tests.conformance.full_case import full_case, read_full
from veedor.audit.findings import Fact
from veedor.audit.run import context
from veedor.checks.base import NEEDS, registry
from veedor.engine import verbs
from veedor.report import figures

CHECKS = registry()
FORBIDDEN = re.compile(
    r"fraud|rigg|cheat|stolen|steal|tamper|manipulat|falsif|suspicious|corrupt|guilt|clean",
    re.IGNORECASE,
)
STATUSES = {"observed", "not-observed", "not-determinable", "void", "not-applicable"}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    return read_full(full_case(tmp_path_factory.mktemp("full")))


def assess(check, found, seed=0) -> list[Fact]:
    measured = {k: verbs.collect(q) for k, q in check.measure(found).items()}
    return list(check.assess(measured, context(found, check.id, seed)))


def comparable(fact: Fact, renamed=lambda text: text):
    """What must not depend on names, order or luck: statuses, counts, exact statistics."""

    def numbers(value):
        if isinstance(value, dict):
            return {renamed(str(k)): numbers(v) for k, v in value.items() if k not in LUCK}
        if isinstance(value, list | tuple):
            items = [numbers(v) for v in value]
            return sorted(items, key=repr)
        if isinstance(value, float):
            return round(value, 6)
        return renamed(value) if isinstance(value, str) else value

    return (
        renamed(fact.subject),
        fact.status,
        numbers(dict(fact.statistic)),
        len(next(iter(fact.rows.values()))) if fact.rows else 0,
        None if fact.questioned is None else len(fact.questioned),
    )


LUCK = {"expected", "expected_low", "expected_high", "p", "p_value"}


@pytest.mark.parametrize("name", CHECKS)
def test_metadata_is_whole(name):
    check = CHECKS[name]
    for attribute in ("title", "asks", "rule", "kind"):
        assert getattr(check, attribute), attribute
    assert check.asks.endswith("?")
    assert set(check.needs) <= set(NEEDS)
    doc = type(check).__doc__ or ""
    for section in ("Statistic", "Uncertainty", "Source"):
        assert re.search(rf"^    {section}\n    -+$", doc, re.MULTILINE), section
    assert check.benign, "an honest audit rules out benign explanations"
    assert len({b.id for b in check.benign}) == len(check.benign)


@pytest.fixture
def spark_dialect(monkeypatch):
    """Ibis asks an option that only the Spark backend defines, which is not needed to compile."""
    module = importlib.import_module("ibis.backends.sql.compilers.pyspark")
    pyspark = SimpleNamespace(treat_nan_as_null=False)
    monkeypatch.setattr(module, "options", SimpleNamespace(pyspark=pyspark))


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.usefixtures("spark_dialect")
def test_measure_is_portable(name, evidence):
    for key, query in CHECKS[name].measure(evidence).items():
        assert verbs.unportable(query) == [], key
        assert ibis.to_sql(query, dialect="pyspark"), key


@pytest.mark.parametrize("name", CHECKS)
def test_same_seed_same_facts(name, evidence):
    first, second = (assess(CHECKS[name], evidence) for _ in range(2))
    assert [(f.subject, f.status, f.statistic, f.p_value, f.fact) for f in first] == [
        (f.subject, f.status, f.statistic, f.p_value, f.fact) for f in second
    ]


@pytest.mark.parametrize("name", CHECKS)
def test_every_fact_is_written_out(name, evidence):
    found = assess(CHECKS[name], evidence)
    assert found, "a check says something, if only that it saw nothing"
    assert len({f.subject for f in found}) == len(found)
    for fact in found:
        assert fact.status in STATUSES
        assert fact.title
        assert fact.fact.endswith((".", "?"))
        assert "{" not in fact.title + fact.fact
        assert {e.id for e in fact.explanations} == {b.id for b in CHECKS[name].benign} or (
            fact.status in ("void", "not-observed", "not-applicable", "not-determinable")
            or not fact.explanations
        )
        assert (fact.p_value is None) == (fact.p_value_of == ""), "a p-value says what it is of"
        for figure in fact.figures:
            assert figure.alt
        if fact.rows is not None:
            assert len({len(v) for v in fact.rows.values()}) == 1


@pytest.mark.parametrize("name", CHECKS)
def test_figures_can_be_drawn(name, evidence, tmp_path):
    drawn = [f for fact in assess(CHECKS[name], evidence) for f in fact.figures]
    assert len({f.id for f in drawn}) == len(drawn)
    paths = figures.write(drawn, tmp_path) if drawn else []
    for path in paths:
        assert (tmp_path / path).read_text().startswith("<svg")
    assert len(paths) == len(drawn)


@pytest.mark.parametrize("name", CHECKS)
def test_words_take_no_side(name, evidence):
    check = CHECKS[name]
    texts = [check.title, check.asks, check.rule, *check.sentences.values()]
    texts += [b.text for b in check.benign] + [b.result or "" for b in check.benign]
    for fact in assess(check, evidence):
        texts += [fact.title, fact.fact, fact.p_value_of, *(f.alt for f in fact.figures)]
        texts += [e.result or "" for e in fact.explanations]
    for text in texts:
        assert not FORBIDDEN.search(text), text


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory):
    """The same case with the rows of every file in another order."""

    def shuffle(tables):
        for key, table in tables.items():
            if key == "lines":
                continue  # The order of a log's lines is evidence: of a clock that goes back, say.
            order = np.random.default_rng(len(key)).permutation(len(next(iter(table.values()))))
            for column in table:
                table[column] = [table[column][i] for i in order]

    return read_full(full_case(tmp_path_factory.mktemp("shuffled"), change=shuffle))


@pytest.mark.parametrize("name", CHECKS)
def test_order_of_rows_does_not_matter(name, evidence, shuffled):
    ours = [comparable(f) for f in assess(CHECKS[name], evidence)]
    assert ours == [comparable(f) for f in assess(CHECKS[name], shuffled)]


NAMES = {"A": "Zeta", "B": "Yota", "C": "Xi"}


@pytest.fixture(scope="module")
def renamed_case(tmp_path_factory):
    """The same case with other names of the options."""
    return read_full(full_case(tmp_path_factory.mktemp("renamed"), names=NAMES))


@pytest.mark.parametrize("name", CHECKS)
def test_names_of_options_do_not_matter(name, evidence, renamed_case):
    def renamed(text):
        for old, new in NAMES.items():
            text = text.replace(new, old)
        return text

    ours = sorted(map(repr, (comparable(f) for f in assess(CHECKS[name], evidence))))
    theirs = sorted(map(repr, (comparable(f, renamed) for f in assess(CHECKS[name], renamed_case))))
    assert ours == theirs


def _nulls(tables):
    for table in tables.values():
        for column in ("registered", "A", "B", "C", "blank", "null", "declared_valid"):
            if column in table:
                table[column] = [None] * len(table[column])


def _zeros(tables):
    for table in tables.values():
        for column in (
            "registered",
            "A",
            "B",
            "C",
            "blank",
            "null",
            "declared_valid",
            "declared_cast",
        ):
            if column in table:
                table[column] = [0] * len(table[column])


def _huge(tables):
    for table in tables.values():
        for column in {"A", "B"} & set(table):
            table[column] = [v + 10**12 for v in table[column]]


def _absent(tables):
    """Every sheet but one is set aside: its station stands twice with other numbers."""
    for table in tables.values():
        for column, values in table.items():
            again = [v + 1 for v in values[1:]] if column == "A" else values[1:]
            table[column] = values + again


@pytest.mark.parametrize("stations", [1, 64], ids=["one", "many"])
@pytest.mark.parametrize(
    "change",
    [_nulls, _zeros, _huge, _absent, lambda tables: None],
    ids=["nulls", "zeros", "huge", "set-aside", "as-is"],
)
def test_odd_inputs_give_a_status_never_an_exception(tmp_path, stations, change):
    found = read_full(full_case(tmp_path, stations, change=change))
    for name, check in CHECKS.items():
        if not all(found.has(need) for need in check.needs):
            continue
        for fact in assess(check, found):
            assert fact.status in STATUSES, name
