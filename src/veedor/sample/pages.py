"""The pages on which an examiner judges sheets: local, blind, and one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from veedor.sample.examination import LONGEST, PICTURES, Answers, Examination
from veedor.sample.scans import Scan

__all__ = ["pages"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; object-src 'self'; style-src 'unsafe-inline';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With `no-referrer` a browser gives the page's own forms the origin `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
PICTURE = HEADERS | {
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    )
}
"""Of a picture: a PDF stands inside the page."""
NO_FORM = (
    "No form was found on this picture that says where names, signatures and fingerprints lie, or"
    " it cannot be opened. Examine the paper."
)
ELSEWHERE = "Nothing was kept: this was not sent by the page itself."
VEILED = {
    (True,): "Names, signatures and fingerprints are veiled in what is shown.",
    (False,): (
        "Shown as it is: names, signatures and fingerprints are not veiled. Each showing is kept."
    ),
    (False, True): (
        "In some pictures names, signatures and fingerprints are not veiled. Each showing of these"
        " is kept."
    ),
}
"""What is said of a sheet's pictures, by whether they are veiled."""
MOST = 65_536
"""Bytes of a form."""


def pages(
    examination: Examination,
    answers: Answers,
    images: Mapping[str, Sequence[Path | Scan]],
    votes: Mapping[str, Sequence[tuple[str, int]]],
    token: str,
) -> Starlette:
    """The application, every page of it under the path `/TOKEN/`.

    Parameters
    ----------
    images : station -> its pictures: files as they are, or scans of a case; each showing of one
        that is not veiled is kept
    votes : station -> option and votes; shown on request only, and each request is kept
    """
    root = f"/{token}/"
    made = _Pages(examination, answers, images, votes, root)
    sheet = f"{root}sheet/{{number:int}}"
    return Starlette(
        routes=[
            Route(root, made.first),
            Route(f"{root}entries", made.entries),
            Route(sheet, made.one),
            Route(sheet, made.add, methods=["POST"]),
            Route(f"{sheet}/votes", made.show, methods=["POST"]),
            Route(f"{sheet}/picture/{{index:int}}", made.picture),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


class _Pages:
    """The pages of one examiner."""

    def __init__(
        self,
        examination: Examination,
        answers: Answers,
        images: Mapping[str, Sequence[Path | Scan]],
        votes: Mapping[str, Sequence[tuple[str, int]]],
        root: str,
    ) -> None:
        self._examination, self._answers = examination, answers
        self._images, self._votes, self._root = images, votes, root
        self._made = jinja2.Environment(
            loader=jinja2.PackageLoader("veedor.sample"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def first(self, request: Request) -> Response:
        """The next sheet without an entry, or all entries."""
        station = self._answers.next()
        return await self.entries(request) if station is None else self._sheet(station)

    async def one(self, request: Request) -> Response:
        """One sheet, by its number in the examiner's order."""
        return self._sheet(self._station(request))

    async def entries(self, request: Request) -> Response:
        """All entries of the examiner."""
        return self._page("entries.html", entries=self._answers.entries, left=self._answers.left())

    async def picture(self, request: Request) -> Response:
        """A picture of a sheet; that it is shown as it is, is kept before it is."""
        station = self._station(request)
        pictures = self._images.get(station, ())
        index = int(request.path_params["index"])
        if index >= len(pictures):
            raise HTTPException(404)
        picture = pictures[index]
        if isinstance(picture, Path):
            self._answers.unveil(station, index + 1)
            kind = PICTURES[picture.suffix.lower()]
            return FileResponse(picture, media_type=kind, headers=PICTURE)
        data = await run_in_threadpool(lambda: picture.png)
        if data is None:
            raise HTTPException(404, NO_FORM)
        if not picture.veiled:
            self._answers.unveil(station, index + 1)
        return Response(data, media_type="image/png", headers=PICTURE)

    async def show(self, request: Request) -> Response:
        """Show the votes of a sheet from now on, and keep that they were."""
        _own(request)
        self._answers.show(self._station(request))
        number = request.path_params["number"]
        return RedirectResponse(f"{self._root}sheet/{number}", 303, HEADERS)

    async def add(self, request: Request) -> Response:
        """Keep an entry and go on to the next sheet; without all answers, the sheet again."""
        _own(request)
        station = self._station(request)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST:
                raise HTTPException(413)
        form = {k: v[-1] for k, v in parse_qs(body.decode("utf-8", "replace")).items()}
        try:
            self._answers.add(station, form, form.get("note", ""))
        except ValueError as error:
            return self._sheet(station, str(error), 400, form)
        following = self._number(self._answers.next(station))
        to = f"{self._root}sheet/{following}" if following else self._root
        return RedirectResponse(to, 303, HEADERS)

    def _station(self, request: Request) -> str:
        number = int(request.path_params["number"])
        if not 1 <= number <= len(self._examination.stations):
            raise HTTPException(404)
        return self._examination.stations[number - 1]

    def _number(self, station: str | None) -> int | None:
        return None if station is None else self._examination.stations.index(station) + 1

    def _sheet(
        self,
        station: str,
        wrong: str = "",
        status: int = 200,
        form: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        pictures = self._images.get(station, ())
        before = self._answers.judged().get(station)
        return self._page(
            "sheet.html",
            status,
            station=station,
            number=self._number(station),
            following=self._number(self._answers.next(station)),
            places=self._examination.places.get(station, ()),
            pictures=[
                (i, isinstance(p, Path) and PICTURES[p.suffix.lower()] == "application/pdf")
                for i, p in enumerate(pictures)
            ],
            veiled=VEILED.get(tuple(sorted({_veiled(p) for p in pictures})), ""),
            votes=self._votes.get(station, ()) if station in self._answers.shown else (),
            can_show=station in self._votes,
            before=before,
            start=form or before or {},
            wrong=wrong,
            longest=LONGEST,
        )

    def _page(self, name: str, status: int = 200, **values: object) -> HTMLResponse:
        text = self._made.get_template(name).render(
            root=self._root,
            examination=self._examination,
            done=self._answers.done,
            **values,
        )
        return HTMLResponse(text, status_code=status, headers=HEADERS)


def _own(request: Request) -> None:
    """Refuse a form that another site sends in the examiner's name."""
    headers = request.headers
    own = f"{request.url.scheme}://{headers.get('host', '')}"
    if any(origin != own for origin in headers.getlist("origin")):
        raise HTTPException(403, ELSEWHERE)
    if any(site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site")):
        raise HTTPException(403, ELSEWHERE)


def _veiled(picture: Path | Scan) -> bool:
    return not isinstance(picture, Path) and picture.veiled
