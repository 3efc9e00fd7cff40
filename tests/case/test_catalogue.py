"""Public cases by name, and their files: where they are found, and that they are what they were."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import textwrap
import threading
import tomllib
from importlib.resources import files as resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from veedor.case import catalogue
from veedor.case.cache import cache_folder, locked, pack
from veedor.case.loading import load_case
from veedor.case.manifest import Case
from veedor.errors import CaseError, DownloadError, SourceError, VeedorError

from .served import plain_fetcher, serve

PLAIN = b"station,a,b\n" + b"".join(b"%d,%d,%d\n" % (n, n % 7, n % 5) for n in range(5000))
SHA256 = hashlib.sha256(PLAIN).hexdigest()
REGISTER = tomllib.loads((resources("veedor.case") / "files.toml").read_text(encoding="utf-8"))


def toml(path: str, more: str = "") -> str:
    return textwrap.dedent(
        f"""
        format = 1
        id = "test"
        title = "A test"
        contest = "mayor"
        date = 2024-01-01
        timezone = "UTC"
        official = "final"
        geography = ["place"]
        rule = {{ kind = "plurality" }}
        options = [{{ id = "A", name = "a" }}, {{ id = "B", name = "b" }}]
        {more}
        [[sources]]
        id = "final"
        kind = "count"
        count = "final"
        file = "{path}"
        format = "delimited"
        key = "station"
        geography = {{ place = "station" }}
        options = {{ A = "a", B = "b" }}
        """
    )


def listed(path: str, content: bytes, origin: str = "") -> str:
    sha = hashlib.sha256(content).hexdigest()
    return f'files = [{{ path = "{path}", sha256 = "{sha}", bytes = {len(content)}{origin} }}]'


def origin(url: str, *, packed: bool = False) -> str:
    form = ', packed = "gzip"' if packed else ""
    return f', origin = {{ url = "{url}", sha256 = "{SHA256}", bytes = {len(PLAIN)}{form} }}'


def case_at(folder: Path, path: str = "counts.csv", more: str = "") -> Case:
    folder.mkdir(exist_ok=True)
    (folder / "case.toml").write_text(toml(path, more), encoding="utf-8")
    return load_case(folder)


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A cache of its own, no data folder, and no way out."""
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VEEDOR_DATA", raising=False)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("VEEDOR_DATA", str(folder))
    return folder


