"""Hands: no image twice, the pen of the writer gone, one writer another than the next."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from veedor.errors import SourceError, VeedorError
from veedor.handwriting.digits import Digits, load_digits
from veedor.simulate.sheets import NistHand, Pen, Pool, draw_pen, drawn_hands
from veedor.simulate.sheets.hands import from_picture
from veedor.simulate.sheets.ink import digit_cover


def small_digits(writers=3, each=4):
    """Digits in the form of NIST's, from drawn hands."""
    images, digit, writer = [], [], []
    rng = np.random.default_rng(1)
    for number, hand in enumerate(drawn_hands(writers, seed=9)):
        for d in np.repeat(np.arange(10), each):
            distance = hand.take(int(d), rng).distance
            cover = np.clip(12 - distance, 0, 1) * 255
            small = cv2.resize(cover, (28, 28), interpolation=cv2.INTER_AREA)
            images.append(small.astype(np.uint8))
            digit.append(d)
            writer.append(number)
    n = len(images)
    return Digits(
        np.stack(images),
        np.array(digit),
        np.array(writer),
        np.zeros(n, dtype=np.int64),
        np.arange(n),
        np.full(n, "test"),
    )


@pytest.fixture(scope="module")
def digits():
    return small_digits()


@pytest.fixture(scope="module")
def nist():
    if not os.environ.get("VEEDOR_DATA"):
        pytest.skip("VEEDOR_DATA names no folder with NIST's digits")
    try:
        return load_digits().of("test")
    except SourceError as error:
        pytest.skip(str(error))


def used_up(hand, rng):
    return [hand.take(d, rng).key for d in range(10) for _ in range(int(hand.left()[d]))]


def test_a_writer_gives_each_image_once_and_says_when_there_is_none_left(digits):
    hand = NistHand(digits, 1)
    keys = used_up(hand, np.random.default_rng(0))
    assert len(keys) == len(set(keys)) == 40
    assert (hand.left() == 0).all()
    with pytest.raises(VeedorError, match="no image of 7 left"):
        hand.take(7, np.random.default_rng(0))


def test_nist_writers_give_each_image_once_too(nist):
    hand = NistHand(nist, int(nist.writer[0]))
    keys = used_up(hand, np.random.default_rng(0))
    assert len(keys) == len(set(keys)) == int((nist.writer == nist.writer[0]).sum())


def test_a_pool_books_what_it_promised_before_it_is_taken(digits):
    pool = Pool.of_nist(digits)
    need = np.full(10, 3)
    rng = np.random.default_rng(0)
    chosen = [pool.choose(need, rng) for _ in range(4)]
    assert chosen[3] is None
    assert len({hand.id for hand in chosen[:3]}) == 3
    for hand in chosen[:3]:
        for d in range(10):
            for _ in range(3):
                hand.take(d, rng)


def test_a_pool_leaves_out_whom_it_must_avoid(digits):
    pool = Pool.of_nist(digits)
    rng = np.random.default_rng(0)
    one = np.eye(10, dtype=np.int64)[4]
    assert {pool.choose(one, rng, avoid=("nist-0", "nist-1")).id for _ in range(4)} == {"nist-2"}
    assert pool.choose(one, rng, avoid=("nist-0", "nist-1")) is None


def test_the_width_of_the_pen_in_the_picture_is_divided_out():
    widths = []
    pen = Pen("test", "black", 0.6, (0, 0, 0), 1.0, 0.0, 0.0)
    for thickness in (2, 3, 4):
        large = np.zeros((224, 224), dtype=np.uint8)
        cv2.line(large, (60, 40), (150, 190), 255, 8 * thickness, cv2.LINE_AA)
        picture = cv2.resize(large, (28, 28), interpolation=cv2.INTER_AREA)
        distance, box = from_picture(picture)
        image = drawn_hands(1)[0].take(1, np.random.default_rng(0))
        image = type(image)(1, "line", distance, box)
        cover, _, _ = digit_cover(
            image, pen, 10.0, height=7.0, middle=(20.0, 20.0), turn=0, rng=np.random.default_rng(0)
        )
        widths.append(2 * float(cv2.distanceTransform((cover > 0.5).astype("u1"), 2, 5).max()) / 10)
    assert widths == pytest.approx([0.6] * 3, abs=0.08)


def test_pens_are_drawn_without_a_hand_and_differ():
    rng = np.random.default_rng(5)
    pens = [draw_pen(rng) for _ in range(40)]
    assert len({pen.kind for pen in pens}) == 4
    assert np.ptp([pen.width for pen in pens]) > 0.3


def likeness(a, b):
    """Correlation of two digits of the same class, laid over each other."""
    return float(
        np.corrcoef(np.minimum(a.distance, 40).ravel(), np.minimum(b.distance, 40).ravel())[0, 1]
    )


def test_a_drawn_writer_is_the_same_again_and_unlike_others():
    rng = np.random.default_rng(2)
    hands = drawn_hands(12)
    same, other = [], []
    for digit in (2, 3, 5):
        pairs = [(hand.take(digit, rng), hand.take(digit, rng)) for hand in hands]
        same += [likeness(a, b) for a, b in pairs]
        other += [likeness(pairs[i][0], pairs[i - 1][1]) for i in range(len(pairs))]
    assert np.median(same) > np.median(other) + 0.1
    again = drawn_hands(1)[0].take(4, np.random.default_rng(7))
    assert (again.distance == drawn_hands(1)[0].take(4, np.random.default_rng(7)).distance).all()


def stroke_width(ink):
    """Median width of the strokes, in pixels."""
    inside = (ink > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    crest = (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8))) & (depth > 1)
    return 2 * float(np.median(depth[crest]))


def between_writers(values):
    """Intra-class correlation of (writers, each) values."""
    each = values.shape[1]
    between = each * values.mean(axis=1).var(ddof=1)
    within = values.var(axis=1, ddof=1).mean()
    return (between - within) / (between + (each - 1) * within)


def test_the_width_of_nist_strokes_tells_the_writer_and_of_those_written_tells_nothing(nist):
    rng = np.random.default_rng(0)
    pen = Pen("test", "black", 0.5, (0, 0, 0), 1.0, 0.3, 0.03)
    own, written = [], []
    for writer in np.unique(nist.writer)[:30]:
        hand = NistHand(nist, int(writer))
        if not hand.left().all():
            continue
        of_writer = np.flatnonzero(nist.writer == writer)
        for d in range(10):
            image = hand.take(d, rng)
            order = int(image.key.split("/")[1])
            raw = nist.image[of_writer[nist.order[of_writer] == order][0]].astype(np.float32) / 255
            own.append(stroke_width(cv2.resize(raw, None, fx=8, fy=8, interpolation=2)))
            cover, _, _ = digit_cover(
                image, pen, 16.0, height=6.5, middle=(9.0, 9.0), turn=0, rng=rng
            )
            written.append(stroke_width(cover))
    own, written = (np.reshape(v, (-1, 10)) for v in (own, written))
    assert between_writers(own) > 0.3
    assert between_writers(written) < 0.12
