"""Train the reader of digits and write it to src/veedor/images/models.

Usage: python -m training.reader [--epochs N] [--seed N] [--bfloat16] [--calibrate] [--out FOLDER]
The digits of known writers are looked for in the folder that VEEDOR_DATA names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch

from training.calibration import PRIOR, fitted
from training.graph import graph_of
from training.ink import GOOD, USABLE, plain
from training.learning import EPOCHS, NETWORKS, trained
from training.measures import Rate, calibration_error, error_at_coverage, over_writers
from training.samples import PLAIN, SHARES, Samples, sampled
from veedor.handwriting.digits import FILE, Digits, load_digits
from veedor.images import glyph, reader
from veedor.images.sheet import CLASSES

MODELS = Path(reader.__file__).parent / "models"
FILES = ("bent", "graph", "ink", "learning", "marks", "networks", "samples")
LIBRARIES = ("numpy", "torch", "onnx", "onnxruntime", "opencv-python-headless")
REPRODUCES = (
    "The samples come bit by bit from the seed with these versions of numpy and opencv. The "
    "networks come bit by bit on the same kind of processor with this version of torch, one "
    "thread; elsewhere sums run in another order, and the weights differ from the first step on."
)


def code_hash() -> str:
    """SHA-256 over the files that decide what is learnt."""
    total = hashlib.sha256()
    for path in (*(Path(__file__).with_name(f"{n}.py") for n in FILES), Path(glyph.__file__)):
        total.update(path.read_bytes())
    return total.hexdigest()


def clean_of(digits: Digits) -> Samples:
    """Digits as NIST gives them."""
    glyphs = np.stack([plain(image) for image in digits.image])
    none = np.zeros(len(glyphs), np.bool_)
    return Samples(glyphs, digits.digit, none, digits.digit, digits.writer)


def measured(digits: Digits, read: reader.Reader, seed: int) -> dict[str, object]:
    """Error rates with intervals over writers: a first look, for these also set temperatures."""
    samples = clean_of(digits)
    reads = read.read(samples.glyph)
    p, right = reads.p.max(axis=1), reads.p.argmax(axis=1) == samples.label
    rng = np.random.default_rng((seed, 4))

    def rate(statistic) -> dict[str, float]:
        one: Rate = over_writers(samples.writer, statistic, rng)
        return {k: round(getattr(one, k), 6) for k in ("value", "low", "high")}

    return {
        "writers": len(np.unique(samples.writer)),
        "digits": len(samples.label),
        "accuracy": rate(lambda i: float(right[i].mean())),
        "calibration_error": rate(lambda i: calibration_error(p[i], right[i])),
        "error_at_95": rate(lambda i: error_at_coverage(p[i], right[i], 0.95)),
        "altered_false_alarms": rate(lambda i: float((reads.altered[i] >= 0.5).mean())),
    }


def calibrated(session: Any, digits: Digits, seed: int) -> dict[str, object]:
    """The calibration of each grade."""
    entries: dict[str, object] = {}
    for k, (grade, wear) in enumerate((("good", GOOD), ("usable", USABLE))):
        rng, share = np.random.default_rng((seed, 3, k)), 0.5 if grade == "good" else 0.0
        samples = sampled(digits, rng, (wear,), plain_share=share, unbent=1.0)
        logits = session.run(None, {"glyphs": samples.glyph})[0]
        entries[grade] = fitted(logits, samples)
    return entries


def facts_of(epochs: int, seed: int, short: bool) -> dict[str, object]:
    """What the networks are made from and with."""
    data = Path(os.environ["VEEDOR_DATA"]) / FILE
    machine = f"{platform.system()} {platform.machine()}"
    command = f"python -m training.reader --epochs {epochs} --seed {seed}"
    return {
        "format": 1,
        "classes": CLASSES,
        "data": {"file": FILE, "sha256": hashlib.sha256(data.read_bytes()).hexdigest()},
        "splits": "veedor.handwriting.digits.split_of: `train` learns, `calibration` calibrates",
        "command": command + " --bfloat16" * short,
        "seed": seed,
        "epochs": epochs,
        "networks": NETWORKS,
        "shares": SHARES,
        "plain": PLAIN,
        "code_sha256": code_hash(),
        "versions": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "platform": f"{machine}, torch {torch.backends.cpu.get_cpu_capability()}",
        "reproduces": REPRODUCES,
    }


def learnt(digits: Digits, args: argparse.Namespace) -> None:
    """Train, and write the graph and what it was made from and with."""
    began = time.process_time()
    manifest = facts_of(args.epochs, args.seed, args.bfloat16)
    networks = trained(digits.of("train"), args.epochs, args.seed, args.bfloat16)
    graph = graph_of(networks).SerializeToString()
    manifest |= {
        "parameters": sum(p.numel() for p in networks[0].parameters()),
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "seconds": round(time.process_time() - began),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "reader.onnx").write_bytes(graph)
    written(manifest, args.out)


def finished(digits: Digits, folder: Path) -> None:
    """Calibrate and measure the graph that is there."""
    manifest = json.loads((folder / "reader.json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(
        (folder / "reader.onnx").read_bytes(), providers=["CPUExecutionProvider"]
    )
    seed = manifest["seed"]
    manifest["prior"] = PRIOR
    manifest["calibration"] = calibrated(session, digits.of("calibration"), seed)
    ready = reader.Reader(session, manifest)
    manifest["measured"] = {"calibration": measured(digits.of("calibration"), ready, seed)}
    written(manifest, folder)
    print(json.dumps(manifest["measured"], indent=1))


def written(manifest: dict[str, object], folder: Path) -> None:
    """Write the manifest."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (folder / "reader.json").write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, calibrate, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--bfloat16", action="store_true", help="in 16 bits: faster where the processor has them"
    )
    parser.add_argument(
        "--calibrate", action="store_true", help="do not train: calibrate what is there anew"
    )
    parser.add_argument("--out", type=Path, default=MODELS)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.use_deterministic_algorithms(True)
    digits = load_digits()
    if not args.calibrate:
        learnt(digits, args)
    finished(digits, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
