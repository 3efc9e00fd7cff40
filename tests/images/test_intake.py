"""A scan is taken in as its file has it; what is no scan is refused with its name."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from veedor.errors import SourceError
from veedor.images import intake
from veedor.images.intake import take_in


def picture() -> np.ndarray:
    pixels = np.full((60, 40, 3), 255, np.uint8)
    pixels[5:10, 5:20] = (200, 30, 10)
    return pixels


def saved(tmp_path, name: str, pixels=None, **options):
    path = tmp_path / name
    Image.fromarray(picture() if pixels is None else pixels).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_pixels_hash_and_resolution_are_those_of_the_file(tmp_path, name) -> None:
    path = saved(tmp_path, name, dpi=(200, 200))
    taken = take_in(path, name="scans/7")
    np.testing.assert_array_equal(taken.pixels, picture())
    assert taken.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (taken.file, taken.bytes) == ("scans/7", path.stat().st_size)
    assert taken.dpi == pytest.approx(200, abs=0.1)


def test_a_turned_photo_stands_upright_and_tells_neither_place_nor_owner(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x0131] = "Some Editor of Photoshop 25"
    exif[0x013B] = "An Owner"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8769)[0xA430] = "Another Owner"
    path = saved(tmp_path, "a.jpg", exif=exif, quality=83)
    taken = take_in(path)
    assert taken.pixels.shape == (40, 60, 3)
    told = " ".join(taken.metadata)
    assert "software: Some Editor of Photoshop 25" in told
    assert "JPEG quality 83" in told
    assert "edits pictures" in told
    assert "Owner" not in told
    assert "GPS" not in told


def test_a_fax_of_uneven_resolution_gets_square_pixels(tmp_path) -> None:
    path = tmp_path / "fax.tif"
    Image.new("1", (172, 114), 1).save(path, compression="group4", dpi=(204, 98))
    taken = take_in(path)
    assert taken.pixels.shape == (round(114 * 204 / 98), 172, 3)
    assert taken.dpi == pytest.approx(204, abs=1)


def test_pages_of_a_tiff_and_of_a_pdf_are_taken_by_number(tmp_path) -> None:
    pages = [Image.new("RGB", (400, 600), tone) for tone in ("white", "black")]
    for name in ("a.tif", "a.pdf"):
        path = tmp_path / name
        pages[0].save(path, save_all=True, append_images=pages[1:], resolution=150)
        assert take_in(path).pixels.mean() > 250
        assert take_in(path, page=1).pixels.mean() < 5
        with pytest.raises(SourceError, match=r"has no page of that number \(page 3 of 2\)"):
            take_in(path, page=2)


def test_a_pdf_is_drawn_at_the_resolution_of_its_picture(tmp_path) -> None:
    path = tmp_path / "a.pdf"
    Image.new("L", (1000, 1500), 255).save(path, resolution=250)
    taken = take_in(path)
    assert (taken.format, taken.dpi) == ("PDF", pytest.approx(250, abs=0.5))
    assert abs(np.array(taken.pixels.shape) - (1500, 1000, 3)).max() <= 1


def test_a_pdf_with_a_picture_too_large_to_unpack_is_refused(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.pdf"
    Image.new("1", (1000, 1500), 1).save(path, resolution=600)
    assert take_in(path).format == "PDF"
    monkeypatch.setattr(intake, "MEGAPIXELS", 1)
    with pytest.raises(SourceError, match="1000 x 1500 pixels on a page"):
        take_in(path)


def test_transparency_is_paper_and_deep_grey_keeps_its_tones(tmp_path) -> None:
    clear = np.zeros((20, 20, 4), np.uint8)
    assert take_in(saved(tmp_path, "clear.png", clear)).pixels.min() == 255
    deep = np.full((20, 20), 65535 // 2, np.uint16)
    assert take_in(saved(tmp_path, "deep.png", deep)).pixels.mean() == pytest.approx(127, abs=1)


def test_a_wrong_suffix_is_told_and_does_no_harm(tmp_path) -> None:
    path = saved(tmp_path, "a.png")
    named = path.rename(tmp_path / "a.jpg")
    assert take_in(named).metadata[0] == "named .jpg, is PNG"


def whole(kind: str) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"station,votes\n1,2\n", "holds no picture"),
        (whole("PNG")[:20000], "damaged or cut short"),
        (whole("JPEG")[:9000], "damaged or cut short"),
        (whole("TIFF")[:9000], "damaged or cut short"),
        (whole("PDF")[:300], "damaged"),
    ],
)
def test_what_is_no_whole_scan_is_refused_by_name(tmp_path, data, words) -> None:
    path = tmp_path / "seventh.png"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=words) as caught:
        take_in(path)
    assert "seventh.png" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(SourceError, match=r"none\.png: this scan cannot be read"):
        take_in(tmp_path / "none.png")


def test_a_small_file_that_claims_a_huge_picture_is_not_decoded(tmp_path, monkeypatch) -> None:
    # 2 gigapixels of one tone in a few kilobytes: refused by the size in its header.
    path = saved(tmp_path, "bomb.png", np.zeros((64, 64), np.uint8))
    data = bytearray(path.read_bytes())
    data[16:24] = (50_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with pytest.raises(SourceError, match="too large for a scan"):
        take_in(path, data=bytes(data))
    monkeypatch.setattr(intake, "MEGAPIXELS", 0.001)
    with pytest.raises(SourceError, match="64 x 64 pixels"):
        take_in(path)
