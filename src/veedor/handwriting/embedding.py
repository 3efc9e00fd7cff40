"""Where the shape of a digit lies among those of many hands: a few numbers for each glyph.

The network was taught by `training.writer` that digits of one writer belong together however pen
and scan differ. Its last layer gives coordinates in which hands differ most against what one hand
varies; they mean something only beside those of other digits of the same class.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veedor.errors import ExtraMissingError, VeedorError
from veedor.handwriting.features import NAMES, describe
from veedor.handwriting.scorer import DIM

__all__ = ["DIM", "Embedder"]

BATCH = 4096


class Embedder:
    """The network, ready for glyphs."""

    def __init__(self, session: Any) -> None:
        self._session = session

    @classmethod
    def load(cls) -> Embedder:
        """The network that comes with veedor.

        Raises
        ------
        ExtraMissingError
            onnxruntime is not installed.
        VeedorError
            The installation lacks the network's file.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise ExtraMissingError(
                "comparing hands needs onnxruntime", remedy="Install veedor[images]."
            ) from error
        place = resources.files("veedor.handwriting") / "models" / "writer.onnx"
        try:
            graph = place.read_bytes()
        except OSError as error:
            raise VeedorError(
                "the network that compares hands is missing from this installation",
                place=str(place),
                remedy="Install veedor anew, or make it with `make models`.",
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return cls(onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"]))

    def embed(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The coordinates of glyphs.

        Parameters
        ----------
        glyphs : (n, 40, 40) uint8, as `veedor.images.glyph.normalise` makes them

        Returns
        -------
        (n, DIM) float32, about of size one about the mean of the digit's class.
        """
        return self.place(describe(glyphs))

    def place(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The coordinates of described glyphs.

        Parameters
        ----------
        features : (n, features) float32, as `veedor.handwriting.features.describe` gives them
        """
        if features.ndim != 2 or features.shape[1] != len(NAMES):
            raise VeedorError(
                f"features have the shape {features.shape}, not (n, {len(NAMES)})",
                remedy="Make them by veedor.handwriting.features.describe.",
            )
        found = np.empty((len(features), DIM), dtype=np.float32)
        for start in range(0, len(features), BATCH):
            part = slice(start, start + BATCH)
            found[part] = self._session.run(None, {"features": features[part]})[0]
        return found
