"""veedor: an open audit of an election count.

>>> import veedor
>>> result = veedor.audit("bolivia-2019")            # doctest: +SKIP
>>> result.findings, result.table()                  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Case": "veedor.case.manifest",
    "Document": "veedor.audit.findings",
    "Finding": "veedor.audit.findings",
    "Result": "veedor.audit.run",
    "Rule": "veedor.contest",
    "VeedorError": "veedor.errors",
    "load_case": "veedor.case.loading",
    "registry": "veedor.checks.base",
    "verify": "veedor.audit.verify",
}

__all__ = ["__version__", "audit", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name == "audit":
        return importlib.import_module("veedor.audit")
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'veedor' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
