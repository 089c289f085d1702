"""The same dish gives the same islet equivalents, however it was turned, lit, scaled or saved.

A dish is eight fields: in a single one the parting of one touching pair can weigh several percent.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from isletqc import assets
from isletqc.records import Image, Stain
from isletqc.segment import learned
from isletqc.segment.run import segment_with
from isletqc.synthetic.draw import brightfield_field, dithizone_field

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels], Any]
UM_PER_PX = 3.0
SEEDS = range(101, 109)
NETWORKS = {"dithizone": "dithizone", "brightfield": "cluster_brightfield"}


@cache
def field(stain: Stain, seed: int) -> Pixels:
    draw = dithizone_field if stain == "dithizone" else brightfield_field
    return draw(seed, shape_yx=(500, 640), um_per_px=UM_PER_PX).pixels


def ieq(stain: Stain, pixels: Any, um_per_px: float = UM_PER_PX) -> float:
    planes = np.ascontiguousarray(pixels, dtype=np.uint8).reshape(*pixels.shape[:2], -1)
    names = ("red", "green", "blue")[: planes.shape[2]]
    image = Image(planes, names, 255.0, um_per_px, "drawn", "", "", stain)
    trained = learned.load(assets.model(NETWORKS[stain]), torch.device("cpu"))
    areas_um2 = np.bincount(segment_with(image, trained).labels.ravel())[1:] * um_per_px**2
    diameters_um = 2 * np.sqrt(areas_um2 / np.pi)
    return float((diameters_um[diameters_um >= 50] ** 3).sum() / 150**3)


@cache
def plain(stain: Stain) -> float:
    return sum(ieq(stain, field(stain, seed)) for seed in SEEDS)


def scaled(factor: float) -> Change:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return lambda pixels: cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how)


def brighter(factor: float) -> Change:
    return lambda pixels: np.clip(pixels * factor, 0, 255).astype(np.uint8)


def warmer(factor: float) -> Change:
    def change(pixels: Pixels) -> Any:
        gains = [factor, 1, 1 / factor] if pixels.shape[2] == 3 else [1]
        return np.clip(pixels * np.array(gains), 0, 255).astype(np.uint8)

    return change


def jpeg(pixels: Pixels) -> Any:
    _, packed = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))[:, :, ::-1]


def half_a_pixel_on(pixels: Pixels) -> Any:
    move = np.array([[1, 0, 0.5], [0, 1, 0.5]])
    size = (pixels.shape[1], pixels.shape[0])
    return cv2.warpAffine(pixels, move, size, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("stain", ["dithizone", "brightfield"])
@pytest.mark.parametrize(
    ("change", "um_per_px", "limit"),
    [
        pytest.param(lambda p: p[::-1], UM_PER_PX, 0.01, id="mirrored"),
        pytest.param(np.rot90, UM_PER_PX, 0.01, id="turned"),
        pytest.param(half_a_pixel_on, UM_PER_PX, 0.01, id="shifted by half a pixel"),
        pytest.param(scaled(2), UM_PER_PX / 2, 0.02, id="twice as fine"),
        pytest.param(scaled(0.5), UM_PER_PX * 2, 0.02, id="half as fine"),
        pytest.param(brighter(0.8), UM_PER_PX, 0.03, id="darker by 20 %"),
        pytest.param(brighter(1.2), UM_PER_PX, 0.03, id="brighter by 20 %"),
        pytest.param(warmer(0.85), UM_PER_PX, 0.03, id="colder light"),
        pytest.param(warmer(1.15), UM_PER_PX, 0.03, id="warmer light"),
        pytest.param(jpeg, UM_PER_PX, 0.03, id="JPEG at quality 60"),
    ],
)
def test_islet_equivalents_stay(
    stain: Stain, change: Change, um_per_px: float, limit: float
) -> None:
    assert plain(stain) > 40, "test invalid: too few islets to tell percents"
    changed = sum(ieq(stain, change(field(stain, seed)), um_per_px) for seed in SEEDS)
    assert changed == pytest.approx(plain(stain), rel=limit)
