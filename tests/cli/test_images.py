"""`veedor images`: from an empty form to a template, and what is seen of a scan."""

from __future__ import annotations

import numpy as np
import zxingcpp
from PIL import Image

from tests.images import forms
from veedor.cli import main
from veedor.images.template import load_template


def blank(tmp_path, dpi=(200, 200)):
    path = tmp_path / "empty.png"
    Image.fromarray(forms.blank(forms.template())).save(path, dpi=dpi)
    return path


def filled(tmp_path):
    form = forms.template()
    pixels = forms.blank(form)
    for box in form.cells:
        forms.write(pixels, box, 4)
    path = tmp_path / "sheet.jpg"
    Image.fromarray(pixels).save(path, quality=80)
    return path


def test_a_template_is_written_and_finds_the_form_again(tmp_path, capsys) -> None:
    out = tmp_path / "forms" / "form.toml"
    assert main(["images", "template", str(blank(tmp_path)), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "13 rows of boxes, 40 boxes" in told
    assert "found again, 13 of 13 fields" in told
    form = load_template(out)
    assert form.blank == "../empty.png"
    assert main(["images", "template", str(blank(tmp_path)), "--out", str(out)]) == 2
    assert "--force overwrites" in capsys.readouterr().err


def test_what_is_seen_of_a_scan_is_told_and_drawn(tmp_path, capsys) -> None:
    out, seen = tmp_path / "form.toml", tmp_path / "seen.png"
    main(["images", "template", str(blank(tmp_path)), "--out", str(out)])
    capsys.readouterr()
    arguments = ["images", "look", str(filled(tmp_path)), "--template", str(out)]
    assert main([*arguments, "--out", str(seen)]) == 0
    captured = capsys.readouterr()
    for words in ("JPEG quality 80", "quality   good", "13 of 13 found", "station   not told"):
        assert words in captured.out
    assert "lists nothing as private" in captured.err
    assert np.asarray(Image.open(seen)).shape == (2339, 1654, 3)


def test_of_a_scan_without_the_form_no_picture_is_written(tmp_path, capsys) -> None:
    out, seen = tmp_path / "form.toml", tmp_path / "seen.png"
    main(["images", "template", str(blank(tmp_path)), "--out", str(out)])
    other = tmp_path / "other.png"
    Image.new("RGB", (1654, 2339), "white").save(other)
    arguments = ["images", "look", str(other), "--template", str(out), "--out", str(seen)]
    before = other.read_bytes()
    for name, words in ((other, "the scan itself"), (out, "does not end in .png")):
        assert main([*arguments[:-1], str(name), "--force"]) == 2
        assert words in capsys.readouterr().err
    assert other.read_bytes() == before
    assert main(arguments) == 1
    assert "no form was found" in capsys.readouterr().err
    assert not seen.exists()


def coded(pixels, text, x, y):
    """A page with a square code of that text at x, y (in pixels)."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    printed = np.array(code.to_image(scale=5, add_quiet_zones=True))
    height, width = printed.shape[:2]
    pixels[y : y + height, x : x + width] = printed[..., None]
    return pixels


def test_codes_of_no_form_are_counted_and_not_shown(tmp_path, capsys) -> None:
    out, path = tmp_path / "form.toml", tmp_path / "sheet.png"
    main(["images", "template", str(blank(tmp_path)), "--out", str(out)])
    place = "{ x = 160, y = 180, width = 30, height = 20, pattern = 'T([0-9]+)' }"
    before, _, after = out.read_text("utf-8").partition("codes = [\n")
    after = after.partition("]\n")[2]
    out.write_text(f"{before}codes = [{place}]\n{after}", encoding="utf-8")
    assert load_template(out).codes[0].pattern == "T([0-9]+)"
    arguments = ["images", "look", str(path), "--template", str(out)]
    paper = np.full((2339, 1654, 3), 255, np.uint8)
    for page, code in ((forms.blank(forms.template()), 0), (paper, 1)):
        page = coded(coded(page, "ID 4711 Ana", 900, 1700), "T000123", 170, 1720)
        Image.fromarray(page).save(path, dpi=(200, 200))
        capsys.readouterr()
        assert main(arguments) == code
        told = capsys.readouterr().out
        assert "codes     T000123, 1 other code, not shown" in told
        assert "4711" not in told


def test_the_empty_form_is_not_drawn_over(tmp_path, capsys) -> None:
    out, empty = tmp_path / "form.toml", blank(tmp_path)
    main(["images", "template", str(empty), "--out", str(out)])
    before = empty.read_bytes()
    arguments = ["images", "look", str(filled(tmp_path)), "--template", str(out), "--out"]
    capsys.readouterr()
    assert main([*arguments, str(empty), "--force"]) == 2
    assert "it is the empty form of 'form'" in capsys.readouterr().err
    assert empty.read_bytes() == before
    seen = tmp_path / "seen.png"
    assert main([*arguments, str(seen)]) == 0
    assert main([*arguments, str(seen)]) == 2
    assert main([*arguments, str(seen), "--force"]) == 0


def test_a_picture_without_a_resolution_needs_the_size_of_its_page(tmp_path, capsys) -> None:
    path, out = blank(tmp_path, dpi=(72, 72)), tmp_path / "form.toml"
    assert main(["images", "template", str(path), "--out", str(out)]) == 1
    assert "--page A4" in capsys.readouterr().err
    assert main(["images", "template", str(path), "--page", "a4", "--out", str(out)]) == 0
