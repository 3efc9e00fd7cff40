"""Digits drawn from the model of hands, as rows of the canonical tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from veedor.case.tables import embedding_columns
from veedor.handwriting.scorer import CLASSES, DIM, Digits, load_sources, pooled


def embeddings(counts, hands, rng, *, shift=0.0):
    """(n, DIM) coordinates of single digits, with sheet and class of each.

    Parameters
    ----------
    counts : int64 (sheets, 10)
    hands : int64 (sheets), who writes each
    shift : added to all coordinates: another population than that of the model
    """
    model = load_sources()
    people = int(np.max(hands)) + 1
    who = rng.normal(size=(people, DIM)) * np.sqrt(model.source)
    habit = rng.normal(size=(people, CLASSES, DIM)) * np.sqrt(model.source_class)
    day = rng.normal(size=(len(hands), DIM)) * np.sqrt(model.session)
    own = rng.normal(size=(len(hands), CLASSES, DIM)) * np.sqrt(model.session_class)
    sheet, digit = np.repeat(np.indices(counts.shape).reshape(2, -1), counts.ravel(), axis=1)
    noise = rng.normal(size=(len(sheet), DIM)) * np.sqrt(model.noise[digit])
    by = np.asarray(hands)[sheet]
    x = model.mean[digit] + who[by] + habit[by, digit] + day[sheet] + own[sheet, digit]
    return x + noise + shift, sheet, digit


def counts_of(sheets, digits, rng):
    """int64 (sheets, 10): digits of each class, all together `digits` a sheet."""
    return rng.multinomial(np.broadcast_to(digits, sheets), np.full(CLASSES, 1 / CLASSES))


def written(hands, rng, *, digits=30, shift=0.0) -> Digits:
    """The digits of sheets, by class."""
    x, sheet, digit = embeddings(counts_of(len(hands), digits, rng), hands, rng, shift=shift)
    return pooled(sheet, digit, x, len(hands))


def rows(hands, rng, *, digits=30, delegates=(), row=0) -> list[dict[str, Any]]:
    """Rows of `glyphs`, one scan a sheet, numbered as the stations are.

    Parameters
    ----------
    hands, delegates : who writes each sheet, and the delegate's row of each; one number, one hand
    digits, row : on each sheet, in each row
    """
    stations = len(hands)
    hands = np.concatenate([hands, delegates]).astype(int)
    digits = np.repeat([digits, row], [stations, len(delegates)])
    x, sheet, digit = embeddings(counts_of(len(hands), digits, rng), hands, rng)
    names = embedding_columns(DIM)
    thousandths = np.round(1000 * x).astype(np.int64)
    return [
        {
            "scan": s % stations,
            "sid": s % stations,
            "cell_of": "votes-1",
            "box": at % 3,
            "by": "clerk" if s < stations else "delegate",
            "kind": "count",
            "digit": int(d),
            "p": 0.99,
            **dict(zip(names, shape.tolist(), strict=True)),
        }
        for at, (s, d, shape) in enumerate(
            zip(sheet.tolist(), digit.tolist(), thousandths, strict=True)
        )
    ]
