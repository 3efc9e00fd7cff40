"""Fetch one pinned file over HTTPS: resumed, bounded by its known size, checked by its known hash.

Nothing is trusted but the pinned hash. Whatever the server does (ignores the range asked for, stops
in the middle, sends more or other bytes), the target either holds exactly the pinned content or
does not exist.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

from veedor.errors import DownloadError

Progress = Callable[[str, int, int], None]
"""Called with a label, how much is done, and how much there is to do (bytes, here)."""

CHUNK = 1 << 16
RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 30.0
CONNECTIONS = 2
"""Tries to reach a server: on a machine without a network, more would only be waited for."""
OFFLINE = (
    "Check the network, or put the file into a data folder and name that folder in VEEDOR_DATA."
)


class Opener(Protocol):
    """What is used of `urllib.request.OpenerDirector`."""

    def open(self, request: urllib.request.Request, *, timeout: float) -> Any:
        """The response to the request."""


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only: a plain one could be read and altered on the way."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            raise DownloadError(
                f"the server redirects to {newurl}, which is not https", place=req.full_url
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def https_opener() -> Opener:
    """An opener that respects the environment's proxies and redirects to https only."""
    return urllib.request.build_opener(_HttpsRedirects())


@dataclass(frozen=True, slots=True)
class Fetcher:
    """How files are fetched; tests put in their own opener, schemes and clock.

    Parameters
    ----------
    opener : Opener
    schemes : frozenset of str
        Schemes that the first address may have.
    attempts : int
        How often a transfer is tried (and resumed) before giving up.
    timeout : float
        Seconds without a byte after which a try is given up.
    """

    opener: Opener = field(default_factory=https_opener)
    schemes: frozenset[str] = frozenset({"https"})
    attempts: int = 5
    timeout: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def fetch(
        self,
        url: str,
        target: Path,
        *,
        sha256: str,
        size: int,
        label: str = "",
        progress: Progress | None = None,
    ) -> None:
        """Put the content with this hash and size at `target`, or raise DownloadError.

        The bytes gather in `target` + `.part`, which a later call resumes.
        """
        if urlsplit(url).scheme not in self.schemes:
            raise DownloadError("only https addresses are fetched", place=url)
        partial = _Partial.beside(target)
        report = progress or (lambda *_: None)
        last: Exception | None = None
        unconnected = 0
        for attempt in range(self.attempts):
            try:
                self._transfer(url, partial, size, lambda n: report(label or url, n, size))
                resumed = partial.resumed
                if _sha256(partial.path) == sha256:
                    partial.finish(target)
                    return
                found = _sha256(partial.path)
                partial.discard()
                if not resumed:
                    raise _wrong_hash(url, sha256, found)
                last = _wrong_hash(url, sha256, found)
            except _Interrupted as error:
                last = error
                unconnected += isinstance(error, _Unconnected)
                if unconnected == CONNECTIONS:
                    break
                if attempt + 1 < self.attempts:
                    self.sleep(min(error.wait or 0.5 * 2**attempt, LONGEST_WAIT))
        if isinstance(last, DownloadError):
            raise last
        raise DownloadError(
            f"could not be fetched in {attempt + 1} tries: {last}", place=url, remedy=OFFLINE
        ) from last

    def _transfer(
        self, url: str, partial: _Partial, size: int, report: Callable[[int], None]
    ) -> None:
        """Bring the partial file to `size` bytes, or raise `_Interrupted` or DownloadError."""
        start, validator = partial.state(size)
        if start == size:
            partial.resumed = True
            return
        request = urllib.request.Request(url, headers=_headers(start, validator))  # noqa: S310
        with _network_errors(url, partial), self._open(request) as response:
            partial.resumed = response.status == 206
            if partial.resumed:
                _check_range(url, partial, response.headers, start, size)
            else:
                start = 0
                _check_length(url, partial, response.headers, size)
                partial.begin(response.headers)
            with partial.path.open("ab" if start else "wb") as file:
                got = start
                report(got)
                while chunk := response.read(min(CHUNK, size - got + 1)):
                    got += len(chunk)
                    if got > size:
                        break
                    file.write(chunk)
                    report(got)
        if got > size:
            partial.discard()
            raise _wrong_length(url, f"more than {size}", size)
        if got < size:
            raise _Interrupted(f"the transfer stopped at {got} of {size} bytes")

    def _open(self, request: urllib.request.Request) -> Any:
        return self.opener.open(request, timeout=self.timeout)


