"""The same rows on another engine: Apache Spark, where it can be run."""

import pytest
from benchmarks.flows_spark import compare, lacking

from tests.conformance.full_case import full_case, read_full
from veedor.checks.base import registry

GROUPS = ("infrastructure", "custody", "statements", "sheets", "images", "handwriting")


@pytest.mark.slow
@pytest.mark.skipif(bool(lacking()), reason=f"no Spark here: {lacking()}")
def test_spark_gives_the_same_rows(tmp_path):
    found = read_full(full_case(tmp_path / "case"))
    queries = {
        f"{name}: {key}": query
        for name, check in registry().items()
        if name.split(".")[0] in GROUPS
        for key, query in check.measure(found).items()
    }
    compared = compare(queries, found.con, tmp_path)
    assert len(compared) == len(queries) > 30
    assert {c.name: c.error for c in compared if not c.same} == {}
