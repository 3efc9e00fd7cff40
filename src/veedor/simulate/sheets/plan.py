"""What sheets a simulated election gets: parameters, and what is planted among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from veedor.errors import VeedorError

Family = Literal["clean", "scan", "photo", "fax"]
FAMILIES: tuple[Family, ...] = ("clean", "scan", "photo", "fax")
"""Names of the families of pictures."""
LAYOUTS = ("column", "pair", "strip", "table", "bubbles", "ledger")
"""Names of the layouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPlan:
    """Sheets of an election.

    Attributes
    ----------
    layouts : names of forms; each centre has one of them
    families : of pictures; each centre has one of them
    hands : writers of NIST's digits, drawn ones, or the former where their digits are to be had
    split : of NIST's writers
    dpi : pixels an inch of scanned pages
    shared_pen : share of the centres in which every sheet is written with one pen
    stamps : share of the sheets with an office's stamp
    corrections : share of the digits that are written over; half as many are struck out
    plants : each with `kind`, a name of `veedor.simulate.sheets.plants.KINDS`, and `number`
    """

    layouts: tuple[str, ...] = ("column",)
    families: tuple[str, ...] = ("scan",)
    hands: Literal["auto", "nist", "drawn"] = "auto"
    split: str = "test"
    dpi: float = 200
    shared_pen: float = 0.5
    stamps: float = 0.15
    corrections: float = 0.006
    plants: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("layouts", "families"):
            if not getattr(self, name):
                raise _wrong(name, getattr(self, name), "name at least one")
        for name, known in (("layouts", LAYOUTS), ("families", FAMILIES)):
            if odd := next((n for n in getattr(self, name) if n not in known), None):
                raise _wrong(name, odd, f"the {name} are {', '.join(known)}")
        if self.hands not in ("auto", "nist", "drawn"):
            raise _wrong("hands", self.hands, "use auto, nist or drawn")
        if self.split not in ("train", "calibration", "test", "reserve"):
            raise _wrong("split", self.split, "use train, calibration, test or reserve")
        if not 72 <= self.dpi <= 600:
            raise _wrong("dpi", self.dpi, "give a number from 72 to 600")
        for name in ("shared_pen", "stamps", "corrections"):
            if not 0 <= getattr(self, name) <= 1:
                raise _wrong(name, getattr(self, name), "give a share from 0 to 1")

    @property
    def honest(self) -> bool:
        """Whether nothing is planted."""
        return not self.plants


def plan_from(entries: Mapping[str, Any]) -> SheetPlan:
    """A plan from the entries of a TOML table.

    Raises
    ------
    VeedorError
        An entry is none, or has a value that makes no sheets.
    """
    known = [f.name for f in dataclasses.fields(SheetPlan)]
    if odd := sorted(set(entries) - set(known)):
        raise VeedorError(
            f"{odd[0]} is not a parameter of simulated sheets",
            place=f"sheets.{odd[0]}",
            remedy=f"The parameters are {', '.join(known)}.",
        )
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}
    return SheetPlan(**values)


def _wrong(name: str, value: object, remedy: str) -> VeedorError:
    return VeedorError(f"{name} = {value!r} makes no sheets", place=f"sheets.{name}",
                       remedy=f"{remedy[0].upper()}{remedy[1:]}.")  # fmt: skip
