"""Drawing a sample of sheets in public, and planning how large it is to be."""

from __future__ import annotations

from veedor.sample.drawing import Drawn, Published, announce, source_entries, write_draw
from veedor.sample.planning import Row, plan_risk

__all__ = ["Drawn", "Published", "Row", "announce", "plan_risk", "source_entries", "write_draw"]