class TestFindCase:
    def test_a_bundled_name_is_found_and_loads(self):
        for case in catalogue.bundled():
            assert catalogue.find_case(case.name) == case.path
            assert load_case(case.path).id == case.name

    def test_a_folder_and_a_file_are_found(self, tmp_path):
        case = case_at(tmp_path / "mine")
        assert catalogue.find_case(tmp_path / "mine") == case.path
        assert catalogue.find_case(str(case.path)) == case.path

    def test_a_bundled_name_goes_before_a_folder_and_a_dot_means_the_folder(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        name = catalogue.bundled()[0].name
        case_at(tmp_path / name)
        assert catalogue.find_case(name) == catalogue.bundled()[0].path
        assert catalogue.find_case(f"./{name}") == Path(name, "case.toml")

    def test_an_unknown_name_lists_the_bundled_ones_and_the_close_one(self):
        with pytest.raises(CaseError) as caught:
            catalogue.find_case("bolivia2019")
        assert "Did you mean bolivia-2019" in str(caught.value)
        for case in catalogue.bundled():
            assert case.name in str(caught.value)

    def test_a_data_file_is_told_how_to_become_a_case(self, tmp_path):
        (tmp_path / "counts.csv").write_bytes(PLAIN)
        with pytest.raises(CaseError, match=r"veedor case new .*counts\.csv"):
            catalogue.find_case(tmp_path / "counts.csv")
        with pytest.raises(CaseError, match=r"no case\.toml"):
            catalogue.find_case(tmp_path)


class TestRegister:
    def test_every_origin_is_pinned_to_a_commit_over_https(self):
        origins = [entry["origin"] for entry in REGISTER.values() if "origin" in entry]
        assert origins
        for entry in origins:
            url = urlsplit(entry["url"])
            assert (url.scheme, url.netloc) == ("https", "raw.githubusercontent.com")
            commit = url.path.split("/")[3]
            assert len(commit) == 40
            assert int(commit, 16)
            assert " " not in entry["url"]

    def test_an_unpacked_origin_is_the_file_itself(self):
        for path, entry in REGISTER.items():
            if "origin" in entry and "packed" not in entry["origin"]:
                assert entry["origin"]["sha256"] == entry["sha256"], path
                assert entry["origin"]["bytes"] == entry["bytes"], path

    def test_every_file_of_a_bundled_case_is_listed(self):
        for case in catalogue.bundled():
            for file in catalogue.needed(load_case(case.path)):
                assert file.path in REGISTER, f"{case.name}: {file.path}"


class TestLocate:
    def test_beside_the_case_comes_first_and_needs_no_list(self, tmp_path, mirror):
        case = case_at(tmp_path / "mine")
        (tmp_path / "mine" / "counts.csv").write_bytes(PLAIN)
        (mirror / "counts.csv").write_bytes(b"another")
        located = catalogue.locate(case, "counts.csv")
        assert located == catalogue.Located(
            tmp_path / "mine" / "counts.csv", SHA256, len(PLAIN), "local", None
        )

    def test_the_data_folder_is_next(self, tmp_path, mirror):
        case = case_at(tmp_path / "mine", more=listed("counts.csv", PLAIN))
        (mirror / "counts.csv").write_bytes(PLAIN)
        assert catalogue.locate(case, "counts.csv").how == "mirror"

    @pytest.mark.parametrize("where", ["mine", "mirror"])
    def test_altered_data_are_refused_wherever_they_lie(self, tmp_path, mirror, where):
        case = case_at(tmp_path / "mine", more=listed("counts.csv", PLAIN))
        altered = PLAIN.replace(b"1,1,1", b"1,2,1")
        (tmp_path / where / "counts.csv").write_bytes(altered)
        with pytest.raises(SourceError) as caught:
            catalogue.locate(case, "counts.csv")
        for part in (SHA256, hashlib.sha256(altered).hexdigest(), "counts.csv"):
            assert part in str(caught.value)

    def test_the_case_s_own_list_goes_before_the_bundled_one(self, tmp_path, mirror):
        path = next(iter(REGISTER))
        case = case_at(tmp_path / "mine", path, more=listed(path, PLAIN))
        (mirror / path).parent.mkdir(parents=True)
        (mirror / path).write_bytes(PLAIN)
        assert catalogue.locate(case, path).sha256 == SHA256

    def test_a_file_is_fetched_once_and_then_cached(self, tmp_path):
        with serve(PLAIN) as server:
            more = listed("counts.csv", PLAIN, origin(server.url))
            case = case_at(tmp_path / "mine", more=more)
            seen: list[tuple[str, int, int]] = []
            first = catalogue.locate(
                case, "counts.csv", fetcher=plain_fetcher(), progress=lambda *a: seen.append(a)
            )
        assert (first.how, first.origin, first.sha256) == ("download", server.url, SHA256)
        assert first.path.read_bytes() == PLAIN
        assert seen[-1] == ("counts.csv", len(PLAIN), len(PLAIN))
        again = catalogue.locate(case, "counts.csv", download=False)  # the server is gone
        assert (again.how, again.path, again.sha256) == ("cache", first.path, SHA256)

    def test_a_damaged_cache_is_fetched_again(self, tmp_path):
        with serve(PLAIN) as server:
            more = listed("counts.csv", PLAIN, origin(server.url))
            case = case_at(tmp_path / "mine", more=more)
            first = catalogue.locate(case, "counts.csv", fetcher=plain_fetcher())
            first.path.write_bytes(PLAIN[:-1])
            again = catalogue.locate(case, "counts.csv", fetcher=plain_fetcher())
        assert again.how == "download"
        assert again.path.read_bytes() == PLAIN

    def test_a_changed_publication_leaves_nothing_in_the_cache(self, tmp_path):
        with serve(PLAIN[::-1]) as server:
            more = listed("counts.csv", PLAIN, origin(server.url))
            case = case_at(tmp_path / "mine", more=more)
            with pytest.raises(DownloadError, match=SHA256):
                catalogue.locate(case, "counts.csv", fetcher=plain_fetcher())
        names = [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()]
        assert names == ["lock"]

    def test_two_at_once_fetch_once(self, tmp_path):
        with serve(PLAIN) as server:
            more = listed("counts.csv", PLAIN, origin(server.url))
            case = case_at(tmp_path / "mine", more=more)
            hows: list[str] = []

            def work():
                found = catalogue.locate(case, "counts.csv", fetcher=plain_fetcher())
                hows.append(found.how)

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(server.asked) == 1
        assert sorted(hows) == ["cache", "cache", "cache", "download"]

    @pytest.mark.parametrize("path", ["../secret.csv", "C:secret.csv", "..\\\\secret.csv"])
    def test_a_path_out_of_the_data_folder_is_not_followed(self, tmp_path, mirror, path):
        for name in ("secret.csv", "mirror/C:secret.csv", "mirror/..\\secret.csv"):
            (tmp_path / name).write_bytes(PLAIN)
        (tmp_path / "far").mkdir()
        case = case_at(tmp_path / "far" / "mine", path)
        with pytest.raises(catalogue.UnavailableError):
            catalogue.locate(case, case.sources[0].file)

    def test_a_data_folder_that_is_not_there_is_said(self, tmp_path, monkeypatch):
        monkeypatch.setenv("VEEDOR_DATA", str(tmp_path / "gone"))
        with pytest.raises(SourceError, match="VEEDOR_DATA"):
            catalogue.locate(case_at(tmp_path / "mine"), "counts.csv")

    def test_an_unlisted_file_says_where_it_was_looked_for(self, tmp_path, mirror):
        with pytest.raises(catalogue.UnavailableError) as caught:
            catalogue.locate(case_at(tmp_path / "mine"), "counts.csv")
        assert str(mirror) in str(caught.value)
        assert str(tmp_path / "mine") in str(caught.value)

    def test_a_derived_file_says_what_it_was_made_from(self, tmp_path):
        path, entry = next((p, e) for p, e in REGISTER.items() if "derived" in e)
        with pytest.raises(catalogue.UnavailableError) as caught:
            catalogue.locate(case_at(tmp_path / "mine", path), path)
        assert entry["derived"] in str(caught.value)
        assert "VEEDOR_DATA" in str(caught.value)


class TestPacked:
    """Our copy is gzipped, the publication is not: one identity, and readers always see gzip."""

    @pytest.mark.parametrize("level", [1, 9])
    def test_any_gzip_of_the_publication_is_the_file(self, tmp_path, mirror, level):
        ours = gzip.compress(PLAIN, 9, mtime=0)
        more = listed("counts.csv.gz", ours, origin("https://x.example/c", packed=True))
        case = case_at(tmp_path / "mine", "counts.csv.gz", more)
        (mirror / "counts.csv.gz").write_bytes(gzip.compress(PLAIN, level, mtime=level))
        located = catalogue.locate(case, "counts.csv.gz")
        assert (located.how, located.sha256, located.bytes) == ("mirror", SHA256, len(PLAIN))

    @pytest.mark.parametrize("content", [PLAIN[:-1], PLAIN + b"x", None])
    def test_another_content_or_a_damaged_one_is_refused(self, tmp_path, mirror, content):
        more = listed("counts.csv.gz", b"ours", origin("https://x.example/c", packed=True))
        case = case_at(tmp_path / "mine", "counts.csv.gz", more)
        packed = gzip.compress(content) if content else gzip.compress(PLAIN)[:-9]
        (mirror / "counts.csv.gz").write_bytes(packed)
        with pytest.raises(SourceError, match="not the file that is listed"):
            catalogue.locate(case, "counts.csv.gz")

    def test_what_is_fetched_plain_is_kept_packed_with_the_same_identity(self, tmp_path):
        with serve(PLAIN) as server:
            more = listed("counts.csv.gz", b"ours", origin(server.url, packed=True))
            case = case_at(tmp_path / "mine", "counts.csv.gz", more)
            located = catalogue.locate(case, "counts.csv.gz", fetcher=plain_fetcher())
        assert (located.sha256, located.bytes) == (SHA256, len(PLAIN))
        assert located.path.name == "counts.csv.gz"
        assert gzip.decompress(located.path.read_bytes()) == PLAIN
        again = catalogue.locate(case, "counts.csv.gz", download=False)
        assert (again.how, again.sha256, again.bytes) == ("cache", SHA256, len(PLAIN))
        assert sorted(p.name for p in located.path.parent.iterdir()) == ["counts.csv.gz", "lock"]

    def test_packing_is_deterministic(self, tmp_path):
        for name in ("one", "another"):
            (tmp_path / name).write_bytes(PLAIN)
            pack(tmp_path / name, tmp_path / f"{name}.gz")
        assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "another.gz").read_bytes()


