"""A case file proposed for data that nobody described: it loads, and the guesses are right."""

from __future__ import annotations

import datetime as dt
import gzip
import zipfile

import pytest

from veedor.case.loading import load_case
from veedor.case.manifest import Case
from veedor.case.proof import examine
from veedor.case.propose import propose
from veedor.case.recognise import normalise, role
from veedor.case.sample import guess_encoding, guess_header, guess_separator, take
from veedor.cli import main
from veedor.errors import CaseError, SourceError

ROWS = [
    (n, f"Town {n % 7}", f"School {n % 30}", 300, n % 90, (3 * n) % 70, 2, 1) for n in range(100)
]


def table(names, rows=ROWS, separator=","):
    lines = [names, *rows]
    return "".join(separator.join(map(str, line)) + "\r\n" for line in lines)


SPANISH = ["Número Mesa", "Municipio", "Recinto", "Inscritos", "PAN", "Unión", "Blancos", "Nulos"]
ENGLISH = ["Station", "Municipality", "Polling place", "Registered", "A", "B", "Blank", "Invalid"]
PORTUGUESE = ["Seção", "Município", "Local", "Aptos", "PT", "PL", "Em branco", "Nulos"]
FRENCH = ["Bureau de vote", "Commune", "Centre", "Inscrits", "Liste 1", "Liste 2", "Blancs", "Nuls"]
RUSSIAN = [
    "УИК",
    "Регион",
    "ТИК",
    "Число избирателей, включенных в список избирателей",
    "Иванов",
    "Петров",
    "Испорченных",
    "Число недействительных избирательных бюллетеней",
]


def proposed(tmp_path, *files) -> Case:
    out = tmp_path / "case.toml"
    out.write_text(propose(files, out, today=dt.date(2024, 1, 2)).text, encoding="utf-8")
    return load_case(out)


def fits(case: Case) -> list[SourceError]:
    return examine(case, lambda _: None).wrong


