"""A small web server on the loopback that misbehaves as told."""

from __future__ import annotations

import contextlib
import http.server
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from veedor.case.fetch import Fetcher

ETAG = '"v1"'


class Request(http.server.BaseHTTPRequestHandler):
    """One request; what is answered is up to the test."""

    server: Served

    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers.items()))
        answer = self.server.answers.pop(0) if self.server.answers else self.server.default
        answer(self)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


Answer = Callable[[Request], None]


@dataclass
class Served(http.server.ThreadingHTTPServer):
    """The server, the answers still to be given, and the headers of the requests it had."""

    content: bytes
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    default: Answer = lambda request: request.answer(404)

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.default = whole(self.content)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/a%20file.csv"


def whole(content: bytes, **headers: str) -> Answer:
    """The whole content, whatever was asked for."""
    headers.setdefault("ETag", ETAG)
    return lambda request: request.answer(200, content, **headers)


def broken_off(content: bytes, after: int, **headers: str) -> Answer:
    """The full length promised, and the connection closed in the middle."""
    headers.setdefault("ETag", ETAG)
    return lambda request: request.answer(
        200, content[:after], Content_Length=str(len(content)), **headers
    )


def rest(content: bytes, *, stated: str | None = None) -> Answer:
    """The range that was asked for."""

    def answer(request: Request) -> None:
        start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        span = stated or f"bytes {start}-{len(content) - 1}/{len(content)}"
        request.answer(206, content[start:], Content_Range=span, ETag=ETAG)

    return answer


def status(code: int, **headers: str) -> Answer:
    return lambda request: request.answer(code, b"no", **headers)


@contextlib.contextmanager
def serve(content: bytes, *answers: Answer) -> Iterator[Served]:
    """Serve on a free port until the block ends."""
    server = Served(content, list(answers))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def plain_fetcher(**changes: Any) -> Fetcher:
    """A fetcher that may use http, straight to the loopback, and does not wait between tries."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    settings: dict[str, Any] = {
        "opener": opener,
        "schemes": frozenset({"http"}),
        "attempts": 3,
        "timeout": 5.0,
        "sleep": lambda _: None,
    }
    return Fetcher(**(settings | changes))
