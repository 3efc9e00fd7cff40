"""What the columns of an election file are: guessed from their names, then from what is in them.

The words are data: a line more makes another language known. Every guess is for a person to
correct; nothing else in veedor relies on them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from veedor.case.sample import Sample

WORDS: tuple[tuple[str, str], ...] = (
    ("latitude", r"lat|latitude?|latitud"),
    ("longitude", r"lon|lng|long|longitude?|longitud"),
    (
        "registered",
        r"inscrit[oa]s?( habilitados)?|habilitados|lista nominal|registered( voters| electors)?"
        r"|(registered |number of )?electors|electores( (inscritos|habilitados))?"
        r"|(votantes|ciudadanos) (inscritos|habilitados)|padron( electoral)?|empadronados"
        r"|eleitores( (aptos|inscritos))?|eleitorado( apto)?|qt aptos|aptos"
        r"|dpt( [mflp])?|jumlah dpt|total dpt|(jumlah )?pemilih( terdaftar)?"
        r"|число избирателе[ий] включенных.*|.*inscrits|wahlberechtigte.*|elettori( iscritti)?"
        r"|iscritti|aventi diritto|uprawnieni.*|(liczba )?wyborcow|eligible( voters)?"
        r"|voters (registered|listed|on (the )?(list|roll))",
    ),
    (
        "blank",
        r"(votos? |total )?(en )?blancos?|(votos? |qt votos )?(em )?brancos?|(votes? )?blancs?"
        r"|(ballots? |votes? )?blanks?( votes| ballots)?|blanko|schede bianche|bianche",
    ),
    (
        "null",
        r"(votos? |total |qt votos )?nulos?|(votes? |bulletins )?nuls?|null( votes)?"
        r"|((votes?|ballots?) )?(invalid|spoilt|spoiled|rejected|void)( votes| ballots| papers)?"
        r"|(votos? )?(viciados|anulados)|(suara )?tidak sah|(kpu |suara )?tsah"
        r"|(число )?недействительны[хе].*|ungultige?.*|(schede )?nulle|(glosy )?niewazne",
    ),
    (
        "declared_valid",
        r"(votos? )?validos?|(total )?valid( votes)?|(suara |kpu )?sah|exprimes"
        r"|число действительных.*|gultige.*|total valid(os|ated)?",
    ),
    (
        "declared_cast",
        r"(votos? )?emitidos?|(total )?(votes )?cast|ballots cast|total (de )?votos"
        r"|total votos (asentado|sacados)|total votes|(kpu )?jum(lah)?|votants|turnout|votantes"
        r"|comparecimento|qt comparecimento|total",
    ),
    ("reason", r"observacion(es)?|observacoes|remarks?|reason|incidencias?|observations?"),
    (
        "station",
        r"(codigo |numero |num |nro |cod |id |nombre |clave )?(de )?mesa"
        r"|(clave |id )?(casilla|acta)|(nr |numero )?secao|tps|уик|uik|station( id| code)?"
        r"|polling station( id| code| number)?|(id )?precinct( id| code)?|bureau( de vote)?"
        r"|jrv|junta|wahlbezirk|sezione|obwod",
    ),
    ("country", r"(nombre |nome )?(pais|country|pays|negara|land|страна)"),
    (
        "region",
        r"(nombre |nome )?(region|regiao|departamento|department|departement|estado|state|entidad"
        r"|provinsi|province|регион|субъект|uf|county|bundesland|oblast|wojewodztwo)",
    ),
    (
        "province",
        r"(nombre |nome )?(provincia|distrito|district|regency|kabupaten|arrondissement"
        r"|тик|tik|kreis|powiat|kecamatan)",
    ),
    (
        "municipality",
        r"(nombre |nome )?(municipio|municipality|municipe|commune|comune|canton|sub ?district"
        r"|gemeinde|gmina|ward|parroquia|city|town)",
    ),
    (
        "locality",
        r"(nombre |nome )?(localidad(e)?|locality|village|kelurahan|desa|seccion|zona|zone|barrio)",
    ),
    (
        "centre",
        r"(nombre |nome )?(recinto|centro( de votacion)?|local( de votacao)?|polling (centre|center"
        r"|place)|centre( de vote)?|voting (centre|center|place)|ubicacion casilla|lugar"
        r"|school|escuela|colegio|escola|ecole|schule|scuola|szkola|школа)",
    ),
)
"""Role -> names (a whole normalised name must match), from the most telling to the vaguest."""

VAGUE = re.compile(r"((total|number of|no of) )?(voters|electorate)|избиратели")
"""Names of registered voters, but where another column has a plain name of these: then of those who
voted."""

LEVELS = ("country", "region", "province", "municipality", "locality", "centre")
NUMBERS = ("registered", "blank", "null", "declared_valid", "declared_cast")
_CODES = re.compile(r"\b(id|code|codigo|clave)\b")
_NOT_VOTES = re.compile(
    r"\b(id|cod|codigo|code|clave|num|numero|number|nr|nro|no(?= )|seccion|section"
    r"|circunscripcion\w*"
    r"|distrito|district|zona|zone|snapshot|fecha|date|time|hora|url|lat|lon|ext|tipo|total\w*"
    r"|boletas?|ballots?|бюллетен\w*|удостоверени\w*|избирател\w*|personas?|representantes"
    r"|photos?|foto|janggal|pending|lapor\w*|cakupan|ts|sobrantes|sistema|computed|percent|pct"
    r"|turnout|mesa|casilla|tps|uik|index|year|ano|contiguous|contigua|origen|contabilizada|tsah|sah|jum\w*)\b"
)
INTEGER = re.compile(r"\d+")
NUMBER = re.compile(r"-?\d+([.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Recognised:
    """The roles of a file's columns. Each column stands in one place at most."""

    geography: dict[str, str] = field(default_factory=dict)
    """Level -> column, from the outermost inwards."""
    key: tuple[str, ...] = ()
    key_unique: bool = False
    options: tuple[str, ...] = ()
    numbers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """`registered`, `blank`, ... -> columns."""
    single: dict[str, str] = field(default_factory=dict)
    """`latitude`, `longitude`, `reason` -> column."""
    words: tuple[str, ...] = ()
    """Words that stand in cells of numbers."""
    strip: str = ""
    rest: tuple[str, ...] = ()
    """Columns that were not recognised."""