class TestProposal:
    @pytest.mark.parametrize("names", [SPANISH, ENGLISH, PORTUGUESE, FRENCH], ids=lambda n: n[0])
    def test_a_simple_file_in_several_languages(self, tmp_path, names):
        (tmp_path / "results.csv").write_text(table(names), encoding="utf-8")
        case = proposed(tmp_path, tmp_path / "results.csv")
        (source,) = case.sources
        assert source.key == (names[0],)
        assert dict(source.geography) == {"municipality": names[1], "centre": names[2]}
        assert source.registered == (names[3],)
        assert [column for columns in source.options.values() for column in columns] == names[4:6]
        assert (source.blank, source.null) == ((names[6],), (names[7],))
        assert source.ignore == ()
        assert fits(case) == []

    def test_russian_in_a_one_byte_encoding(self, tmp_path):
        (tmp_path / "uik.csv").write_bytes(table(RUSSIAN, separator=";").encode("cp1251"))
        case = proposed(tmp_path, tmp_path / "uik.csv")
        (source,) = case.sources
        assert (source.encoding, source.separator, source.key) == ("cp1251", ";", ("УИК",))
        assert source.null == (RUSSIAN[7],)
        assert source.registered == (RUSSIAN[3],)
        assert [o.name for o in case.options] == ["Иванов", "Петров", "Испорченных"]
        assert len(set(case.option_ids)) == 3
        assert fits(case) == []

    @pytest.mark.parametrize(("name", "fields"), [
        ("voters", {"registered": "voters", "null": "spoilt"}),
        ("electorate", {"registered": "electorate", "null": "spoilt"}),
    ])  # fmt: skip
    def test_a_file_that_calls_its_list_voters(self, tmp_path, name, fields):
        names = ["code", "district", "school", name, "alvarez", "brown", "blank", "spoilt"]
        rows = [(1000 + n, *ROWS[n][1:]) for n in range(30)]
        (tmp_path / "results.csv").write_text(table(names, rows), encoding="utf-8")
        case = proposed(tmp_path, tmp_path / "results.csv")
        (source,) = case.sources
        assert [o.name for o in case.options] == ["alvarez", "brown"]
        assert {n: getattr(source, n)[0] for n in fields} == fields
        assert dict(source.geography) == {"province": "district", "centre": "school"}
        assert fits(case) == []

    def test_voters_beside_those_registered_are_those_who_voted(self, tmp_path):
        names = ["Station", "Municipality", "Registered", "Voters", "A", "B", "Rejected"]
        rows = [(n, f"Town {n % 7}", 300, 160, 90, 65, 5) for n in range(100)]
        (tmp_path / "r.csv").write_text(table(names, rows), encoding="utf-8")
        (source,) = proposed(tmp_path, tmp_path / "r.csv").sources
        assert (source.registered, source.declared_cast) == (("Registered",), "Voters")
        assert list(source.options) == ["A", "B"]

    def test_columns_that_are_not_recognised_are_named_for_the_user(self, tmp_path):
        names = [*SPANISH, "Hora [local]", "odd*"]
        rows = [(*row, "10:00", "x") for row in ROWS]
        (tmp_path / "r.csv").write_text(table(names, rows), encoding="utf-8")
        case = proposed(tmp_path, tmp_path / "r.csv")
        assert len(case.sources[0].ignore) == 2
        assert fits(case) == []  # the patterns mean the columns themselves

    def test_a_preamble_apostrophes_and_words_in_cells(self, tmp_path):
        rows = [(f"'{row[0]:05}", *row[1:]) for row in ROWS]
        rows[3] = (*rows[3][:4], "ILEGIBLE", *rows[3][5:])
        text = "Resultados\r\n\r\nCorte,10:00\r\n" + table(SPANISH, rows)
        (tmp_path / "r.csv").write_text(text, encoding="utf-8-sig")
        case = proposed(tmp_path, tmp_path / "r.csv")
        (source,) = case.sources
        assert (source.header, source.encoding, source.strip) == (4, "utf-8-sig", "'")
        assert source.words == {"ILEGIBLE": "illegible"}
        assert len(source.options) == 2
        assert fits(case) == []

    def test_the_key_takes_the_place_where_numbers_repeat(self, tmp_path):
        rows = [(n % 10, f"Town {n // 10}", *row[2:]) for n, row in enumerate(ROWS)]
        (tmp_path / "r.csv").write_text(table(SPANISH, rows), encoding="utf-8")
        case = proposed(tmp_path, tmp_path / "r.csv")
        assert set(case.sources[0].key) == {"Municipio", "Número Mesa"}

    def test_packed_files_and_a_second_count(self, tmp_path):
        text = table(SPANISH)
        with zipfile.ZipFile(tmp_path / "official-2019-10-20.zip", "w") as archive:
            archive.writestr("readme.txt", "hello")
            archive.writestr("counts.csv", text)
        (tmp_path / "fast.csv.gz").write_bytes(gzip.compress(text.encode("utf-16")))
        (tmp_path / "other.csv").write_text(table(["x", "PAN", "z"], [(1, 2, 3)]))
        case = proposed(
            tmp_path,
            tmp_path / "official-2019-10-20.zip",
            tmp_path / "fast.csv.gz",
            tmp_path / "other.csv",
        )
        first, second = case.sources  # the third lacks options: it is left in comments
        assert case.date == dt.date(2019, 10, 20)
        assert (first.member, first.count) == ("counts.csv", "official")
        assert (second.encoding, second.role) == ("utf-16", "preliminary")
        assert "# This file lacks columns" in case.path.read_text(encoding="utf-8")
        assert fits(case) == []

    def test_parquet_and_excel(self, tmp_path):
        pa = pytest.importorskip("pyarrow")
        pq = pytest.importorskip("pyarrow.parquet")
        openpyxl = pytest.importorskip("openpyxl")
        columns = zip(*ROWS, strict=True)
        pq.write_table(pa.table(dict(zip(SPANISH, columns, strict=True))), tmp_path / "r.parquet")
        book = openpyxl.Workbook()
        for row in [SPANISH, *ROWS]:
            book.active.append(list(row))
        book.save(tmp_path / "r.xlsx")
        for name in ("r.parquet", "r.xlsx"):
            case = proposed(tmp_path, tmp_path / name)
            assert case.sources[0].key == ("Número Mesa",), name
            assert len(case.options) == 2, name
            assert fits(case) == [], name

    def test_names_of_columns_cannot_break_out_of_their_strings(self, tmp_path):
        names = [*SPANISH[:4], '"A"', "B]\x7f", "Blancos", "Nulos"]
        text = table([f'"{n.replace(chr(34), chr(34) * 2)}"' for n in names])
        (tmp_path / 'r"#.csv').write_text(text, encoding="utf-8")
        case = proposed(tmp_path, tmp_path / 'r"#.csv')
        assert [o.name for o in case.options] == ['"A"', "B]\x7f"]

    def test_a_file_without_votes_is_refused_with_its_columns(self, tmp_path):
        (tmp_path / "r.csv").write_text("name,place\nx,y\nz,w\n")
        with pytest.raises(CaseError, match="name, place"):
            propose([tmp_path / "r.csv"], tmp_path / "case.toml")


