"""The exported JSON Schemas are those of the models."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "schema"


@pytest.mark.parametrize("name", ["case", "findings", "manifest"])
def test_exported_schema_is_current(name):
    spec = importlib.util.spec_from_file_location("write", FOLDER / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    exported = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")
    assert exported == module.schema(name), "run: python docs/schema/write.py"
