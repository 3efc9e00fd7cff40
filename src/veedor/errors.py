"""The errors that veedor raises: each says what is wrong, where, and what to do about it.

Files and configuration that cannot be used raise one of these. Election data that looks odd
never does: that is what the checks are for.
"""

from __future__ import annotations


class VeedorError(Exception):
    """Something that the user can mend: the message, the place, and the remedy.

    Parameters
    ----------
    message : str
        What is wrong.
    place : str, optional
        Where: a file with its row and column, or a case file with its key and line.
    remedy : str, optional
        What to do about it.
    """

    def __init__(
        self, message: str, *, place: str | None = None, remedy: str | None = None
    ) -> None:
        self.message = message
        self.place = place
        self.remedy = remedy
        parts = [f"{place}: {message}" if place else message]
        if remedy:
            parts.append(remedy)
        super().__init__("\n".join(parts))


class CaseError(VeedorError):
    """A case file with a mistake in it."""


class SourceError(VeedorError):
    """A data file that is missing, damaged, or not as the case says."""


class DownloadError(VeedorError):
    """A data file that could not be fetched from its public origin."""


class VerifyError(VeedorError):
    """An audit folder whose contents do not agree with what it says of itself."""


class InputsMissingError(VerifyError):
    """An audit folder whose findings cannot be computed anew, for want of its inputs."""


class ExtraMissingError(VeedorError):
    """An optional part of veedor that is not installed; the message names the extra."""
