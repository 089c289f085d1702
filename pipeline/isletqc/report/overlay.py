"""Image, regions and islets -> a JPEG in which a person can check every outline.

The picture is shrunk to a long side of 1,600 px and stretched to display contrast. Islets that
count are outlined in full lines, excluded objects in broken lines of another colour, exocrine
tissue in a thin line. Each outline lies on a dark rim, so it shows on light and dark pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isletqc.records import EXOCRINE, Image, Islet, Nucleus, Regions

LONG_SIDE_PX = 1600
# Blue lies far from the red, brown and yellow of stained tissue for every kind of colour vision;
# what is excluded differs by its broken line too.
INCLUDED_RGB, EXCLUDED_RGB, EXOCRINE_RGB = (0, 190, 255), (255, 255, 255), (170, 0, 170)
# White differs from every colour that a channel is shown in.
NUCLEUS_RGB = (255, 255, 255)
_RIM_RGB = (20, 20, 20)
_DASH_PX = 5
_ADDITIVE_RGB = ((0, 255, 0), (255, 0, 255), (0, 140, 255), (255, 200, 0))
_COLOUR = ("red", "green", "blue")


def draw_overlay(
    image: Image, regions: Regions, islets: Sequence[Islet] | Sequence[Nucleus]
) -> bytes:
    """Draw the outlines over the picture.

    Parameters
    ----------
    image : the picture as read, (Y, X, C)
    regions : its classes and labels on the same grid
    islets : says which labels count; nuclei all count and have a thinner line

    Returns
    -------
    JPEG file, long side at most 1,600 px
    """
    wanted = size(image.shape_yx)
    canvas = _display(image, wanted)
    labels = _nearest(regions.labels, wanted)
    exocrine = _nearest(regions.classes, wanted) == EXOCRINE
    nuclei = bool(islets) and isinstance(islets[0], Nucleus)
    ring, rim = _ring(labels, 2 if nuclei else 5), _rim(labels)
    canvas[_ring(exocrine, 5) & ~ring] = EXOCRINE_RGB
    canvas[rim] = _RIM_RGB
    counted = _counted(islets, int(regions.labels.max(initial=0)))[labels]
    canvas[ring & counted] = NUCLEUS_RGB if nuclei else INCLUDED_RGB
    canvas[ring & ~counted] = _RIM_RGB
    canvas[ring & ~counted & _dashes(labels.shape)] = EXCLUDED_RGB
    return encode_jpeg(canvas[:, :, ::-1], 85, full_colour=True)


def encode_jpeg(pixels_bgr: NDArray[Any], quality: int, *, full_colour: bool = False) -> bytes:
    """JPEG of a (Y, X, 3) picture in the order blue, green, red; quality 1 to 100.

    ``full_colour`` keeps the colour of every pixel: thin coloured lines need it.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if full_colour:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", pixels_bgr, options)
    return bytes(data)


def size(shape_yx: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the overlay of a picture."""
    height, width = shape_yx
    scale = min(1.0, LONG_SIDE_PX / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _display(image: Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    if image.channels == _COLOUR:
        # One gain for all three keeps the hue of the stain.
        return _stretch(_shrink(image.pixels, size), 0)
    count = image.pixels.shape[2]
    grey = [_stretch(_shrink(image.pixels[:, :, c], size), 0.2) for c in range(count)]
    if len(grey) == 1:
        return np.dstack(grey * 3)
    light = sum(
        channel[..., None] * (np.array(rgb, np.float32) / 255)
        for channel, rgb in zip(grey, _ADDITIVE_RGB, strict=False)
    )
    return np.asarray(np.clip(light, 0, 255), dtype=np.uint8)


def _shrink(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    # OpenCV wants (width, height) and memory in one piece.
    return np.asarray(
        cv2.resize(np.ascontiguousarray(pixels), size[::-1], interpolation=cv2.INTER_AREA)
    )


def _stretch(pixels: NDArray[Any], darkest_percent: float) -> NDArray[np.uint8]:
    sample = pixels[::4, ::4]
    low = np.percentile(sample, darkest_percent) if darkest_percent else 0
    high = np.percentile(sample, 99.8)
    gain = np.float32(255 / max(float(high - low), 1e-6))
    light = (pixels.astype(np.float32) - np.float32(low)) * gain
    return np.asarray(np.clip(light, 0, 255), dtype=np.uint8)


def _nearest(grid: NDArray[Any], wanted: tuple[int, int]) -> NDArray[Any]:
    # Plain indexing: the labels may be any integer, and no label may be averaged.
    rows, columns = nearest(grid.shape, wanted)
    return grid.take(rows, axis=0).take(columns, axis=1)


def nearest(
    shape: tuple[int, ...], wanted: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of a grid that lie nearest to those of a smaller one."""
    rows = (np.arange(wanted[0]) + 0.5) * shape[0] / wanted[0]
    columns = (np.arange(wanted[1]) + 0.5) * shape[1] / wanted[1]
    return rows.astype(np.intp), columns.astype(np.intp)


def _ring(labels: NDArray[Any], width_px: int) -> NDArray[np.bool_]:
    """Pixels of an object that lie within half the width of another object or of none."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_px, width_px))
    values = labels.astype(np.float32)  # exact up to 16,777,216 labels
    ends = cv2.dilate(values, kernel) != cv2.erode(values, kernel)
    return np.asarray(ends & (values > 0))


def _rim(labels: NDArray[Any]) -> NDArray[np.bool_]:
    islet = (labels > 0).astype(np.uint8)
    return np.asarray((cv2.dilate(islet, np.ones((3, 3), np.uint8)) > 0) & (islet == 0))


def _dashes(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows + columns) // _DASH_PX % 2 == 0)


def _counted(islets: Sequence[Islet] | Sequence[Nucleus], highest: int) -> NDArray[np.bool_]:
    counted = np.zeros(highest + 1, dtype=np.bool_)
    included = [i.label for i in islets if isinstance(i, Nucleus) or i.included]
    counted[[label for label in included if label <= highest]] = True
    return counted