def normalise(name: str) -> str:
    """The name in lower case, without accents, its words parted by one space."""
    parted = re.sub(r"(?<=[a-zа-я])(?=[A-ZА-Я])", " ", name)
    return " ".join(re.sub(r"[^\w]|_", " ", _bare(parted.casefold())).split())


def _bare(text: str) -> str:
    """The text without accents; the same is done to the patterns, whatever script they are in."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


_PATTERNS = {found: re.compile(_bare(pattern)) for found, pattern in WORDS}


def role(name: str) -> str | None:
    """The role that a column's name tells, if any."""
    words = normalise(name)
    return next((r for r, pattern in _PATTERNS.items() if pattern.fullmatch(words)), None)


def recognise(sample: Sample) -> Recognised:
    """Tell the columns of a sample apart."""
    strip = "'" if _apostrophes(sample) else ""
    cells = {n: [c.strip(strip) if strip else c for c in sample.column(n)] for n in sample.names}
    roles = _roles(sample.names)
    numbers = {
        r: tuple(n for n in sample.names if roles[n] == r and _whole(cells[n])) for r in NUMBERS
    }
    # One column alone can be what the sheet declares; registered voters may be split (by sex).
    numbers = {r: c if r == "registered" else c[:1] for r, c in numbers.items() if c}
    single = {
        r: n
        for r in ("reason", "longitude", "latitude")
        for n in [next((n for n in sample.names if roles[n] == r), None)]
        if n is not None
    }
    geography = _geography(sample.names, roles, cells)
    taken = {*single.values(), *geography.values(), *(c for cs in numbers.values() for c in cs)}
    key, unique = _key(sample.names, roles, cells, geography, taken)
    taken |= set(key)
    registered = [cells[c] for c in numbers.get("registered", ())]
    options = tuple(
        n
        for n in sample.names
        if n not in taken and roles[n] is None and _votes(n, cells[n], registered)
    )
    if not geography:
        geography = _places(sample.names, cells, taken | set(options))
        taken |= set(geography.values())
    if not geography and key:
        geography = {"station": key[-1]}
    numeric = [*options, *(c for columns in numbers.values() for c in columns)]
    taken |= set(options)
    rest = tuple(n for n in sample.names if n not in taken)
    words = tuple(sorted({c for n in numeric for c in cells[n] if c and not NUMBER.fullmatch(c)}))
    return Recognised(geography, key, unique, options, numbers, single, words[:20], strip, rest)


