"""The report is one file that loads nothing, runs nothing of the data's, and can be read by all."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from veedor.errors import VeedorError
from veedor.report import pages
from veedor.report.html import render
from veedor.report.plain import clean, links, stem
from veedor.report.tables import Terms, statistic
from veedor.report.wording import load

VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "use", "path", "circle", "rect"})


class Page(HTMLParser):
    """The elements of a page in order, with their attributes and the text directly in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: dict[int, str] = {}
        self._open: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self.elements[self._open.pop()][0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.text[self._open[-1]] = self.text.get(self._open[-1], "") + data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def parsed(page: str) -> Page:
    return Page(page)


def test_the_page_asks_for_nothing_from_anywhere(parsed: Page) -> None:
    for tag, attributes in parsed.elements:
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form"), tag
        assert "src" not in attributes, tag
    policy = next(a["content"] for a in parsed.all("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]


def test_only_the_scripts_of_the_package_may_run(page: str, parsed: Page) -> None:
    policy = next(a["content"] for a in parsed.all("meta") if "http-equiv" in a)
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, flags=re.S)
    assert len(scripts) == 5
    for attributes, text in scripts:
        if "json" not in attributes:
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def test_hostile_strings_act_nowhere(page: str, parsed: Page) -> None:
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "\\x1b[31mrojo" in page
    for tag, attributes in parsed.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not attributes.get("href", "").lower().startswith("javascript"), tag


def test_data_for_the_script_is_json_without_markup(page: str) -> None:
    for name in ("specs", "strings"):
        text = page.partition(f'id="{name}">')[2].partition("</script>")[0]
        assert not set("<>&") & set(text)
        assert json.loads(text)


def test_every_link_within_the_page_leads_somewhere(parsed: Page) -> None:
    anchors = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    for attributes in parsed.all("a"):
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in anchors


def test_every_file_that_is_linked_exists(audit: Path, parsed: Page) -> None:
    local = [a["href"] for a in parsed.all("a") if not re.match("#|https?:", a.get("href", "#"))]
    assert len(local) > 10
    for path in local:
        assert (audit / path).is_file()


def test_every_finding_has_an_address(audit: Path, parsed: Page) -> None:
    document = json.loads((audit / "findings.json").read_text("utf-8"))
    articles = {attributes["id"] for attributes in parsed.all("article")}
    for finding in document["findings"]:
        name = ".".join(filter(None, (finding["check"], finding["subject"])))
        assert stem(name) in articles


def test_headings_never_skip_a_level(parsed: Page) -> None:
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_page_is_usable_without_sight(parsed: Page) -> None:
    tags = {tag for tag, _ in parsed.elements}
    assert {"main", "nav", "header", "footer"} <= tags
    assert parsed.all("html")[0]["lang"] == "en"
    assert parsed.all("a")[0]["class"] == "skip"
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    assert all("scope" in attributes for attributes in parsed.all("th"))
    pictures = [a for a in parsed.all("div") if a.get("class") == "picture"]
    assert pictures
    assert all(a["role"] == "img" and a["aria-label"] for a in pictures)
    for attributes in parsed.all("div"):
        if attributes.get("class") == "scroll":
            assert attributes["tabindex"] == "0"
            assert attributes["aria-label"]


def test_the_numbers_of_the_outcome_are_there(page: str) -> None:
    for text in ("10.565 points", "34,672", "17,336", "38,525", "31,520", "183", "−0.128"):
        assert text in page
    assert "200 of 3,000 rows are shown" in page


def test_a_share_that_would_have_to_be_false_is_no_treatment(page: str) -> None:
    assert page.count("<dd>49.9 %</dd>") == 4
    assert page.count("not even all of them") == 4
    assert "share-false" not in page.partition("<main")[2].partition("</main>")[0]


def _article(page: str, finding: str) -> str:
    return page.partition(f'<article class="finding" id="{finding}"')[2].partition("</article>")[0]


def test_a_finding_is_told_in_the_order_of_an_annex(page: str) -> None:
    article = _article(page, "sheets.unanimous.MAS")
    told = [
        "On 81 sheets every one",
        "(95 % interval; Poisson)",
        "The p-value is of so many such sheets. If what is expected held",
        "Sheets of one centre draw",
        "<figure",
        "Voting by community decision",
        "What it means for the outcome",
        'id="rows:sheets.unanimous.MAS"',
        "All numbers, as in findings.json",
    ]
    places = [article.index(text) for text in told]
    assert places == sorted(places)
    assert "correlation within the place" in article.partition('<details class="more"')[2]


def test_a_check_with_several_findings_goes_by_its_title(page: str) -> None:
    title = "Sheets on which every valid vote is for one option"
    assert f'<h1 id="check-sheets.unanimous-title">{title}</h1>' in page
    assert f"<span>{title}</span>" in page.partition("<main")[0]
    assert '<p class="question">Is every valid vote on a sheet for one option?</p>' in page


def test_the_first_page_keeps_lists_apart_from_records_and_bounds_from_what_if(page: str) -> None:
    first = page.partition('id="check-')[0]
    matrix = first.partition('class="data matrix')[2]
    records, _, lists = matrix.partition("Findings from the records</th>")[2].partition(
        "Lists that others named, not examined here</th>"
    )
    assert "sheets.full-turnout" in records
    assert "outcome.slack.report" not in records
    lists = lists.partition("</table>")[0]
    assert "outcome.slack.report" in lists
    assert "sheets.unanimous.CC" in records
    bounds = re.findall(r'<td class="n bound" data-label="([^"]*)"', first)
    assert set(bounds) == {"worst case"}
    told = re.sub(r"<[^>]*>|\s+", " ", first.partition('class="data parts')[2])
    told = told.partition("Margin in points")[0]
    for text in (
        "1 finding of 3 changes the outcome",
        "3 findings of 3 change the outcome",
        "1 list of 1 changes the outcome",
    ):
        assert text in told
    assert "every questioned vote to the runner-up" in told


def test_an_expected_number_is_said_to_be_one_and_counts_all_the_same(page: str) -> None:
    told = "This does not show the sheets to be right"
    assert told in _article(page, "sheets.unanimous.CC")
    assert page.count(told) == sum(
        told in _article(page, f"sheets.unanimous.{o}") for o in ("CC", "MTS", "MNR")
    )
    assert told not in _article(page, "sheets.unanimous.MAS")
    assert "does not rest on" not in page


def test_what_others_say_of_a_list_stands_apart_from_the_fact(page: str) -> None:
    article = _article(page, "outcome.slack.report")
    claim = article.partition('<figure class="claim">')[2].partition("</figure>")[0]
    assert "Claimed, not examined here" in claim
    assert "A report says: one hand. Escuela &lt;script&gt;" in claim
    assert article.count("A report says") == 1
    assert "A report says" not in _article(page, "outcome.slack.report").partition("claim")[0]
    assert "is-not-determinable" in article


def test_a_list_is_no_evidence_that_is_unavailable(page: str) -> None:
    section = page.partition('id="family-unavailable"')[2].partition("</section>")[0]
    assert "outcome.slack.report" not in section
    assert "infrastructure.undeclared-host" in section


def test_the_page_says_what_verifying_does_not_show(page: str) -> None:
    assert "not signed" in page.partition('id="repeat"')[2]


def test_sheets_questioned_by_several_findings_are_told_once_together(page: str) -> None:
    assert (
        "the 3 findings from the records that question sheets call 361 sheets into question" in page
    )
    assert "Without them the margin is 9.476 points: the outcome changes." in page
    assert "if 49.9 % of the winner’s votes on them were false and due to the runner-up" in page


def test_the_rows_of_a_finding_are_two_links_from_the_first_page(page: str, parsed: Page) -> None:
    first = page.partition('id="check-')[0]
    assert 'href="#sheets.full-turnout"' in first
    assert 'href="#rows:sheets.full-turnout"' in _article(page, "sheets.full-turnout")
    assert "rows:sheets.full-turnout" in {a["id"] for a in parsed.all("h3") if "id" in a}


def test_what_a_row_says_stands_before_where_it_is(page: str) -> None:
    rows = _article(page, "sheets.full-turnout").partition("searchable")[2]
    headings = re.findall(r"<th [^>]*>([^<]*)</th>", rows.partition("</tr>")[0])
    assert headings[0] == "station"
    assert headings.index("region") > headings.index("turnout")


def test_the_table_of_checks_says_what_was_observed_and_not_only_what_there_is() -> None:
    trails = "34,555 trails of 34,555 stations were followed. 60 trails depart from it."
    more = " A prescribed order is reversed: " + "opening before reception 10; " * 5 + "no more."
    assert pages._brief(trails + more) == trails
    assert pages._brief(f"{trails} One seal differs.") == f"{trails} One seal differs."
    counted = f"At the cut the records state: {'a log 2,516; ' * 18}no more."
    assert 200 < len(counted) < 300
    assert (
        pages._brief(f"{counted} They differ by 27. None is known.")
        == f"{counted} They differ by 27."
    )
    endless = "word " * 80 + "ends. Another one."
    assert pages._brief(endless) == endless.removesuffix(" Another one.")


def test_one_row_is_told_in_the_singular() -> None:
    words = load()
    assert words.text("finding.evidence_all", n=1).startswith("The one row is")
    assert words.text("finding.evidence_all", n=40) == "All 40 rows are shown and lie in the file."
    said = words.text("finding.questioned", stations=1, valid=1, votes="A 1")
    assert said == "In question: 1 sheet, with 1 valid vote (A 1)."
    assert words.text("undetermined.hangs", n=1) == "1 valid vote hangs on it"


def test_a_picture_says_how_to_read_it(page: str) -> None:
    for figure, note in (
        ("lanes", "Blank: no line on record. Not kept: the log was destroyed, lost, refused"),
        ("topology", "Dashed: declared, and not used"),
    ):
        drawn = page.partition(f'<figure id="f-{figure}"')[2].partition("</figure>")[0]
        assert note in drawn
    assert (
        "no line on record"
        not in page.partition('<figure id="f-bars"')[2].partition("</figure>")[0]
    )


def test_options_are_told_by_name(page: str) -> None:
    numbers = _article(page, "sheets.unanimous.MAS").partition("All numbers")[2]
    assert '<td>Movimiento al Socialismo</td><td class="n">9,039</td>' in numbers


def test_lists_within_lists_are_tables_of_their_own() -> None:
    given = {
        "by_winner": [
            {
                "option": "A",
                "stations": 2,
                "grains": [{"level": "", "p": 0.5}, {"level": "centre"}],
            },
            {"option": None, "stations": 1, "grains": []},
        ],
        "common": {"stations": 3, "votes": {"A": 7}},
    }
    made = statistic(given, Terms(load(), "reconcile.counts", {"A": "The A list"}))
    assert [table.caption for table in made.tables] == [
        "by winner of the sheet",
        "by winner of the sheet: within places",
        "sheets in both",
        "sheets in both: votes",
    ]
    assert made.tables[0].rows == [["The A list", "2"], ["nobody", "1"]]
    assert made.tables[1].rows == [
        ["The A list", "the whole", "0.50"],
        ["The A list", "centre", "–"],
    ]
    assert made.tables[3].rows == [["The A list", "7"]]


def test_checks_that_were_not_run_are_listed_with_the_reason(page: str) -> None:
    assert "the case has no scans" in page
    assert "the custody forms were asked for and not given" in page


def test_the_same_folder_gives_the_same_page(audit: Path, page: str) -> None:
    assert render(audit).read_text("utf-8") == page


def test_the_page_does_not_depend_on_its_own_entry_in_the_manifest(
    tmp_path: Path, audit: Path, page: str
) -> None:
    """Whoever verifies a folder makes its page anew from the rest of it, elsewhere."""
    copy = tmp_path / "copy"
    shutil.copytree(audit, copy)
    manifest = json.loads((copy / "manifest.json").read_text("utf-8"))
    (copy / "index.html").unlink()
    assert render(copy).read_text("utf-8") == page
    sealed = {"outputs": {"index.html": "0" * 64, **manifest["outputs"]}, "seconds": {"read": 1.5}}
    (copy / "manifest.json").write_text(json.dumps(manifest | sealed), "utf-8")
    assert render(copy).read_text("utf-8") == page


def test_a_small_probability_is_never_written_as_zero() -> None:
    given = {"p": 1e-12, "p_around": 1e-300, "direction_p": 0.0, "chance": 2e-10, "p_control": 0.04}
    shown = dict(statistic(given, Terms(load())).values)
    assert list(shown.values()) == ["< 0.0001"] * 4 + ["0.040"]


@pytest.mark.parametrize("name", ["findings.json", "manifest.json"])
def test_a_folder_without_its_documents_is_an_error(tmp_path: Path, name: str, audit: Path) -> None:
    shutil.copytree(audit, tmp_path / "copy")
    (tmp_path / "copy" / name).unlink()
    with pytest.raises(VeedorError, match=f"no {name}"):
        render(tmp_path / "copy")


@pytest.mark.parametrize(
    "path", ["../secret.parquet", "/etc/passwd", "javascript:alert(1)", "evidence/none.parquet"]
)
def test_evidence_outside_the_folder_is_refused(tmp_path: Path, path: str, audit: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(audit, copy)
    document = json.loads((copy / "findings.json").read_text("utf-8"))
    document["findings"][1]["evidence"]["path"] = path
    (copy / "findings.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(VeedorError, match="is not in the audit folder"):
        render(copy)


def test_a_document_of_another_shape_is_named(tmp_path: Path, audit: Path) -> None:
    shutil.copytree(audit, tmp_path / "copy")
    (tmp_path / "copy" / "findings.json").write_text("{}", "utf-8")
    with pytest.raises(VeedorError, match=r"findings\.json is not as its format says: veedor"):
        render(tmp_path / "copy")


def test_only_web_addresses_and_dois_become_links() -> None:
    assert links("javascript:alert(1)") == [("javascript:alert(1)", None)]
    assert links("See https://a.example/b).") == [
        ("See ", None),
        ("https://a.example/b", "https://a.example/b"),
        (").", None),
    ]
    assert links("10.1086/719639") == [("10.1086/719639", "https://doi.org/10.1086/719639")]


def test_control_characters_and_lone_surrogates_become_visible() -> None:
    assert clean("a\x00b\x1b[0m\u202e\ud800") == "a\\x00b\\x1b[0m\\u202e\ufffd"
    assert clean("Ñandú 投票\n") == "Ñandú 投票\n"


def _browser() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@pytest.mark.skipif(_browser() is None, reason="no Chromium to open the page with")
def test_a_browser_opens_the_page_at_a_finding(tmp_path: Path, audit: Path) -> None:
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    address = f"{(audit / 'index.html').as_uri()}#sheets.unanimous.CC"
    shown = subprocess.run(
        [
            str(_browser()),
            *flags.split(),
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path}",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    opened = [a for a in Page(shown).all("section") if "open" in a.get("class", "").split()]
    assert [a["id"] for a in opened] == ["check-sheets.unanimous"]
    assert 'aria-sort="none"' in shown
