"""SVS and NDPI keep the colours that were drawn, however JPEG stores them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from fuzz_ndpi import ndpi

from isletqc.load import picture, regions
from isletqc.records import Image

Y, X = np.mgrid[:512, :768]
RGB = np.stack([100 + 80 * np.sin(X / 40), 60 + 40 * np.cos(Y / 30), np.full(X.shape, 30)], axis=-1)
PIXELS = RGB.astype(np.uint8)
# JPEG loses a little; another colour model is off by tens.
LOST = 1.0


def lost(image: Image) -> float:
    return float(np.abs(image.pixels.astype(float) - PIXELS).mean())


def tiles(**how: Any) -> Iterator[bytes]:
    for y in range(0, 512, 256):
        for x in range(0, 768, 256):
            tile = np.ascontiguousarray(PIXELS[y : y + 256, x : x + 256])
            yield bytes(imagecodecs.jpeg8_encode(tile, level=95, **how))


RGB_INSIDE = {"subsampling": "444", "colorspace": "rgb", "outcolorspace": "rgb"}
WAYS: dict[str, tuple[str, tuple[int, int] | None, dict[str, Any]]] = {
    "YCbCr 4:4:4": ("ycbcr", (1, 1), {"subsampling": "444"}),
    "YCbCr 4:2:2": ("ycbcr", (2, 1), {"subsampling": "422"}),
    "YCbCr 4:2:0": ("ycbcr", (2, 2), {"subsampling": "420"}),
    "YCbCr, called RGB": ("rgb", None, {"subsampling": "420"}),
    "RGB": ("rgb", None, RGB_INSIDE),
}


@pytest.fixture(params=WAYS)
def svs(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    photometric, subsampling, how = WAYS[request.param]
    tifffile.imwrite(
        tmp_path / "a.svs",
        tiles(**how),
        shape=PIXELS.shape,
        dtype=np.uint8,
        photometric=photometric,
        subsampling=subsampling,
        compression="jpeg",
        tile=(256, 256),
        description="Aperio Image Library v12|AppMag = 20|MPP = 0.5",
        metadata=None,
    )
    return tmp_path / "a.svs"


def test_an_svs_read_whole_has_its_colours(svs: Path) -> None:
    image = picture.read(svs, stain="dithizone")
    assert lost(image) < LOST
    assert image.um_per_px == pytest.approx(0.5)


def test_an_svs_read_in_parts_gives_the_same_samples(svs: Path) -> None:
    whole = picture.read(svs, stain="dithizone").pixels
    with regions.opened(svs, stain="dithizone", max_megapixels=400) as source:
        assert source is not None
        for y, x in ((slice(0, 512), slice(0, 768)), (slice(200, 301), slice(250, 600))):
            np.testing.assert_array_equal(source.read(y, x), whole[y, x])


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
def test_an_ndpi_is_read_at_full_resolution_with_its_colours(
    tmp_path: Path, subsampling: str
) -> None:
    levels = {20.0: PIXELS, 5.0: PIXELS[::4, ::4]}
    data = ndpi(levels, um_per_px=0.46, subsampling=subsampling)
    (tmp_path / "a.ndpi").write_bytes(data)
    image = picture.read(tmp_path / "a.ndpi", stain="dithizone")
    assert image.shape_yx == (512, 768)
    assert image.channels == ("red", "green", "blue")
    assert lost(image) < LOST
    assert image.um_per_px == pytest.approx(0.46, rel=1e-4)
