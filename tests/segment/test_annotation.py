"""Burnt-in boxes are found; bright light, glints and white fields are not taken for boxes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.protocol import Segmentation
from isletqc.records import Image
from isletqc.segment.annotation import boxes
from isletqc.segment.run import segment


def field(level: int = 150) -> NDArray[np.uint8]:
    grain = np.random.default_rng(0).normal(level, 3, (400, 600, 1))
    return np.clip(np.rint(grain), 0, 255).astype(np.uint8)


def with_bar(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A white box with a black frame and a dark shadow, as camera programs draw it."""
    out = picture.copy()
    cv2.rectangle(out, (406, 346), (576, 386), 80, -1)
    cv2.rectangle(out, (400, 340), (570, 380), 0, -1)
    cv2.rectangle(out, (402, 342), (568, 378), 255, -1)
    cv2.rectangle(out, (410, 348), (560, 351), 0, -1)
    cv2.putText(out, "500 um", (440, 372), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 1)
    return out


def test_a_box_is_found_with_its_frame_and_shadow() -> None:
    ((y, x),) = boxes(with_bar(field()), 255)
    assert y.start <= 340
    assert y.stop > 386
    assert x.start <= 400
    assert x.stop > 576
    assert y.start > 315
    assert x.start > 375


def test_a_box_survives_jpeg() -> None:
    _, packed = cv2.imencode(".jpg", with_bar(field()), [cv2.IMWRITE_JPEG_QUALITY, 85])
    pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)[:, :, None]
    assert len(boxes(pixels, 255)) == 1


def test_fields_glints_and_overexposed_light_are_no_boxes() -> None:
    glint = field()
    cv2.ellipse(glint, (300, 200), (60, 15), 20, 0, 360, 255, -1)
    bright = np.full((400, 600, 1), 255, dtype=np.uint8)
    cv2.circle(bright, (300, 200), 80, 90, -1)
    band = field()
    band[:60] = 255
    for picture in (field(), glint, bright, band):
        assert boxes(picture, 255) == []


def test_nothing_is_found_in_or_around_a_scale_bar() -> None:
    image = Image(with_bar(field()), ("gray",), 255.0, 1.6, "given", "x", "0", "brightfield")
    for method in ("network", "classical"):
        settings = Segmentation(method=method, network="cluster_brightfield")
        assert segment(image, settings, device="cpu").labels.max() == 0
