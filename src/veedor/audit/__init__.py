"""Run an audit, judge its facts, write and verify what it found.

The package can be called: `veedor.audit("bolivia-2019")` is `veedor.audit.run.audit` with its
output folder, and returns the findings as objects and as a table.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from veedor.audit.run import Result


class _Callable(ModuleType):
    def __call__(self, case: str | Path, out: Path | None = None, **options: Any) -> Result:
        """Audit a case; see `veedor.audit.run.audit`."""
        from veedor.audit.run import audit

        return audit(case, out, **options)


sys.modules[__name__].__class__ = _Callable
