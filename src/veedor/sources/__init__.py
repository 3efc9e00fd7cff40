"""Readers: a published file becomes a table of its columns, every cell as it was written.

One reader per format. None of them interprets a cell: that is done once, for all formats, where
the canonical tables are made. Each names the file, the row and the column of what it cannot read.
"""

from veedor.sources.read import Opened, open_source, read_columns

__all__ = ["Opened", "open_source", "read_columns"]
