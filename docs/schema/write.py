"""Write the JSON Schemas of the case file, the findings and the manifest beside this file."""

from __future__ import annotations

import json
from pathlib import Path

from veedor.audit.findings import Document, Manifest
from veedor.case.manifest import Case

MODELS = {"case": Case, "findings": Document, "manifest": Manifest}


def schema(name: str) -> str:
    """The schema's text."""
    return json.dumps(MODELS[name].model_json_schema(), indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write them all."""
    for name in MODELS:
        (Path(__file__).parent / f"{name}.schema.json").write_text(schema(name), encoding="utf-8")


if __name__ == "__main__":
    main()
