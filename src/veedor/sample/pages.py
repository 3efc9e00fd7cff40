"""The pages on which an examiner judges sheets: local, blind, and one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from veedor.sample.examination import PICTURES, Answers, Examination

__all__ = ["pages"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; object-src 'self'; style-src 'unsafe-inline';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
MOST = 65_536
"""Bytes of a form."""


def pages(
    examination: Examination,
    answers: Answers,
    images: Mapping[str, Sequence[Path]],
    votes: Mapping[str, Sequence[tuple[str, int]]],
    token: str,
) -> Starlette:
    """The application, every page of it under the path `/TOKEN/`.

    Parameters
    ----------
    images : station -> its pictures
    votes : station -> option and votes; shown on request only, and each request is kept
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("veedor.sample"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: set[str] = set()
    root = f"/{token}/"

    def page(name: str, status: int = 200, **values: object) -> HTMLResponse:
        text = made.get_template(name).render(
            root=root, examination=examination, done=len(answers.judged()), **values
        )
        return HTMLResponse(text, status_code=status, headers=HEADERS)

    def sheet(station: str, wrong: str = "", status: int = 200) -> HTMLResponse:
        pictures = images.get(station, ())
        return page(
            "sheet.html",
            status,
            station=station,
            number=examination.stations.index(station) + 1,
            pictures=[
                (i, PICTURES[p.suffix.lower()] == "application/pdf") for i, p in enumerate(pictures)
            ],
            votes=votes.get(station, ()) if station in shown else (),
            can_show=station in votes,
            before=answers.judged().get(station),
            wrong=wrong,
        )

    def known(request: Request) -> str:
        number = int(request.path_params["number"])
        if not 1 <= number <= len(examination.stations):
            raise HTTPException(404)
        return examination.stations[number - 1]

    async def first(request: Request) -> Response:
        station = answers.next()
        if station is None:
            return page("entries.html", entries=answers.entries, finished=True)
        return sheet(station)

    async def one(request: Request) -> Response:
        return sheet(known(request))

    async def entries(request: Request) -> Response:
        return page("entries.html", entries=answers.entries, finished=answers.next() is None)

    async def picture(request: Request) -> Response:
        pictures = images.get(known(request), ())
        index = int(request.path_params["index"])
        if index >= len(pictures):
            raise HTTPException(404)
        path = pictures[index]
        return FileResponse(path, media_type=PICTURES[path.suffix.lower()], headers=HEADERS)

    async def show(request: Request) -> Response:
        shown.add(known(request))
        return RedirectResponse(f"{root}sheet/{request.path_params['number']}", 303, HEADERS)

    async def add(request: Request) -> Response:
        station = known(request)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST:
                raise HTTPException(413)
        form = {k: v[-1] for k, v in parse_qs(body.decode("utf-8", "replace")).items()}
        try:
            answers.add(station, form, form.get("note", ""), station in shown)
        except ValueError as error:
            return sheet(station, str(error), 400)
        return RedirectResponse(root, 303, HEADERS)

    return Starlette(
        routes=[
            Route(root, first),
            Route(f"{root}entries", entries),
            Route(f"{root}sheet/{{number:int}}", one),
            Route(f"{root}sheet/{{number:int}}", add, methods=["POST"]),
            Route(f"{root}sheet/{{number:int}}/votes", show, methods=["POST"]),
            Route(f"{root}sheet/{{number:int}}/picture/{{index:int}}", picture),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )
