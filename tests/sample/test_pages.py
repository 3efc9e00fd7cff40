"""The page of an examiner: what it shows, what it keeps, and what it refuses."""

from __future__ import annotations

import csv

import pytest

from tests.sample.test_examination import CODES, folder, given  # noqa: F401 - a fixture
from veedor.sample.examination import Answers, Examination

testclient = pytest.importorskip("starlette.testclient", reason="starlette is not installed")
ROOT = "/secret/"


@pytest.fixture
def page(folder):  # noqa: F811 - the fixture
    from veedor.sample.pages import pages

    one = Examination.open(folder, "ana")
    answers = Answers(folder, one)
    picture = folder / f"{one.stations[0]}.png"
    picture.write_bytes(b"\x89PNG picture")
    votes = {s: [("A", 31), ("B", 17)] for s in CODES}
    made = pages(one, answers, {one.stations[0]: [picture]}, votes, "secret")
    client = testclient.TestClient(made, base_url="http://127.0.0.1", follow_redirects=False)
    return client, one, answers


def test_a_sheet_is_shown_without_votes_until_they_are_asked_for(page):
    client, one, answers = page
    first = client.get(ROOT)
    assert first.status_code == 200
    assert one.stations[0] in first.text
    assert "Shown as it is: names, signatures and fingerprints are not veiled" in first.text
    assert "veiled" not in client.get(f"{ROOT}sheet/2").text
    assert "31" not in first.text.partition("<main>")[2]
    assert "One hand &lt;i&gt;?" in first.text
    assert "<i>" not in first.text
    assert client.post(f"{ROOT}sheet/1/votes").status_code == 303
    assert '<td class="n">31</td>' in client.get(f"{ROOT}sheet/1").text
    client.post(f"{ROOT}sheet/1", data=given())
    assert answers.entries[0]["votes_shown"] == "yes"


def test_an_entry_leads_to_the_next_sheet_and_can_be_corrected(page):
    client, one, answers = page
    kept = client.post(f"{ROOT}sheet/1", data=given(note="a <script>"))
    assert (kept.status_code, kept.headers["location"]) == (303, f"{ROOT}sheet/2")
    assert one.stations[1] in client.get(ROOT).text
    listed = client.get(f"{ROOT}entries").text
    assert "a &lt;script&gt;" in listed
    assert "Entry 1 on this sheet is kept" in client.get(f"{ROOT}sheet/1").text
    again = client.get(f"{ROOT}sheet/1").text
    assert 'name="hand" value="no" checked' in again
    assert again.count(" checked") == 2
    assert ">a &lt;script&gt;</textarea>" in again
    client.post(f"{ROOT}sheet/1", data=given(hand="yes"))
    assert [e["hand"] for e in answers.entries] == ["no", "yes"]
    for number in range(2, len(CODES) + 1):
        client.post(f"{ROOT}sheet/{number}", data=given())
    assert "All sheets have an entry" in client.get(ROOT).text


def test_a_sheet_can_be_skipped_and_is_listed_until_it_has_an_entry(page):
    client, one, _ = page
    last = len(CODES)
    assert f'href="{ROOT}sheet/2">skip' in client.get(f"{ROOT}sheet/1").text
    for number in range(2, last):
        kept = client.post(f"{ROOT}sheet/{number}", data=given())
        assert kept.headers["location"] == f"{ROOT}sheet/{number + 1}"
    listed = client.get(f"{ROOT}entries").text.partition("Sheets without an entry")[2]
    assert [s for s in CODES if s in listed] == sorted([one.stations[0], one.stations[-1]])
    assert f'href="{ROOT}sheet/1">skip' in client.get(f"{ROOT}sheet/{last}").text
    assert client.post(f"{ROOT}sheet/{last}", data=given()).headers["location"] == f"{ROOT}sheet/1"
    assert "skip" not in client.get(f"{ROOT}sheet/1").text
    assert client.post(f"{ROOT}sheet/1", data=given()).headers["location"] == ROOT
    assert "Sheets without an entry" not in client.get(ROOT).text


def test_a_sheet_is_told_with_its_places_and_with_nothing_else_of_the_file(folder):  # noqa: F811
    from veedor.sample.pages import pages

    def shown():
        one = Examination.open(folder, "ana")
        made = pages(one, Answers(folder, one), {}, {}, "secret")
        client = testclient.TestClient(made, base_url="http://127.0.0.1")
        return client.get(ROOT).text, client.get(f"{ROOT}entries").text

    rows = "".join(f"{k},{code},La <Paz>,Centre {k},0.5\n" for k, code in enumerate(CODES, 1))
    path = folder / "drawn.csv"
    path.write_text(f"draw,station,department,centre,chance\n{rows}", encoding="utf-8")
    for text in shown():
        assert "department: La &lt;Paz&gt;" in text
        assert "centre: Centre " in text
        assert "0.5" not in text.partition("<main>")[2]
    path.write_text(f"draw,station,votes,reason,share\n{rows}", encoding="utf-8")
    for text in shown():
        assert "Centre " not in text


