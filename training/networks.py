"""The reader's network: small, convolutional, with three heads on one trunk."""

from __future__ import annotations

import torch
from torch import nn

from veedor.images.sheet import CLASSES

__all__ = ["OUTPUTS", "Network", "loss_of"]

OUTPUTS = len(CLASSES) + 1 + 10
"""Logits of the classes; of `altered`; of the digit that stands there, altered or not."""


def _layer(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


class Network(nn.Module):
    """Six convolutions and one hidden layer: 0.6 million parameters."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *_layer(1, 32, 5, 2), *_layer(32, 32), nn.MaxPool2d(2),
            *_layer(32, 64), *_layer(64, 64), nn.MaxPool2d(2),
            *_layer(64, 128), *_layer(128, 128), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(128 * 25, 96), nn.ReLU(inplace=True),
            nn.Dropout(dropout), nn.Linear(96, OUTPUTS),
        )  # fmt: skip

    def forward(self, glyph: torch.Tensor) -> torch.Tensor:
        """(n, 1, 40, 40) of 0 to 1 -> (n, OUTPUTS) logits."""
        return self.head(self.trunk(glyph))


def loss_of(
    logits: torch.Tensor, label: torch.Tensor, altered: torch.Tensor, digit: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of each head; the digit's only where altered ink stands on one."""
    classes = len(CLASSES)
    loss = nn.functional.cross_entropy(logits[:, :classes], label, label_smoothing=0.02)
    loss = loss + 0.5 * nn.functional.binary_cross_entropy_with_logits(
        logits[:, classes], altered.float()
    )
    some = digit >= 0
    return loss + 0.3 * nn.functional.cross_entropy(logits[some][:, classes + 1 :], digit[some])
