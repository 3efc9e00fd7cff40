"""The network that compares hands: taught that bags of digits of one writer belong together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["Network", "taught"]

HIDDEN = 384
SIZE = 64
"""Coordinates before the hands' model chooses among them."""
WRITERS = 96
"""Writers in a batch."""
BAGS = (6, 10, 16, 24)
"""Digits in a bag."""
ALONE = 0.25
"""Share of writers whose two bags are in one condition."""
PLAIN = 0.2
"""Share of writers with both bags as NIST gives them."""


class Network(nn.Module):
    """Features of one digit, of about size one -> `SIZE` coordinates."""

    def __init__(self, features: int, drop: float = 0.3) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(features, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.last = nn.Linear(HIDDEN, SIZE)
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(..., features) -> (..., SIZE)."""
        x = self.drop(nn.functional.gelu(self.norm1(self.first(x))))
        x = x + self.drop(nn.functional.gelu(self.norm2(self.second(x))))
        return self.last(x)


def _batch(
    of: list[NDArray[np.int64]], copies: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Copy and digit of two bags of each writer: twice (2, WRITERS, digits)."""
    size = int(rng.choice(BAGS))
    digits = np.empty((2, WRITERS, size), dtype=np.int64)
    copy = np.zeros((2, WRITERS, 1), dtype=np.int64)
    for k, writer in enumerate(rng.choice(len(of), WRITERS, replace=False)):
        mixed = rng.permutation(of[writer])
        digits[:, k] = mixed[: 2 * size].reshape(2, size)
        luck = rng.random()
        if luck < ALONE:
            copy[:, k] = rng.integers(copies)
        elif luck < 1 - PLAIN:
            copy[:, k, 0] = rng.choice(copies, 2, replace=False)
    return torch.from_numpy(np.broadcast_to(copy, digits.shape).copy()), torch.from_numpy(digits)


def _loss(z: Tensor, kind: Tensor, scale: Tensor) -> Tensor:
    """Each bag must find the other one of its writer among those of all (van den Oord 2018).

    Coordinates are taken about the batch's mean of each class of digits, and a bag is the mean of
    its digits, so that it tells nothing of which digits it holds.
    """
    one_hot = nn.functional.one_hot(kind, 10).to(z.dtype)
    held = one_hot.sum((0, 1, 2)).clamp(min=1)
    centre = torch.einsum("abnc,abnd->cd", one_hot, z) / held[:, None]
    bags = nn.functional.normalize((z - centre[kind]).mean(2), dim=-1)
    alike = bags[0] @ bags[1].T * scale.exp()
    right = torch.arange(len(alike))
    cross = nn.functional.cross_entropy
    return (cross(alike, right) + cross(alike.T, right)) / 2


def taught(
    features: Tensor,
    digit: NDArray[np.int64],
    writer: NDArray[np.int64],
    *,
    steps: int,
    seed: int,
    noise: float = 0.2,
    say: Callable[[str], None] = lambda text: None,
) -> Network:
    """A network taught on digits in several conditions.

    Parameters
    ----------
    features : (copies, n, features) float32, of about size one; copy 0 as NIST gives them
    digit, writer : (n,)
    noise : spread of what is added to features while learning
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Network(features.shape[2])
    scale = nn.Parameter(torch.tensor(10.0).log())
    optimiser = torch.optim.AdamW(
        [{"params": network.parameters()}, {"params": [scale], "weight_decay": 0.0}],
        lr=1e-3,
        weight_decay=1e-2,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, steps, pct_start=0.1)
    of = [np.flatnonzero(writer == w) for w in np.unique(writer)]
    of = [at for at in of if len(at) >= 2 * max(BAGS)]
    kinds = torch.from_numpy(digit)
    mean = 0.0
    network.train()
    for step in range(steps):
        copy, at = _batch(of, len(features), rng)
        x = features[copy, at]
        x = x + noise * torch.randn_like(x)
        loss = _loss(network(x), kinds[at], scale)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        mean = 0.98 * mean + 0.02 * loss.item() if step else loss.item()
        if (step + 1) % 500 == 0:
            say(f"step {step + 1}: loss {mean:.3f}")
    return network.eval()
