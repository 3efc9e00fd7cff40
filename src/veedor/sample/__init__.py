"""Drawing a sample of sheets in public, and planning how large it is to be."""

from __future__ import annotations

from veedor.sample.drawing import Drawn, write_draw, write_frame
from veedor.sample.planning import Row, plan_risk

__all__ = ["Drawn", "Row", "plan_risk", "write_draw", "write_frame"]