def test_entries_of_sheets_that_were_shared_out_since_are_still_listed(page, folder):  # noqa: F811
    from veedor.sample.pages import pages

    client, one, answers = page
    for number in range(1, len(CODES) + 1):
        client.post(f"{ROOT}sheet/{number}", data=given())
    fewer = Examination.open(folder, "ana", ["ana", "luis"], each=1)
    made = pages(fewer, Answers(folder, fewer), {}, {}, "secret")
    again = testclient.TestClient(made, base_url="http://127.0.0.1")
    listed = again.get(f"{ROOT}entries")
    assert listed.status_code == 200
    assert all(station in listed.text for station in one.stations)
    assert f"{len(fewer.stations)} of {len(fewer.stations)} sheets have an entry" in listed.text
    assert len(answers.entries) == len(CODES)


def test_a_pdf_may_stand_in_the_page_and_nowhere_else(page):
    client, _, _ = page
    policy = client.get(f"{ROOT}sheet/1/picture/0").headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "frame-ancestors 'none'" in client.get(ROOT).headers["content-security-policy"]


def test_a_picture_shown_as_it_is_is_kept_each_time_and_not_shown_where_that_fails(page):
    client, one, answers = page
    client.get(f"{ROOT}sheet/1")
    client.get(f"{ROOT}sheet/1/picture/1")
    assert len(unveiled(answers)) == 0, "a page without its picture, and no picture"
    for shown in (1, 2):
        assert client.get(f"{ROOT}sheet/1/picture/0").status_code == 200
        assert len(unveiled(answers)) == shown
    assert set(unveiled(answers)) == {("ana", one.stations[0], "1")}
    answers.unveiled_path.unlink()
    answers.unveiled_path.mkdir()
    with pytest.raises(IsADirectoryError):
        client.get(f"{ROOT}sheet/1/picture/0")


def unveiled(answers):
    with answers.unveiled_path.open(encoding="utf-8", newline="") as file:
        return [(r["examiner"], r["station"], r["picture"]) for r in csv.DictReader(file)][1:]


def test_what_is_not_whole_is_not_kept(page):
    client, _, answers = page
    wrong = client.post(f"{ROOT}sheet/1", data={"hand": "no"})
    assert wrong.status_code == 400
    assert "Nothing was kept: no answer to: Fields left empty" in wrong.text
    assert 'name="hand" value="no" checked' in wrong.text
    long = client.post(f"{ROOT}sheet/1", data=given(note="x" * 3000))
    assert long.status_code == 400
    assert "x" * 3000 in long.text
    assert client.post(f"{ROOT}sheet/1", content=b"x" * 70_000).status_code == 413
    assert answers.entries == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1"},
        {"origin": "http://127.0.0.1:81"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://127.0.0.1", "sec-fetch-site": "same-site"},
    ],
)
def test_what_another_site_sends_is_refused(page, headers):
    client, _, answers = page
    for path in (f"{ROOT}sheet/1", f"{ROOT}sheet/1/votes"):
        assert client.post(path, data=given(), headers=headers).status_code == 403
    assert (answers.entries, answers.shown) == ([], set())


def test_what_the_page_sends_is_kept_and_its_forms_say_where_they_are_from(page):
    client, _, answers = page
    own = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    assert client.post(f"{ROOT}sheet/1", data=given(), headers=own).status_code == 303
    assert len(answers.entries) == 1
    # A browser sends the origin `null` from a page with the policy `no-referrer`.
    assert client.get(ROOT).headers["referrer-policy"] == "same-origin"


def test_nobody_else_gets_in_and_nothing_is_asked_of_elsewhere(page):
    client, _, _ = page
    assert client.get("/").status_code == 404
    assert client.get("/other/").status_code == 404
    assert client.get(ROOT, headers={"host": "attacker.example"}).status_code == 400
    for path in (f"{ROOT}sheet/0", f"{ROOT}sheet/21", f"{ROOT}sheet/1/picture/1",
                 f"{ROOT}sheet/2/picture/0", f"{ROOT}../drawn.csv"):  # fmt: skip
        assert client.get(path).status_code == 404
    shown = client.get(f"{ROOT}sheet/1/picture/0")
    assert (shown.headers["content-type"], shown.content[:4]) == ("image/png", b"\x89PNG")
    policy = client.get(ROOT).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in client.get(ROOT).text.replace('lang="en"', "").partition("<body>")[2]