class TestOverview:
    def test_missing_and_altered_files_are_told_apart(self, tmp_path, mirror):
        case = case_at(tmp_path / "mine", more=listed("counts.csv", PLAIN))
        (missing,) = catalogue.available(case)
        assert (missing.path, missing.optional, missing.downloadable) == (
            "counts.csv",
            False,
            False,
        )
        assert [v.state for v in catalogue.verify(case)] == ["missing"]
        (mirror / "counts.csv").write_bytes(b"altered")
        assert [v.state for v in catalogue.verify(case)] == ["damaged"]
        with pytest.raises(SourceError, match="not the file that is listed"):
            catalogue.available(case)
        (mirror / "counts.csv").write_bytes(PLAIN)
        assert [v.state for v in catalogue.verify(case)] == ["ok"]
        assert catalogue.available(case) == []

    @pytest.mark.real
    def test_the_data_folder_holds_what_the_register_says(self, monkeypatch, request):
        folder = request.config.rootpath.parent / "shared" / "data"
        if not folder.is_dir():
            pytest.skip("no ../shared/data")
        monkeypatch.setenv("VEEDOR_DATA", str(folder))
        for case in catalogue.bundled():
            for found in catalogue.verify(load_case(case.path)):
                assert found.state == "ok", found


class TestCacheFolder:
    """The places are those of the XDG specification, Apple's and Microsoft's guidelines."""

    HOME = Path("/home/ana").absolute()

    @pytest.mark.parametrize(
        ("platform", "environ", "expected"),
        [
            ("linux", {}, ".cache/veedor"),
            ("linux", {"XDG_CACHE_HOME": "relative"}, ".cache/veedor"),
            ("darwin", {"XDG_CACHE_HOME": "/x"}, "Library/Caches/veedor"),
            ("win32", {}, "AppData/Local/veedor"),
        ],
    )
    def test_below_the_home(self, platform, environ, expected):
        assert cache_folder(environ, platform, self.HOME) == self.HOME / expected

    def test_named_by_the_environment(self):
        assert cache_folder({"VEEDOR_CACHE": "/c"}, "linux", self.HOME) == Path("/c")
        assert cache_folder({"XDG_CACHE_HOME": "/x"}, "linux", self.HOME) == Path("/x/veedor")
        assert cache_folder({"LOCALAPPDATA": "/l"}, "win32", self.HOME) == Path("/l/veedor")


class TestLock:
    def test_another_process_waits_and_gives_up(self, tmp_path):
        program = (
            "import sys; from pathlib import Path; from veedor.case.cache import locked\n"
            "with locked(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout.readline().strip() == b"in"
            with pytest.raises(DownloadError, match="another process"), locked(tmp_path, longest=0):
                pass
            other.kill()
        with locked(tmp_path, longest=5):  # a lock dies with its holder
            pass

    def test_a_cache_that_cannot_be_written_is_said(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(VeedorError, match="VEEDOR_CACHE"), locked(tmp_path / "file" / "x"):
            pass
