"""Reads glyphs: what each box holds, with probabilities that mean what they say.

Three small convolutional networks, trained by `training.reader` on the digits of 323 writers and on
drawn marks, look at each glyph; their logits are averaged (Lakshminarayanan and others 2017) and
divided by a temperature fitted on other writers (Guo and others 2017), one for each grade of scan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from veedor.errors import ExtraMissingError, VeedorError
from veedor.images.sheet import CLASSES

__all__ = ["BATCH", "Calibration", "Reader", "Reads", "posterior"]

BATCH = 256
"""Glyphs looked at together: more needs memory and saves no time."""
_KINDS = len(CLASSES)


@dataclass(frozen=True, slots=True)
class Reads:
    """What the reader makes of glyphs.

    Attributes
    ----------
    p : (n, classes) float32, by CLASSES
    altered : (n,) float32, that the box was struck or written over; 0.5 is where the detector
        raised one alarm in a hundred clean digits of writers whom it had not learnt from
    digit : (n, 10) float32, which digit stands there if the box was altered, the upper one where
        two do; None where only `p` tells
    """

    p: NDArray[np.float32]
    altered: NDArray[np.float32]
    digit: NDArray[np.float32] | None = None

    @property
    def candidates(self) -> NDArray[np.float32]:
        """(n, 10): which digit stands in each box, given that it was altered."""
        if self.digit is not None:
            return self.digit
        some = self.p[:, :10] + np.float32(1e-9)
        return np.asarray(some / some.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True)
class Calibration:
    """From logits to probabilities on scans of one grade.

    Attributes
    ----------
    temperature : divides the logits
    under : divides those of the digit under an alteration
    shift : (classes,), added afterwards: marks are rarer on sheets than among what was learnt
    alarm : the logit of `altered` at which it says one half
    """

    temperature: float
    under: float
    shift: NDArray[np.float64]
    alarm: float

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Calibration:
        """From its entry in `reader.json`."""
        shift = np.array([entry["shift"].get(name, 0.0) for name in CLASSES])
        return cls(entry["temperature"], entry["under"], shift, entry["alarm"])


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def posterior(logits: NDArray[np.float32], calibration: Calibration) -> Reads:
    """Probabilities from the networks' logits.

    Parameters
    ----------
    logits : (n, networks, classes + 1 + 10): of the classes, of `altered`, of the digit
    """
    mean = logits.astype(np.float64).mean(axis=1)
    kinds = mean[:, :_KINDS] / calibration.temperature + calibration.shift
    altered = 1 / (1 + np.exp(np.clip(calibration.alarm - mean[:, _KINDS], -50, 50)))
    digit = _softmax(mean[:, _KINDS + 1 :] / calibration.under)
    return Reads(_softmax(kinds), altered.astype(np.float32), digit)


class Reader:
    """The networks, ready to read."""

    def __init__(self, session: Any, manifest: Mapping[str, Any]) -> None:
        self._session = session
        self.manifest = manifest
        self._calibration = {
            grade: Calibration.of(entry) for grade, entry in manifest["calibration"].items()
        }

    @classmethod
    def load(cls, *, threads: int = 1) -> Reader:
        """The reader that comes with veedor.

        Parameters
        ----------
        threads : of the machine, to look at one batch with; the readings do not depend on it

        Raises
        ------
        ExtraMissingError
            onnxruntime is not installed.
        VeedorError
            The installation lacks the reader's files.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise ExtraMissingError(
                "reading digits needs onnxruntime",
                remedy="Install veedor[images].",
            ) from error
        folder = resources.files("veedor.images") / "models"
        try:
            graph = (folder / "reader.onnx").read_bytes()
            manifest = json.loads((folder / "reader.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise VeedorError(
                "the reader's networks are missing from this installation",
                place=str(folder),
                remedy="Install veedor anew, or make them with `make models`.",
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        providers = ["CPUExecutionProvider"]
        return cls(onnxruntime.InferenceSession(graph, options, providers=providers), manifest)

    def logits(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What each network says of each glyph: (n, networks, classes + 1 + 10)."""
        parts = [
            self._session.run(None, {"glyphs": glyphs[k : k + BATCH]})[0]
            for k in range(0, max(len(glyphs), 1), BATCH)
        ]
        return np.concatenate(parts)

    def read(self, glyphs: NDArray[np.uint8], grade: Literal["good", "usable"] = "good") -> Reads:
        """What each box holds.

        Parameters
        ----------
        glyphs : (n, 40, 40) uint8, as `veedor.images.glyph.normalise` makes them
        grade : of the scan, by `veedor.images.quality`

        Raises
        ------
        ValueError
            The glyphs have another shape or type.
        """
        if glyphs.ndim != 3 or glyphs.dtype != np.uint8:
            raise ValueError(f"glyphs are (n, 40, 40) uint8, not {glyphs.shape} {glyphs.dtype}")
        return posterior(self.logits(glyphs), self._calibration[grade])
