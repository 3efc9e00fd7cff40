"""The reader's networks learn: each from its own start and its own samples of the same digits."""

from __future__ import annotations

import time

import numpy as np
import torch

from training.ink import GOOD, USABLE
from training.networks import Network, loss_of
from training.samples import SHARES, Samples, sampled
from veedor.handwriting.digits import Digits

__all__ = ["EPOCHS", "NETWORKS", "trained"]

NETWORKS = 3
EPOCHS, SHOWN = 28, 2
WEARS = (GOOD, GOOD, USABLE)
BATCH = 128
RATE = 3e-3
DECAY = 0.02
MEMORY = 0.998
"""Of the running mean of weights: what is kept at each step, less at the beginning."""


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
    """The networks; each sees every digit as often, drawn and worn in ways of its own.

    Drawing samples takes as long as learning from them, so that each is shown SHOWN times.
    """
    count = sum(round(s * len(digits.digit)) for s in SHARES.values()) + len(digits.digit)
    steps = epochs * -(-count // BATCH)
    learners = [Learner(seed * 100 + k, steps) for k in range(NETWORKS)]
    for first in range(0, epochs, SHOWN):
        began, done = time.process_time(), min(first + SHOWN, epochs)
        losses: list[float] = []
        for k, learner in enumerate(learners):
            samples = sampled(digits, np.random.default_rng((seed, 2, first, k)), WEARS)
            losses += [learner.learn(samples, short) for _ in range(first, done)]
        spent = time.process_time() - began
        print(f"epoch {done} of {epochs}: loss {losses}, {spent:.0f} s", flush=True)
    return [learner.mean for learner in learners]