class TestSample:
    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("utf-8", "Potosí,1\n"),
            ("utf-8-sig", "Potosí,1\n"),
            ("utf-16", "Potosí,1\n"),
            ("utf-16-le", "Potos,1\n" * 20),
            ("cp1252", "Potosí – Ñuflo,1\n"),
            ("cp1251", "Число избирателей,1\n"),
        ],
    )
    def test_the_encoding(self, encoding, text):
        raw = text.encode(encoding)
        assert raw.decode(guess_encoding(raw)).removeprefix("\ufeff") == text

    def test_bytes_that_cp1252_lacks_are_latin_1(self):
        assert guess_encoding(b"a\x81b, \xe9t\xe9\n") == "latin-1"

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_the_separator(self, separator):
        lines = [separator.join(["a b", "1,5;x"[:1], "c"]) + "\n"] * 5
        assert guess_separator(lines) == separator

    def test_a_file_without_names_is_refused(self, tmp_path):
        with pytest.raises(SourceError, match="looks like column names"):
            guess_header([["1", "2"], ["3", "4"]], "x")
        (tmp_path / "empty.csv").write_text("")
        with pytest.raises(SourceError, match="empty"):
            take(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LISTA_NOMINAL", "registered"),
        ("dpt_m", "registered"),
        ("VOTO_NULO", "null"),
        ("Votos em branco", "blank"),
        ("Число действительных избирательных бюллетеней", "declared_valid"),
        ("EMITIDOS", "declared_cast"),
        ("lat", "latitude"),
        ("TPS", "station"),
        ("Clave Casilla", "station"),
        ("spoilt", "null"),
        ("Spoiled ballots", "null"),
        ("rejected", "null"),
        ("Votos anulados", "null"),
        ("Ungültig", "null"),
        ("Недействительные", "null"),
        ("Electores habilitados", "registered"),
        ("Eleitorado", "registered"),
        ("Électeurs inscrits", "registered"),
        ("Elettori iscritti", "registered"),
        ("Jumlah pemilih", "registered"),
        ("Liczba wyborców", "registered"),
        ("School", "centre"),
        ("voters", None),
        ("NO", None),
        ("Partido Nulo Blanco", None),
    ],
)
def test_names_tell_roles(name, expected):
    assert role(name) == expected


def test_names_are_compared_without_case_accents_and_punctuation():
    assert normalise("  Número_de-MESA ") == "numero de mesa"
    assert normalise("totalVotos") == "total votos"


class TestCommands:
    def test_new_then_check(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "r.csv").write_text(table(SPANISH), encoding="utf-8")
        assert main(["case", "new", "data/r.csv", "--out", "mine/case.toml"]) == 0
        assert "options: PAN, Unión" in capsys.readouterr().out
        assert load_case(tmp_path / "mine").sources[0].file == "../data/r.csv"
        assert main(["case", "check", "mine"]) == 0
        assert "guesses in it wait" in capsys.readouterr().out

    def test_new_overwrites_only_by_force(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "r.csv").write_text(table(SPANISH), encoding="utf-8")
        (tmp_path / "case.toml").write_text("mine")
        assert main(["case", "new", "r.csv"]) == 2
        assert "--force" in capsys.readouterr().err
        assert (tmp_path / "case.toml").read_text() == "mine"
        assert main(["case", "new", "r.csv", "--force"]) == 0
        assert load_case(tmp_path).id == "r"

    def test_check_tells_every_source_that_does_not_fit(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "r.csv").write_text(table(SPANISH), encoding="utf-8")
        main(["case", "new", "r.csv"])
        (tmp_path / "r.csv").write_text(table([*SPANISH[:5], "Union", *SPANISH[6:]]))
        assert main(["case", "check", "case.toml"]) == 1
        assert "'Unión'" in capsys.readouterr().err
        (tmp_path / "r.csv").unlink()
        assert main(["case", "check", "case.toml"]) == 1
        assert "1 source was not examined" in capsys.readouterr().err
