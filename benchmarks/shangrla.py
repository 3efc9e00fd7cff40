"""Draws that SHANGRLA's martingales need where every draw pays the same.

A program of its own, run with the path of a checkout of SHANGRLA; contests on standard input.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    """Read [sheets, fair, fair of a simple draw] for each contest; write the draws."""
    path = Path(sys.argv[1]) / "shangrla" / "core" / "NonnegMean.py"
    spec = importlib.util.spec_from_file_location("nonnegmean", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    answers = []
    for sheets, *fairs in json.load(sys.stdin):
        answer = {}
        for draw, fair in zip(("proportional", "simple"), fairs, strict=True):
            size = np.inf if draw == "proportional" else sheets
            upper = 2.0
            x = np.ones(min(int(60 / (1 - fair)) + 10, sheets if draw == "simple" else 10**6))
            betting = module.NonnegMean(
                test=module.NonnegMean.betting_mart,
                bet=module.NonnegMean.fixed_bet,
                lam=0.95 / fair,
                u=upper,
                N=size,
                t=fair,
            )
            wald = module.NonnegMean(test=module.NonnegMean.kaplan_wald, u=upper, t=fair, g=0.1)
            for name, history in (
                ("bet", betting.betting_mart(x)[1]),
                ("wald", wald.kaplan_wald(x)[1]),
            ):
                met = np.flatnonzero(np.asarray(history) <= 0.05)
                answer[f"{draw} {name}"] = int(met[0]) + 1 if len(met) else -1
        answers.append(answer)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
