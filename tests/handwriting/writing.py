"""Digits drawn from the model of hands, as rows of the canonical tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from veedor.case.tables import embedding_columns
from veedor.handwriting.scorer import CLASSES, DIM, Digits, load_sources, pooled


def embeddings(counts, hands, rng, *, shift=0.0, spread=1.0, freedom=np.inf):
    """(n, DIM) coordinates of single digits, with sheet and class of each.

    Parameters
    ----------
    counts : int64 (sheets, 10)
    hands : int64 (sheets), who writes each
    shift : added to all coordinates: another population than that of the model
    spread : how far hands differ, 1 as in the model
    freedom : degrees of Student's law by which writers and sheets lie about their means, with the
        variances of the model; infinite for the model's own normal law
    """
    model = load_sources()
    people = int(np.max(hands)) + 1
    far, near = heavy(people, freedom, rng) * spread, heavy(len(hands), freedom, rng)
    who = far[:, None] * rng.normal(size=(people, DIM)) * np.sqrt(model.source)
    habit = rng.normal(size=(people, CLASSES, DIM)) * np.sqrt(model.source_class)
    habit *= far[:, None, None]
    day = near[:, None] * rng.normal(size=(len(hands), DIM)) * np.sqrt(model.session)
    own = rng.normal(size=(len(hands), CLASSES, DIM)) * np.sqrt(model.session_class)
    own *= near[:, None, None]
    sheet, digit = np.repeat(np.indices(counts.shape).reshape(2, -1), counts.ravel(), axis=1)
    noise = rng.normal(size=(len(sheet), DIM)) * np.sqrt(model.noise[digit])
    by = np.asarray(hands)[sheet]
    x = model.mean[digit] + who[by] + habit[by, digit] + day[sheet] + own[sheet, digit]
    return x + noise + shift, sheet, digit


def heavy(number, freedom, rng):
    """float64 (number): by what normal numbers are multiplied to be Student's, of variance 1."""
    if np.isinf(freedom):
        return np.ones(number)
    return np.sqrt((freedom - 2) / rng.chisquare(freedom, size=number))


def counts_of(sheets, digits, rng):
    """int64 (sheets, 10): digits of each class, all together `digits` a sheet."""
    return rng.multinomial(np.broadcast_to(digits, sheets), np.full(CLASSES, 1 / CLASSES))


def written(hands, rng, *, digits=30, **law) -> Digits:
    """The digits of sheets, by class; `law` as for `embeddings`."""
    x, sheet, digit = embeddings(counts_of(len(hands), digits, rng), hands, rng, **law)
    return pooled(sheet, digit, x, len(hands))


def rows(hands, rng, *, digits=30, delegates=(), row=0, unbroken=()) -> list[dict[str, Any]]:
    """Rows of `glyphs`, one scan a sheet, numbered as the stations are.

    Parameters
    ----------
    hands, delegates : who writes each sheet, and the delegate's row of each; one number, one hand
    digits, row : on each sheet (one number, or one for each), in each row
    unbroken : thousandths, of each sheet; 990 where not given
    """
    stations = len(hands)
    hands = np.concatenate([hands, delegates]).astype(int)
    digits = np.append(np.broadcast_to(digits, stations), np.full(len(delegates), row))
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
            "unbroken": unbroken[s % stations] if len(unbroken) else 990,
            **dict(zip(names, shape.tolist(), strict=True)),
        }
        for at, (s, d, shape) in enumerate(
            zip(sheet.tolist(), digit.tolist(), thousandths, strict=True)
        )
    ]
