"""Six forms drawn by the project: nobody's forms, with what forms in use have in them.

Each takes a number of options. Fields have the same ids on all: `votes-1` and so on, `blank`,
`null`, `valid` (the total of votes for options), `cast`; on some `registered`, `received` (ballots
handed out to the table), `opened` and `closed` (times) and `delegate` (a number that a party's
delegate writes).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from veedor.errors import VeedorError
from veedor.simulate.sheets.forms import BLACK, GREY, Layout, Words
from veedor.simulate.sheets.parts import Sketch
from veedor.simulate.sheets.plan import LAYOUTS

MOST_OPTIONS = 12
PLUM = (96, 40, 70)
SPECIMEN = "SPECIMEN - simulated, of no election"


def _letters(options: int) -> list[str]:
    return [chr(ord("A") + i) for i in range(options)]


def _column(options: int) -> Layout:
    """Letter paper, one column of boxes, four squares, bar code and square code."""
    s = Sketch(216, 279, (252, 250, 244))
    p = s.print
    s.corners("square", 6, 10)
    p.text(108, 11, 4.6, "ACTA DE ESCRUTINIO", anchor="m")
    p.text(108, 17, 2.6, SPECIMEN, anchor="m", colour=GREY)
    s.code("Code128", (18, 22, 62, 12))
    s.code("QRCode", (176, 20, 22, 22))
    p.text(88, 24, 2.4, "MESA", colour=GREY)
    p.text(20, 44, 2.6, "Apertura")
    s.boxes("opened", 36, 40, 4, (6.5, 8), kind="time")
    p.text(72, 44, 2.6, "Cierre")
    s.boxes("closed", 84, 40, 4, (6.5, 8), kind="time")
    p.across(12, 53, 192, 0.4, BLACK)
    p.bar(12, 54, 108, 6, (225, 228, 235))
    p.text(16, 57, 2.8, "CANDIDATURA")
    p.text(99, 57, 2.8, "VOTOS", anchor="m")
    rows = options + 4
    pitch = min(15.0, 172 / rows)
    tall = min(10.0, pitch - 2.5)
    names = [(f"votes-{i + 1}", f"{x} - Lista {x}") for i, x in enumerate(_letters(options))]
    names += [("valid", "VOTOS VALIDOS"), ("blank", "VOTOS EN BLANCO"), ("null", "VOTOS NULOS"),
              ("cast", "TOTAL DE VOTOS")]  # fmt: skip
    for number, (id, name) in enumerate(names):
        top = 62 + number * pitch
        p.across(12, top + pitch - 1, 108, 0.15, GREY)
        if number < options:
            s.swatch(16, top + 0.5, tall - 1, number, name)
        else:
            p.text(16, top + tall / 2, 2.9, name)
        s.boxes(id, 86, top, 3, (8.5, tall))
    p.text(128, 57, 2.8, "JURADOS")
    s.signers(128, 60, 74, 25, tuple(f"Jurado {i + 1}" for i in range(6)), finger=True)
    p.across(12, 243, 192, 0.3, BLACK)
    p.text(18, 249, 2.6, "Delegado, cifra")
    s.boxes("delegate", 48, 245, 8, (6.2, 8), by="delegate", kind="other")
    s.secret(106, 244.5, 50, 9, "signature")
    p.text(108, 256, 2.0, "Firma del delegado", colour=GREY)
    s.totals(options)
    return s.layout("column", options, "One column of boxes", Words(88, 30, 5, ""),
                    fillers=("dash",))  # fmt: skip


def _pair(options: int) -> Layout:
    """Two contests beside each other on a wide sheet, four squares."""
    s = Sketch(330, 216, (250, 252, 250))
    p = s.print
    s.corners("square", 5, 9)
    p.text(165, 9, 4.4, "ACTA ELECTORAL - DOS ELECCIONES", anchor="m")
    p.text(165, 14.5, 2.4, SPECIMEN, anchor="m", colour=GREY)
    s.code("QRCode", (18, 16, 24, 24))
    s.code("Code128", (240, 18, 66, 11))
    p.text(50, 20, 2.4, "MESA", colour=GREY)
    for x, id, name, digits in ((100, "opened", "Abre", 4), (142, "closed", "Cierra", 4),
                                (190, "received", "Papeletas", 3)):  # fmt: skip
        p.text(x, 20, 2.4, name, colour=GREY)
        kind = "other" if id == "received" else "time"
        s.boxes(id, x, 23, digits, (6.3, 8), kind=kind, gap=0.8)  # type: ignore[arg-type]
    for half, prefix in enumerate(("", "second-")):
        left = 14 + half * 156
        p.frame(left, 44, 146, 122, 0.4, BLACK)
        p.bar(left, 44, 146, 7, (222, 232, 222))
        p.text(left + 73, 47.5, 3.2, ("PRESIDENCIA", "ASAMBLEA")[half], anchor="m")
        _contest(s, options, prefix, left)
    p.text(16, 172, 2.6, "Jurados", colour=GREY)
    for number in range(3):
        s.signers(16 + number * 66, 174, 60, 16, (f"{2 * number + 1}.", f"{2 * number + 2}."))
    p.text(218, 172, 2.6, "Delegado: cifra y firma", colour=GREY)
    s.boxes("delegate", 218, 175, 7, (6.2, 8), by="delegate", kind="other", gap=0.8)
    s.secret(272, 172, 40, 14, "signature")
    return s.layout("pair", options, "Two contests", Words(50, 27, 5, ""), fillers=("dash", "line"))


def _contest(s: Sketch, options: int, prefix: str, left: float) -> None:
    names = [(f"votes-{i + 1}", f"{x} - Partido {x}") for i, x in enumerate(_letters(options))]
    names += [("valid", "VALIDOS"), ("blank", "BLANCOS"), ("null", "NULOS"), ("cast", "TOTAL")]
    pitch = min(13.5, 112 / len(names))
    tall = min(9.5, pitch - 1.6)
    for number, (id, name) in enumerate(names):
        top = 53 + number * pitch
        if number < options:
            s.swatch(left + 4, top + 0.5, tall - 1, number, name)
        else:
            s.print.text(left + 6, top + tall / 2, 2.8, name)
        s.print.across(left, top + pitch - 0.8, 146, 0.15, GREY)
        s.boxes(f"{prefix}{id}", left + 100, top, 3, (8.6, tall), gap=1.2)
    s.totals(options, prefix)


def _strip(options: int) -> Layout:
    """A narrow strip of thin paper, scanned in two tones, without marks at its corners."""
    s = Sketch(104, 300, (255, 255, 255))
    p = s.print
    p.frame(4, 4, 96, 292, 0.5, BLACK)
    p.text(52, 10, 3.8, "FORMATO DE MESA", anchor="m")
    p.text(52, 15, 2.3, SPECIMEN, anchor="m")
    s.code("Code128", (20, 18, 64, 11))
    p.across(4, 42, 96, 0.5, BLACK)
    rows = options + 5
    pitch = min(16.0, 160 / rows)
    tall = min(11.0, pitch - 2)
    names = [(f"votes-{i + 1}", f"{10 + i}  {x}") for i, x in enumerate(_letters(options))]
    names += [("blank", "EN BLANCO"), ("null", "NULOS"), ("valid", "SUMA"), ("cast", "TOTAL URNA"),
              ("received", "RECIBIDAS")]  # fmt: skip
    for number, (id, name) in enumerate(names):
        top = 45 + number * pitch
        p.text(9, top + tall / 2, 3.4 if number < options else 2.8, name)
        p.across(4, top + pitch - 1, 96, 0.25, BLACK)
        s.boxes(id, 56, top, 3, (12, tall), pen=0.4, kind="other" if id == "received" else "count")
    p.text(9, 213, 2.4, "TESTIGO")
    s.boxes("delegate", 28, 208, 7, (8.6, 9), pen=0.4, by="delegate", kind="other")
    s.signers(9, 221, 86, 12, tuple(f"Jurado {i + 1}" for i in range(6)))
    s.totals(options)
    return s.layout("strip", options, "A narrow strip", Words(52, 35, 5, "", anchor="m"),
                    fillers=("dash", "cross", "dot"), bitonal=True)  # fmt: skip


def _table(options: int) -> Layout:
    """A table of lines, no boxes: whoever fills it puts the digits where they fall."""
    s = Sketch(210, 297, (253, 253, 253))
    p = s.print
    p.text(105, 14, 4.6, "STATEMENT OF THE POLL", anchor="m")
    p.text(105, 20, 2.5, SPECIMEN, anchor="m", colour=GREY)
    s.code("QRCode", (164, 22, 26, 26))
    p.text(18, 27, 2.6, "Polling station", colour=GREY)
    p.text(18, 44, 2.8, "Opened")
    s.boxes("opened", 36, 38, 4, (6.5, 9), printed="line", gap=1, kind="time")
    p.text(84, 44, 2.8, "Closed")
    s.boxes("closed", 102, 38, 4, (6.5, 9), printed="line", gap=1, kind="time")
    names = [(f"votes-{i + 1}", f"Candidate {x}") for i, x in enumerate(_letters(options))]
    names += [("valid", "Total valid votes"), ("blank", "Blank votes"), ("null", "Rejected votes"),
              ("cast", "Total votes cast"), ("registered", "Registered voters")]  # fmt: skip
    pitch = min(13.0, 148 / (len(names) + 1))
    top, right = 54.0, 192.0
    p.bar(18, top, right - 18, pitch, (232, 232, 236))
    for x, name in ((21.0, "No."), (34.0, "Name"), (96.0, "Votes"), (130.0, "In words")):
        p.text(x, top + pitch / 2, 2.8, name)
    for number, (id, name) in enumerate(names):
        y = top + (number + 1) * pitch
        p.across(18, y, right - 18, 0.3, BLACK)
        p.text(21, y + pitch / 2, 2.8, str(number + 1))
        p.text(34, y + pitch / 2, 2.8, name)
        s.boxes(id, 95, y + 0.6, 3, (9.5, pitch - 1.2), printed="none")
        s.words[id] = (128, y + 1, right - 130, pitch - 2)
    bottom = top + (len(names) + 1) * pitch
    for at in (top, bottom):
        p.across(18, at, right - 18, 0.5, BLACK)
    for x in (18.0, 31.0, 93.5, 126.0, right):
        p.down(x, top, bottom - top, 0.4, BLACK)
    p.text(18, 212, 2.8, "Agent, number")
    s.boxes("delegate", 46, 207, 8, (7, 9), printed="line", by="delegate", kind="other")
    s.secret(112, 206, 60, 12, "signature")
    s.signers(18, 224, 174, 14, ("Presiding officer", "Clerk 1", "Clerk 2", "Agent"))
    s.totals(options)
    return s.layout("table", options, "A table without boxes", Words(18, 33, 5.5, ""),
                    fillers=("dash", "line"))  # fmt: skip


def _bubbles(options: int) -> Layout:
    """Words, boxes with dotted guides, and bubbles for each digit; four discs. Held out."""
    s = Sketch(216, 330, (250, 250, 252))
    p = s.print
    s.corners("disc", 6, 10)
    p.text(108, 11, 4.4, "HOJA DE RESULTADOS", anchor="m")
    p.text(108, 17, 2.5, SPECIMEN, anchor="m", colour=GREY)
    s.code("QRCode", (170, 20, 24, 24))
    p.text(20, 24, 2.4, "Casilla", colour=GREY)
    p.text(84, 24, 2.4, "Inicio del escrutinio", colour=GREY)
    s.boxes("opened", 84, 27, 4, (7, 9), printed="guides", kind="time", colour=PLUM)
    names = [(f"votes-{i + 1}", f"Candidatura {x}") for i, x in enumerate(_letters(options))]
    names += [("valid", "Votos validos"), ("blank", "En blanco"), ("null", "Nulos"),
              ("cast", "Total")]  # fmt: skip
    pitch = min(20.0, 208 / len(names))
    radius = min(1.5, pitch / 11)
    for number, (id, name) in enumerate(names):
        top = 48 + number * pitch
        p.across(14, top, 188, 0.2, PLUM)
        p.text(16, top + 3, 2.6, name)
        s.words[id] = (16, top + pitch - 8, 62, 6.5)
        p.across(16, top + pitch - 1.5, 62, 0.15, GREY)
        s.boxes(id, 84, top + (pitch - 10) / 2, 3, (8, 10), printed="guides", gap=1.5,
                colour=PLUM)  # fmt: skip
        x = 124 + np.arange(10) * 7.6
        y = top + pitch * (np.arange(3) + 0.5) / 3
        middles = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)
        s.bubbles[id] = middles
        for line in middles.tolist():
            for digit, (cx, cy) in enumerate(line):
                p.disc(cx, cy, radius, (170, 120, 145), 0.18)
                p.text(cx, cy, radius * 1.3, str(digit), colour=(190, 150, 170), anchor="m")
    p.text(16, 263, 2.6, "Representante")
    s.boxes("delegate", 46, 259, 7, (7, 9), printed="guides", by="delegate", kind="other",
            colour=PLUM)  # fmt: skip
    s.secret(104, 258, 60, 11, "signature")
    s.signers(16, 272, 90, 14, ("Presidencia", "Secretaria", "Escrutador 1"))
    s.signers(112, 272, 90, 14, ("Escrutador 2", "Escrutador 3", "Escrutador 4"))
    s.totals(options)
    return s.layout("bubbles", options, "Bubbles, words and guides", Words(20, 31, 5.5, ""),
                    fillers=("dash", "dot"), held_out=True, bubble=radius)  # fmt: skip


def _ledger(options: int) -> Layout:
    """A long form: candidates, votes in figures and in words, totals, agents. Held out."""
    s = Sketch(210, 360, (251, 251, 247))
    p = s.print
    p.text(105, 16, 4.4, "DECLARATION OF RESULTS AT THE POLLING STATION", anchor="m")
    p.text(105, 22, 2.5, SPECIMEN, anchor="m", colour=GREY)
    s.code("Code128", (18, 26, 66, 12))
    p.text(110, 28, 2.5, "Polling station code", colour=GREY)
    names = [(f"votes-{i + 1}", f"Candidate {x}") for i, x in enumerate(_letters(options))]
    pitch = min(13.5, 110 / options)
    top = 48.0
    bottom = top + (options + 1) * pitch
    p.frame(16, top, 178, bottom - top, 0.4, BLACK)
    for x in (28.0, 92.0, 140.0):
        p.down(x, top, bottom - top, 0.25, BLACK)
    for x, name in ((20.0, "#"), (31.0, "Name of candidate"), (95.0, "Votes in words"),
                    (143.0, "Votes in figures")):  # fmt: skip
        p.text(x, top + pitch / 2, 2.7, name)
    for number, (id, name) in enumerate(names):
        y = top + (number + 1) * pitch
        p.across(16, y, 178, 0.25, BLACK)
        p.text(20, y + pitch / 2, 2.7, str(number + 1))
        p.text(31, y + pitch / 2, 2.9, name)
        s.words[id] = (93, y + 1, 46, pitch - 2)
        s.boxes(id, 148, y + 1.2, 4, (9, pitch - 2.4), pen=0.22, colour=(90, 90, 90))
    _counts(s, bottom + 8)
    p.text(18, 256, 2.7, "First agent, number")
    s.boxes("delegate", 52, 251, 8, (7, 9), pen=0.22, by="delegate", kind="other")
    s.secret(114, 250, 60, 12, "signature")
    p.frame(16, 266, 178, 60, 0.3, BLACK)
    s.signers(20, 268, 168, 11.5, tuple(f"Agent {i + 2}" for i in range(5)))
    s.signers(18, 330, 174, 13, ("Presiding officer", "Deputy"))
    s.totals(options)
    return s.layout("ledger", options, "A long table of candidates", Words(110, 34, 5.5, ""),
                    fillers=("dash", "cross"), held_out=True)  # fmt: skip


def _counts(s: Sketch, top: float) -> None:
    names = (
        ("registered", "Registered voters"),
        ("valid", "Valid votes"),
        ("blank", "Blank ballots"),
        ("null", "Rejected ballots"),
        ("cast", "Votes cast"),
    )
    pitch = min(14.0, (246 - top) / len(names))
    for number, (id, name) in enumerate(names):
        y = top + number * pitch
        s.print.text(18, y + pitch / 2, 2.8, f"{number + 1}. {name}")
        s.print.across(70, y + pitch / 2 + 1.5, 70, 0.12, GREY)
        s.boxes(id, 148, y + 0.8, 4, (9, pitch - 2.4), pen=0.22, colour=(90, 90, 90))


_MADE: dict[str, Callable[[int], Layout]] = {
    "column": _column,
    "pair": _pair,
    "strip": _strip,
    "table": _table,
    "bubbles": _bubbles,
    "ledger": _ledger,
}

HELD_OUT: tuple[str, ...] = ("bubbles", "ledger")
"""Layouts for tests alone: nothing is trained or tuned on them."""


@functools.cache
def layout(name: str, options: int = 4) -> Layout:
    """A form for a number of options.

    Raises
    ------
    VeedorError
        There is no such layout, or it has no room for so many options.
    """
    if name not in _MADE:
        raise VeedorError(
            f"there is no layout {name!r}", remedy=f"The layouts are {', '.join(LAYOUTS)}."
        )
    if not 2 <= options <= MOST_OPTIONS:
        raise VeedorError(
            f"a sheet cannot be drawn for {options} options",
            remedy=f"Give an election with 2 to {MOST_OPTIONS} options.",
        )
    return _MADE[name](options)