def _roles(names: Sequence[str]) -> dict[str, str | None]:
    """The role of each column by its name, and of a vague name by those of the others."""
    roles = {name: role(name) for name in names}
    known = "registered" in roles.values()
    for name in names:
        if roles[name] is None and VAGUE.fullmatch(normalise(name)):
            roles[name] = "declared_cast" if known else "registered"
    return roles


def _apostrophes(sample: Sample) -> bool:
    """Spreadsheets are kept from eating leading zeros by an apostrophe before the number."""
    looked = [cell for row in sample.rows[:50] for cell in row if cell.startswith("'")]
    return len(looked) >= max(1, min(len(sample.rows), 50))


def _whole(cells: Sequence[str], least: float = 0.5) -> bool:
    """Whether the filled cells are whole numbers, but for a few words such as `illegible`."""
    filled = [cell for cell in cells if cell]
    others = Counter(cell for cell in filled if not INTEGER.fullmatch(cell))
    return bool(filled) and len(others) <= 10 and others.total() <= (1 - least) * len(filled)


def _votes(name: str, cells: Sequence[str], registered: Sequence[Sequence[str]]) -> bool:
    """Whether a column may hold votes: whole numbers, no code, seldom more than the list."""
    if _NOT_VOTES.search(normalise(name)) or not _whole(cells):
        return False
    numbers = [int(cell) for cell in cells if INTEGER.fullmatch(cell)]
    if len(numbers) > 50 and len(set(numbers)) > 0.95 * len(numbers):
        return False
    if any(len(cell) > 1 and cell.startswith("0") for cell in cells):
        return False
    limits = [
        sum(int(part) for part in parts if INTEGER.fullmatch(part))
        for parts in zip(*registered, strict=True)
    ]
    if not limits:
        return max(numbers) < 100_000
    pairs = [(int(c), n) for c, n in zip(cells, limits, strict=True) if INTEGER.fullmatch(c) and n]
    return not pairs or sum(vote > limit for vote, limit in pairs) <= 0.05 * len(pairs)


def _geography(
    names: Sequence[str], roles: dict[str, str | None], cells: dict[str, list[str]]
) -> dict[str, str]:
    """One column a level; of several with the role, the one with words rather than codes."""
    found = {}
    for level in LEVELS:
        columns = [n for n in names if roles[n] == level]
        words = [n for n in columns if any(c.isalpha() for cell in cells[n][:200] for c in cell)]
        if chosen := (words or columns)[:1]:
            found[level] = chosen[0]
    return found


def _places(
    names: Sequence[str], cells: dict[str, list[str]], taken: Iterable[str]
) -> dict[str, str]:
    """Levels told by content: columns of words that repeat, the one with fewest first."""
    excluded = set(taken)
    sizes = {
        n: len(set(cells[n]))
        for n in names
        if n not in excluded and cells[n] and not _whole(cells[n]) and all(cells[n])
    }
    chosen = sorted(
        (n for n, size in sizes.items() if 1 < size <= 0.7 * len(cells[n])), key=lambda n: sizes[n]
    )
    return {f"level{number}": name for number, name in enumerate(chosen[:3], 1)}


def _key(
    names: Sequence[str],
    roles: dict[str, str | None],
    cells: dict[str, list[str]],
    geography: dict[str, str],
    taken: set[str],
) -> tuple[tuple[str, ...], bool]:
    """The columns that tell the rows apart: a station's code alone, or with its place."""
    stations = [n for n in names if roles[n] == "station"]
    codes = [n for n in names if n not in taken and _CODES.search(normalise(n))]
    alone = [n for n in [*stations, *codes] if _tells_apart([cells[n]])]
    if alone:
        return (alone[0],), True
    parts = [*geography.values(), *codes]
    ends: list[tuple[str, ...]] = [(name,) for name in stations[:2]]
    for station in ends or [()]:
        for count in range(1, min(len(parts), 4) + 1):
            for chosen in combinations(parts, count):
                columns = (*chosen, *station)
                if _tells_apart([cells[c] for c in columns]):
                    return columns, True
    others = [n for n in names if n not in taken and _tells_apart([cells[n]])]
    if others:
        return (others[0],), True
    return ((stations or codes or list(names))[0],), False


def _tells_apart(columns: Sequence[Sequence[str]]) -> bool:
    rows = list(zip(*columns, strict=True))
    return bool(rows) and len(set(rows)) == len(rows) and all(all(row) for row in rows)
