"""Train the reader of digits and write it to src/veedor/images/models.

Usage: python -m training.reader [--epochs N] [--seed N] [--bfloat16] [--out FOLDER]
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
from training.measures import Rate, calibration_error, error_at_coverage, over_writers
from training.networks import Network, loss_of
from training.samples import PLAIN, SHARES, Samples, sampled
from veedor.handwriting.digits import FILE, Digits, load_digits
from veedor.images import glyph, reader
from veedor.images.sheet import CLASSES

MODELS = Path(reader.__file__).parent / "models"
NETWORKS = 3
EPOCHS, SHOWN = 18, 2
WEARS = (GOOD, GOOD, USABLE)
BATCH = 128
RATE = 3e-3
DECAY = 0.02
MEMORY = 0.998
"""Of the running mean of weights: what is kept at each step, less at the beginning."""
FILES = ("calibration", "graph", "ink", "marks", "networks", "reader", "samples")
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


class Learner:
    """One network, its optimiser, and the running mean of its weights."""

    def __init__(self, seed: int, steps: int) -> None:
        torch.manual_seed(seed)
        self.rng, self.steps = np.random.default_rng((seed, 1)), 0
        self.network = Network().to(memory_format=torch.channels_last)
        self.mean = Network().eval()
        self.mean.load_state_dict(self.network.state_dict())
        parameters = self.network.parameters()
        self.optimiser = torch.optim.AdamW(parameters, RATE, weight_decay=DECAY)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, RATE, steps)
        self.dropout = torch.random.get_rng_state()

    def learn(self, samples: Samples, short: bool) -> float:
        """Once through the samples, at times in 16 bits; returns the mean loss."""
        torch.random.set_rng_state(self.dropout)
        self.network.train()
        order, losses = self.rng.permutation(len(samples.label)), []
        for k in range(0, len(order), BATCH):
            some = samples.at(order[k : k + BATCH])
            glyphs = torch.from_numpy(some.glyph[:, None]).float() / 255
            glyphs = glyphs.contiguous(memory_format=torch.channels_last)
            truth = [torch.from_numpy(a) for a in (some.label, some.altered, some.digit)]
            self.optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=short):
                logits = self.network(glyphs)
            loss = loss_of(logits.float(), *truth)
            loss.backward()
            self.optimiser.step()
            self.schedule.step()
            self._remember()
            losses.append(loss.item())
        self.dropout = torch.random.get_rng_state()
        return float(np.mean(losses))

    @torch.no_grad()
    def _remember(self) -> None:
        self.steps += 1
        memory = min(MEMORY, self.steps / (self.steps + 20))
        now, kept = self.network.state_dict(), self.mean.state_dict()
        for name, value in kept.items():
            if value.is_floating_point():
                value.lerp_(now[name], 1 - memory)
            else:
                value.copy_(now[name])


def trained(digits: Digits, epochs: int, seed: int, short: bool) -> list[Network]:
    """The networks; all see the same samples, each from its own start and in its own order.

    Drawing samples takes as long as learning from them, so that each is shown SHOWN times.
    """
    count = sum(round(s * len(digits.digit)) for s in SHARES.values()) + len(digits.digit)
    steps = epochs * -(-count // BATCH)
    learners = [Learner(seed * 100 + k, steps) for k in range(NETWORKS)]
    for epoch in range(epochs):
        began = time.process_time()
        if epoch % SHOWN == 0:
            rng = np.random.default_rng((seed, 2, epoch))
            samples = sampled(digits, rng, WEARS)
        losses = [learner.learn(samples, short) for learner in learners]
        spent = time.process_time() - began
        print(f"epoch {epoch + 1} of {epochs}: loss {losses}, {spent:.0f} s", flush=True)
    return [learner.mean for learner in learners]


def clean_of(digits: Digits) -> Samples:
    """Digits as NIST gives them."""
    glyphs = np.stack([plain(image) for image in digits.image])
    none = np.zeros(len(glyphs), np.bool_)
    return Samples(glyphs, digits.digit, none, digits.digit, digits.writer)


def measured(digits: Digits, read: reader.Reader, seed: int) -> dict[str, object]:
    """Error rates on writers kept apart, with intervals over them."""
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
        samples = sampled(digits, rng, (wear,), plain_share=share)
        logits = session.run(None, {"glyphs": samples.glyph})[0]
        entries[grade] = fitted(logits, samples)
    return entries


def facts_of(epochs: int, seed: int, short: bool) -> dict[str, object]:
    """What the networks were made from and with."""
    data = Path(os.environ["VEEDOR_DATA"]) / FILE
    machine = f"{platform.system()} {platform.machine()}"
    return {
        "format": 1,
        "classes": CLASSES,
        "data": {"file": FILE, "sha256": hashlib.sha256(data.read_bytes()).hexdigest()},
        "splits": "veedor.handwriting.digits.split_of: `train` learns, `calibration` calibrates",
        "command": f"python -m training.reader --epochs {epochs} --seed {seed}"
        + " --bfloat16" * short,
        "seed": seed,
        "epochs": epochs,
        "shares": SHARES,
        "plain": PLAIN,
        "prior": PRIOR,
        "code_sha256": code_hash(),
        "versions": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "platform": f"{machine}, torch {torch.backends.cpu.get_cpu_capability()}",
        "reproduces": REPRODUCES,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, calibrate, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--bfloat16", action="store_true", help="in 16 bits: faster where the processor has them"
    )
    parser.add_argument("--out", type=Path, default=MODELS)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.use_deterministic_algorithms(True)
    began, digits = time.process_time(), load_digits()
    manifest = facts_of(args.epochs, args.seed, args.bfloat16)
    networks = trained(digits.of("train"), args.epochs, args.seed, args.bfloat16)
    graph = graph_of(networks).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    manifest |= {
        "networks": NETWORKS,
        "parameters": sum(p.numel() for p in networks[0].parameters()),
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "calibration": calibrated(session, digits.of("calibration"), args.seed),
    }
    ready = reader.Reader(session, manifest)
    manifest["measured"] = {"test": measured(digits.of("test"), ready, args.seed)}
    manifest["seconds"] = round(time.process_time() - began)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "reader.onnx").write_bytes(graph)
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (args.out / "reader.json").write_text(text, encoding="utf-8")
    print(json.dumps(manifest["measured"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
