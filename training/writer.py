"""Teach, estimate and write the models that compare hands.

    python -m training.writer                      # all of it, about half an hour on one core
    python -m training.writer --calibrate-only     # measure anew what scores are worth

The network and the model of hands see writers of the split `train`, the calibration those of
`calibration`; nothing here opens the other splits. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from training.bags import Network, taught
from training.calibrated import calibrate
from training.copies import Copies, described
from training.shapes import graph_of
from veedor.handwriting import features, scorer, strokes
from veedor.handwriting.digits import FILE, load_digits
from veedor.handwriting.embedding import DIM
from veedor.stats.plda import Sources, diagonal, moments

MODELS = Path(features.__file__).parent / "models"
KINDS = ["plain", *["pens", "worn"] * 5, "pens"]
LIMIT = 4.0
REPLICATES = 4
"""Times that each writer's digits are split at random into two sheets, for estimating variances."""


def standard(copies: Copies) -> tuple[NDArray, NDArray]:
    """Mean of features, and their spread about the means of classes of digits."""
    mean = np.zeros(copies.features.shape[2])
    square = np.zeros((10, len(mean)))
    kinds = np.zeros((10, len(mean)))
    held = np.bincount(copies.digit, minlength=10).astype(float)
    for copy in copies.features:
        x = copy.astype(np.float64)
        for c in range(10):
            kinds[c] += x[copies.digit == c].sum(axis=0)
            square[c] += (x[copies.digit == c] ** 2).sum(axis=0)
    number = held * len(copies.features)
    mean = kinds.sum(axis=0) / number.sum()
    within = square.sum(axis=0) - (kinds**2 / number[:, None]).sum(axis=0)
    return mean, np.sqrt(within / number.sum()) + 0.02


def embedded(network: Network, copies: Copies, mean: NDArray, spread: NDArray) -> NDArray:
    """(copies, n, SIZE): the network's coordinates."""
    found = []
    for copy in copies.features:
        x = np.clip((copy.astype(np.float32) - mean) / spread, -LIMIT, LIMIT).astype(np.float32)
        with torch.no_grad():
            found.append(network(torch.from_numpy(x)).numpy())
    return np.stack(found)


def estimated(z: NDArray, copies: Copies, seed: int) -> Sources:
    """The model of hands: variances from sheets that share no digit and differ in condition."""
    rng = np.random.default_rng(seed)
    digit, writer = copies.digit, copies.writer
    mean = np.stack([z[:, digit == c].reshape(-1, z.shape[2]).mean(axis=0) for c in range(10)])
    people = int(writer.max()) + 1
    x, session, source = [], [], []
    for k in range(REPLICATES):
        half = rng.integers(0, 2, len(digit))
        condition = rng.integers(0, len(z), (people, 2))
        x.append(z[condition[writer, half], np.arange(len(digit))] - mean[digit])
        session.append(2 * (k * people + writer) + half)
        source.append(k * people + writer)
    parts = moments(
        np.concatenate(x).astype(np.float64),
        np.tile(digit, REPLICATES),
        np.unique(np.concatenate(session), return_inverse=True)[1],
        np.concatenate(source),
    )
    return diagonal(parts, mean.astype(np.float64), DIM)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def manifest(args: argparse.Namespace, data: Path) -> dict:
    """What the models were made of."""
    code = hashlib.sha256()
    for path in sorted([Path(features.__file__), *(Path(__file__).parent / n for n in PARTS)]):
        code.update(path.read_bytes())
    return {
        "format": 1,
        "embedding": DIM,
        "data": {"file": FILE, "sha256": _sha256(data)},
        "splits": "veedor.handwriting.digits.split_of: `train` learns, `calibration` calibrates",
        "command": f"python -m training.writer --steps {args.steps} --seed {args.seed}",
        "seed": args.seed,
        "steps": args.steps,
        "conditions": KINDS,
        "code_sha256": code.hexdigest(),
        "graph_sha256": _sha256(MODELS / "writer.onnx"),
        "model_sha256": _sha256(MODELS / "writer.npz"),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "opencv-python-headless": cv2.__version__,
        },
    }


CALIBRATION = ("calibrated.py", "pens.py", "scanned.py", "trials.py")
"""Files that decide what scores are worth, with the scorer and what tells broken strokes."""
PARTS = ("bags.py", "copies.py", "ink.py", "pens.py", "shapes.py", "writer.py")


def calibrated_by() -> str:
    """SHA-256 over the files that decide what scores are worth."""
    code = hashlib.sha256()
    own = (Path(__file__).parent / name for name in CALIBRATION)
    for path in (*own, Path(scorer.__file__), Path(strokes.__file__)):
        code.update(path.read_bytes())
    return code.hexdigest()


def teach(args: argparse.Namespace, data: Path) -> None:
    """Write `writer.onnx` and `writer.npz`."""
    digits = load_digits(data).of("train")
    copies = described(digits, KINDS, 11 + args.seed, args.cache / "train.npz", say=print)
    mean, spread = standard(copies)
    x = torch.empty(copies.features.shape, dtype=torch.float32)
    for k, copy in enumerate(copies.features):
        part = (copy.astype(np.float32) - mean) / spread
        x[k] = torch.from_numpy(np.clip(part, -LIMIT, LIMIT).astype(np.float32))
    network = taught(
        x, copies.digit, copies.writer, steps=args.steps, seed=args.seed,
        say=lambda text: print(text, flush=True),
    )  # fmt: skip
    del x
    model = estimated(embedded(network, copies, mean, spread), copies, args.seed)
    MODELS.mkdir(exist_ok=True)
    onnx.save(graph_of(network, mean, spread, LIMIT, model.basis), MODELS / "writer.onnx")
    names = ("mean", "source", "session", "source_class", "session_class", "noise")
    arrays = {name: getattr(model, name).astype(np.float32) for name in names}
    np.savez(MODELS / "writer.npz", **arrays)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="default: in the folder that VEEDOR_DATA names")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("out/writer"))
    parser.add_argument("--calibrate-only", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.use_deterministic_algorithms(True)
    data = args.data or Path(__import__("os").environ["VEEDOR_DATA"]) / FILE
    place = MODELS / "writer.json"
    if args.calibrate_only:
        made = json.loads(place.read_text())
    else:
        teach(args, data)
        made = manifest(args, data)
    made["calibration"] = calibrate(
        load_digits(data).of("calibration"), args.seed, args.cache, say=print
    )
    made["calibration_code_sha256"] = calibrated_by()
    place.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