class _Interrupted(Exception):
    """A try that failed in a way that another may not."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class _Unconnected(_Interrupted):
    """A try that did not reach the server."""


@dataclass(slots=True)
class _Partial:
    """The bytes received so far, and beside them the validator (ETag) of what they are part of."""

    path: Path
    tag: Path
    resumed: bool = False

    @classmethod
    def beside(cls, target: Path) -> _Partial:
        return cls(target.with_name(target.name + ".part"), target.with_name(target.name + ".etag"))

    def state(self, size: int) -> tuple[int, str]:
        """How many bytes can be kept, and the validator under which they may be continued."""
        try:
            have = self.path.stat().st_size
            validator = self.tag.read_text(encoding="latin-1")
        except OSError:
            have, validator = 0, ""
        if not validator or have > size:
            self.discard()
            return 0, ""
        return have, validator

    def begin(self, headers: Mapping[str, str]) -> None:
        """Note the validator of a transfer that starts at the first byte."""
        self.discard()
        etag = headers.get("ETag", "")
        # A weak one does not promise the same bytes: If-Range refuses it (RFC 9110, 13.1.5).
        if etag.startswith('"') and etag.isprintable():
            self.tag.write_text(etag, encoding="latin-1")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self.path, target)
        self.tag.unlink(missing_ok=True)


def _headers(start: int, validator: str) -> dict[str, str]:
    headers = {"User-Agent": "veedor", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    return headers


@contextlib.contextmanager
def _network_errors(url: str, partial: _Partial) -> Iterator[None]:
    """Sort what can go wrong on the way into what another try may mend and what it will not."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            partial.discard()
            raise _Interrupted("the server refused the range") from error
        if error.code in RETRY_STATUS:
            wait = str(error.headers.get("Retry-After", ""))
            seconds = float(wait) if wait.isdecimal() else None
            raise _Interrupted(
                f"the server answered {error.code} {error.reason}", seconds
            ) from error
        raise DownloadError(
            f"the server answered {error.code} {error.reason}", place=url, remedy=OFFLINE
        ) from error
    except urllib.error.URLError as error:
        raise _Unconnected(f"no connection ({error.reason})") from error
    except (ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException) as error:
        raise _Interrupted(f"the transfer broke off ({error or type(error).__name__})") from error
    except OSError as error:
        raise DownloadError(
            f"what was fetched could not be kept ({error.strerror or error})",
            place=str(partial.path),
            remedy="Make room there, or name another folder in VEEDOR_CACHE.",
        ) from error


def _check_length(url: str, partial: _Partial, headers: Mapping[str, str], size: int) -> None:
    coding = headers.get("Content-Encoding", "identity")
    if coding != "identity":
        raise DownloadError(f"the server sent the content encoded as {coding}", place=url)
    length = headers.get("Content-Length")
    if length is not None and length != str(size):
        partial.discard()
        raise _wrong_length(url, length, size)


def _check_range(
    url: str, partial: _Partial, headers: Mapping[str, str], start: int, size: int
) -> None:
    stated = headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", stated)
    if not match or int(match[1]) != start:
        partial.discard()
        raise _Interrupted(f"the server sent another range than was asked for ({stated or 'none'})")
    if match[3] not in ("*", str(size)):
        partial.discard()
        raise _wrong_length(url, match[3], size)


def _wrong_length(url: str, found: str, size: int) -> DownloadError:
    return DownloadError(
        f"the content has {found} bytes; {size} were expected",
        place=url,
        remedy="What is published there is no longer the pinned file. " + OFFLINE,
    )


def _wrong_hash(url: str, expected: str, found: str) -> DownloadError:
    return DownloadError(
        f"the content has SHA-256 {found}; {expected} was expected",
        place=url,
        remedy="What is published there is no longer the pinned file; it was deleted. " + OFFLINE,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
