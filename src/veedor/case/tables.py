"""The canonical tables: what every check measures, whatever the files looked like.

A *station* is a polling station; its *sheet* is what one count recorded of it. Station numbers
(`sid`) are the rank of the official code among all codes seen, from 0: small, stable for the same
inputs, and the key of every measured row. `cell_LEVEL` is a dense code of the full geography path
down to that level, so that two places of one name in different provinces are never one.
"""

from __future__ import annotations

STATIONS = {
    "sid": "int64: station number",
    "station": "text: the official code (parts joined by '/')",
    "LEVEL": "text: one column for each level of geography of the case",
    "cell_LEVEL": "int64: code of the full path down to the level",
    "latitude": "float: degrees north, null where not known",
    "longitude": "float: degrees east, null where not known",
    "place_class": "text: class of the place (urban, rural, ...), null where not known",
}
"""`stations`: one row for each code seen in any count or register."""

SHEETS = {
    "sid": "int64: station number",
    "cell_LEVEL": "int64: as in stations",
    "registered": "int64: registered voters, null where not a number",
    "v0, v1, ...": "int64: votes of each option in ballot order, null where the cell is no number",
    "blank": "int64: blank votes, null where not recorded",
    "null": "int64: null votes, null where not recorded",
    "valid": "int64: sum of the options' votes (an empty cell adds nothing)",
    "cast": "int64: valid + blank + null, as far as recorded",
    "declared_valid": "int64: the sheet's own total of valid votes",
    "declared_cast": "int64: the sheet's own number of votes or voters",
    "reason": "text: the authority's remark or reason code; null where there is none",
    "counted": "bool: the authority counted the sheet",
    "place_differs": "bool: this count names another place for the station than the official one",
    "row": "int64: row in the source",
}
"""`sheets(COUNT)`: one row for each station of the count whose code stands once."""

CELLS = {
    "count": "text: the count",
    "sid": "int64: station number",
    "row": "int64: row in the source",
    "field": "text: option id, or registered, blank, null, declared_valid, declared_cast",
    "column": "text: column of the file",
    "raw": "text: the cell as written, null where empty",
    "state": "text: empty, negative, fractional, separated, word, or what the case says it means",
}
"""`cells`: every mapped cell that is not a whole number of votes."""

SET_ASIDE = {
    "count": "text: the count",
    "station": "text: the official code, null where the row has none",
    "row": "int64: row in the source",
    "why": "text: no-code, repeated (the same row again), or conflicting (the rows differ)",
    "valid": "int64: votes for options on that row",
    "registered": "int64: registered voters on that row, null where not a number",
    "unreadable": "bool: a cell of votes on that row is filled and no number",
}
"""`set_aside`: rows that are not in `sheets`, because their station has no code or several rows."""

HISTORY = {
    "cell": "int64: cell of the level at which the earlier election is joined",
    "h0, h1, ...": "float: share of the earlier valid votes, 0 to 1, standing for the option",
    "valid": "int64: valid votes then",
}
"""`history`: an earlier election by place; options with no counterpart are null."""


def votes_columns(options: int) -> list[str]:
    """Names of the votes columns of `sheets`, in ballot order."""
    return [f"v{i}" for i in range(options)]


def cell(level: str) -> str:
    """The name of the column with the code of the path down to a level."""
    return f"cell_{level}"
