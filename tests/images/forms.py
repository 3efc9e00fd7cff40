"""A small form for tests, drawn from its template; digits are strokes of a pen."""

from __future__ import annotations

import cv2
import numpy as np

from veedor.images.template import Template

STROKES = {
    0: [[(0.5, 0.05), (0.15, 0.3), (0.15, 0.7), (0.5, 0.95), (0.85, 0.7), (0.85, 0.3),
         (0.5, 0.05)]],
    1: [[(0.3, 0.25), (0.55, 0.05), (0.55, 0.95)]],
    2: [[(0.15, 0.25), (0.5, 0.05), (0.8, 0.3), (0.15, 0.95), (0.85, 0.95)]],
    3: [[(0.15, 0.1), (0.8, 0.1), (0.45, 0.45), (0.85, 0.7), (0.5, 0.95), (0.15, 0.85)]],
    4: [[(0.65, 0.95), (0.65, 0.05), (0.1, 0.65), (0.9, 0.65)]],
    5: [[(0.8, 0.05), (0.25, 0.05), (0.2, 0.45), (0.7, 0.45), (0.8, 0.75), (0.5, 0.95),
         (0.15, 0.88)]],
    6: [[(0.7, 0.05), (0.25, 0.45), (0.2, 0.8), (0.5, 0.95), (0.8, 0.75), (0.5, 0.55),
         (0.22, 0.7)]],
    7: [[(0.15, 0.05), (0.85, 0.05), (0.35, 0.95)]],
    8: [[(0.5, 0.5), (0.2, 0.25), (0.5, 0.05), (0.8, 0.25), (0.2, 0.75), (0.5, 0.95),
         (0.8, 0.75), (0.5, 0.5)]],
    9: [[(0.8, 0.3), (0.5, 0.5), (0.2, 0.25), (0.5, 0.05), (0.8, 0.3), (0.65, 0.95)]],
}  # fmt: skip


def template(name: str = "small", **changes) -> Template:
    """Six fields in two columns, four squares, one of them of another size than a digit box."""
    fields = [
        {"id": f"f{row}{column}", "x": 30 + 85 * column, "y": 40 + 16 * row, "width": 24,
         "height": 8, "digits": 3}
        for row in range(6)
        for column in range(2)
    ]  # fmt: skip
    fields.append(
        {"id": "total", "x": 120, "y": 150, "width": 34, "height": 9, "digits": 4, "gap": 1}
    )
    entry = {
        "id": name,
        "page": {"width": 210, "height": 297},
        "fiducials": [{"x": x, "y": y, "size": 5} for x in (12, 198) for y in (12, 285)],
        "fields": fields,
        "codes": [
            {"x": 140, "y": 18, "width": 45, "height": 12, "pattern": r"T(?P<station>\d{6})"}
        ],
        "private": [{"x": 20, "y": 200, "width": 170, "height": 60}],
    }
    return Template.model_validate(entry | changes)


def blank(form: Template, scale: float = 200 / 25.4, line: float = 0.3) -> np.ndarray:
    """The form as printed: (height, width, 3)."""
    page = np.full((round(form.page.height * scale), round(form.page.width * scale)), 255.0)
    for mark in form.fiducials:
        fill(page, mark.x - mark.size / 2, mark.y - mark.size / 2, mark.size, mark.size, 20, scale)
    for field in form.fields:
        for x, y, width, height in field.cells:
            if field.printed == "none":
                continue
            fill(page, x - line / 2, y + height - line / 2, width + line, line, 60, scale)
            if field.printed == "line":
                continue
            fill(page, x - line / 2, y - line / 2, width + line, line, 60, scale)
            for at in (x, x + width):
                fill(page, at - line / 2, y - line / 2, line, height + line, 60, scale)
    grey = np.round(page).astype(np.uint8)
    for field in form.fields:
        place = round((field.x - 20) * scale), round((field.y + 5) * scale)
        cv2.putText(grey, field.id, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 40, 2, cv2.LINE_AA)
    return np.repeat(grey[:, :, None], 3, axis=2)


def fill(page, x, y, width, height, tone, scale) -> None:
    """A rectangle with the pixels at its rim covered in part."""
    rows = np.clip(np.minimum(np.arange(page.shape[0]) + 1, (y + height) * scale)
                   - np.maximum(np.arange(page.shape[0]), y * scale), 0, 1)  # fmt: skip
    columns = np.clip(np.minimum(np.arange(page.shape[1]) + 1, (x + width) * scale)
                      - np.maximum(np.arange(page.shape[1]), x * scale), 0, 1)  # fmt: skip
    cover = np.outer(rows, columns)
    page += cover * (tone - page)


def write(
    pixels: np.ndarray, box, digit: int, *, scale: float = 200 / 25.4, pen: float = 0.5,
    colour=(25, 30, 120), move=(0.0, 0.0), size: float = 0.8,
) -> None:  # fmt: skip
    """Write a digit into a box (left, top, width, height in millimetres), in place."""
    x, y, width, height = box
    left, top = x + width / 2 - width * size * 0.4 + move[0], y + height * (1 - size) / 2 + move[1]
    for stroke in STROKES[digit]:
        points = [
            (round((left + u * width * size * 0.8) * scale * 16 - 8),
             round((top + v * height * size) * scale * 16 - 8))
            for u, v in stroke
        ]  # fmt: skip
        cv2.polylines(
            pixels, [np.array(points, np.int32)], False, colour, round(pen * scale), cv2.LINE_AA, 4
        )


def turned(pixels: np.ndarray, matrix: np.ndarray, size=None) -> np.ndarray:
    """The picture under a homography of pixels, on a dark table."""
    size = size or (pixels.shape[1], pixels.shape[0])
    return cv2.warpPerspective(
        pixels, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(70, 60, 50)
    )
