"""Files of an audit folder: hashes, JSON of stable bytes, and putting the folder in place."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from veedor.errors import SourceError

DIGITS = 6
"""Decimals kept of a float in `findings.json`: below a millionth of a point nothing is meant."""


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def slug(name: str) -> str:
    """A file name for an id: what is no letter, digit, '.', '_', '+' or '-' becomes '_'."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", name)


def plain(value: Any) -> Any:
    """JSON values: NumPy scalars unwrapped, floats rounded, NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(k): probability(v) if _is_p(k, v) else plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(v) for v in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), DIGITS) if math.isfinite(value) else None
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    return value


def _is_p(key: object, value: Any) -> bool:
    """Whether a key of a statistic names a p-value."""
    name = str(key)
    named = name in ("p", "p_value") or name.endswith("_p") or name.startswith("p_")
    return named and isinstance(value, float | np.floating) and math.isfinite(value)


def probability(value: float | None) -> float | None:
    """A p-value with four significant digits: small ones are small, not zero."""
    return None if value is None else float(f"{float(value):.4g}")


def write_json(path: Path, value: Any) -> None:
    """Write JSON with stable bytes: two spaces, keys in the model's order, a final line break."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def put_in_place(built: Path, target: Path) -> None:
    """Move a finished folder to where it belongs; an earlier audit there goes only then."""
    beside = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if beside.exists():
            shutil.rmtree(beside)
        shutil.copytree(built, beside)
        if target.exists():
            shutil.rmtree(target)
        beside.rename(target)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise SourceError(
            f"the output folder cannot be written ({error.strerror})",
            place=str(target),
            remedy="Give another folder with --out.",
        ) from error
