"""Temperatures, shifts and the alarm of the reader, fitted on writers that it never learnt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from training.samples import Samples
from veedor.images.sheet import CLASSES

__all__ = ["PRIOR", "fitted"]

PRIOR = {
    "empty": 0.04,
    "filler": 0.08,
    "struck": 0.004,
    "overwritten": 0.004,
    "unreadable": 0.004,
}
"""Shares of what is no clean digit among boxes with ink: a guess at sheets, stated for others to
differ. The rest are digits."""
ALARMS = 0.01


def _weights(label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights that give each class its share of PRIOR."""
    kind = np.maximum(label, 9)
    shares = np.array([1 - sum(PRIOR.values()), *(PRIOR[name] for name in CLASSES[10:])])
    counts = np.bincount(kind - 9, minlength=len(shares))
    return (shares / np.maximum(counts, 1))[kind - 9]


def fitted(logits: NDArray[np.float32], samples: Samples) -> dict[str, object]:
    """The entry of one grade in `reader.json`: the temperature and shifts of least log loss.

    Parameters
    ----------
    logits : (n, networks, outputs) of the samples
    """
    mean = logits.astype(np.float64).mean(axis=1)
    kinds, altered = mean[:, : len(CLASSES)], mean[:, len(CLASSES)]
    weight = _weights(samples.label)

    def loss(parameters: NDArray[np.float64]) -> float:
        shift = np.concatenate([np.zeros(10), parameters[1:]])
        scaled = kinds * np.exp(parameters[0]) + shift
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float(weight @ (total - scaled[np.arange(len(scaled)), samples.label]))

    found = optimize.minimize(loss, np.zeros(6), method="L-BFGS-B")
    clean, under = samples.label < 10, samples.altered
    digit = mean[under][:, len(CLASSES) + 1 :]

    def loss_under(scale: float) -> float:
        scaled = digit * np.exp(scale)
        right = scaled[np.arange(len(scaled)), samples.digit[under]]
        return float((np.log(np.exp(scaled).sum(axis=1)) - right).mean()) if len(digit) else 0.0

    scale = optimize.minimize_scalar(loss_under, bounds=(-3, 3), method="bounded").x
    shift = dict(zip(CLASSES[10:], (round(float(v), 4) for v in found.x[1:]), strict=True))
    return {
        "temperature": round(float(np.exp(-found.x[0])), 4),
        "under": round(float(np.exp(-scale)), 4),
        "shift": shift,
        "alarm": round(float(np.quantile(altered[clean], 1 - ALARMS)), 4),
    }
