"""Fetching a pinned file: what lands at the target is the pinned content, or nothing."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from veedor.case.fetch import CHUNK, Fetcher, https_opener
from veedor.errors import DownloadError

from .served import broken_off, plain_fetcher, rest, serve, status, whole

CONTENT = b"".join(b"%07d\n" % n for n in range(40_000))  # several chunks
assert len(CONTENT) > 4 * CHUNK
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


def get(url: str, target: Path, fetcher: Fetcher | None = None, **changes: object) -> None:
    wanted = {"sha256": SHA256, "size": len(CONTENT)} | changes
    (fetcher or plain_fetcher()).fetch(url, target, **wanted)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_content_lands_and_nothing_else_stays(tmp_path):
    seen: list[tuple[str, int, int]] = []
    with serve(CONTENT) as server:
        get(server.url, tmp_path / "f", label="f", progress=lambda *a: seen.append(a))
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert leftovers(tmp_path) == ["f"]
    assert seen[0] == ("f", 0, len(CONTENT))
    assert seen[-1] == ("f", len(CONTENT), len(CONTENT))
    assert "Range" not in server.asked[0]


def test_a_transfer_that_breaks_off_is_resumed_where_it_stopped(tmp_path):
    with serve(CONTENT, broken_off(CONTENT, HALF), rest(CONTENT)) as server:
        get(server.url, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.asked[1]["Range"] == f"bytes={HALF}-"
    assert server.asked[1]["If-Range"] == '"v1"'


def test_a_later_call_resumes_what_an_earlier_one_left(tmp_path):
    with serve(CONTENT, broken_off(CONTENT, HALF), rest(CONTENT)) as server:
        with pytest.raises(DownloadError, match=f"stopped at {HALF} of {len(CONTENT)}"):
            get(server.url, tmp_path / "f", plain_fetcher(attempts=1))
        assert leftovers(tmp_path) == ["f.etag", "f.part"]
        get(server.url, tmp_path / "f", plain_fetcher(attempts=1))
    assert server.asked[1]["Range"] == f"bytes={HALF}-"
    assert leftovers(tmp_path) == ["f"]


def test_a_server_that_ignores_the_range_is_heard_from_the_start(tmp_path):
    with serve(CONTENT, broken_off(CONTENT, HALF), whole(CONTENT)) as server:
        get(server.url, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert "Range" in server.asked[1]


@pytest.mark.parametrize("etag", ['W/"v1"', "unquoted", ""])
def test_without_a_strong_validator_nothing_is_resumed(tmp_path, etag):
    with serve(CONTENT, broken_off(CONTENT, HALF, ETag=etag)) as server:
        get(server.url, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert "Range" not in server.asked[1]


def test_another_range_than_was_asked_for_is_not_joined(tmp_path):
    wrong = rest(CONTENT, stated=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")
    with serve(CONTENT, broken_off(CONTENT, HALF), wrong) as server:
        get(server.url, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert "Range" not in server.asked[2]


def test_a_refused_range_starts_over(tmp_path):
    with serve(CONTENT, broken_off(CONTENT, HALF), status(416)) as server:
        get(server.url, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert "Range" not in server.asked[2]


def test_a_resumed_file_with_the_wrong_hash_is_fetched_afresh_once_more(tmp_path):
    (tmp_path / "f.part").write_bytes(b"x" * HALF)
    (tmp_path / "f.etag").write_text('"v1"')
    with serve(CONTENT, rest(CONTENT)) as server:
        get(server.url, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert "Range" not in server.asked[1]


def test_other_bytes_of_the_right_length_are_deleted(tmp_path):
    other = b"x" * len(CONTENT)
    with serve(other) as server, pytest.raises(DownloadError) as caught:
        get(server.url, tmp_path / "f")
    assert leftovers(tmp_path) == []
    assert SHA256 in str(caught.value)
    assert hashlib.sha256(other).hexdigest() in str(caught.value)
    assert server.url in str(caught.value)
    assert "VEEDOR_DATA" in str(caught.value)
    assert len(server.asked) == 1  # the same would come again


def test_another_length_is_refused_before_the_transfer(tmp_path):
    with serve(CONTENT + b"x") as server, pytest.raises(DownloadError, match="were expected"):
        get(server.url, tmp_path / "f")
    assert leftovers(tmp_path) == []


def test_a_server_that_sends_more_than_is_pinned_is_cut_off(tmp_path):
    def endless(request):
        request.send_response(200)
        request.end_headers()  # no length: until the connection closes
        request.wfile.write(CONTENT + b"x" * 10)

    with serve(CONTENT, endless) as server, pytest.raises(DownloadError, match="more than"):
        get(server.url, tmp_path / "f")
    assert leftovers(tmp_path) == []


def test_a_file_that_is_not_there_is_not_asked_for_twice(tmp_path):
    with serve(CONTENT, status(404)) as server, pytest.raises(DownloadError) as caught:
        get(server.url, tmp_path / "f")
    assert "404" in str(caught.value)
    assert server.url in str(caught.value)
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again_after_the_time_it_states(tmp_path):
    waits: list[float] = []
    busy = status(503, Retry_After="7")
    with serve(CONTENT, busy, status(500)) as server:
        get(server.url, tmp_path / "f", plain_fetcher(sleep=waits.append))
    assert waits == [7.0, 1.0]


def test_no_network_says_so_and_what_to_do(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/f"
        with pytest.raises(DownloadError) as caught:
            get(url, tmp_path / "f")
    assert "no connection" in str(caught.value)
    assert "2 tries" in str(caught.value)
    assert "VEEDOR_DATA" in str(caught.value)


def test_an_encoded_answer_is_refused(tmp_path):
    answer = whole(CONTENT, Content_Encoding="br")
    with serve(CONTENT, answer) as server, pytest.raises(DownloadError, match="encoded as br"):
        get(server.url, tmp_path / "f")


def test_plain_http_is_refused_without_a_request(tmp_path):
    with serve(CONTENT) as server, pytest.raises(DownloadError, match="only https"):
        get(server.url, tmp_path / "f", Fetcher())
    assert server.asked == []


def test_a_redirect_to_plain_http_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    fetcher = plain_fetcher(opener=https_opener())
    with serve(CONTENT) as server:
        server.answers.append(status(302, Location=server.url))
        with pytest.raises(DownloadError, match="which is not https"):
            get(server.url, tmp_path / "f", fetcher)
        assert len(server.asked) == 1


def test_the_proxy_of_the_environment_is_used(tmp_path, monkeypatch):
    with serve(CONTENT) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        fetcher = plain_fetcher(opener=https_opener())
        get("http://data.example/f", tmp_path / "f", fetcher)
        assert proxy.asked[0]["Host"] == "data.example"
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_full_disk_is_not_taken_for_a_network_fault(tmp_path):
    with serve(CONTENT) as server, pytest.raises(DownloadError, match="could not be kept"):
        get(server.url, tmp_path / "missing" / "f")
    assert len(server.asked) == 1
