"""Masks of known shape become labels, and labels become measurements.

A shape is drawn by its pixels' centres, as a perfect segmentation would see it:

    disc of radius 2      . # # # .
    at (2, 2)             # # # # #
                          # # # # #
                          # # # # #
                          . # # # .
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.measure.islets import Measurement, measure
from isletqc.protocol import Sizing
from isletqc.records import ISLET, Image, Regions

Measure = Callable[..., Measurement]


@pytest.fixture(scope="session")
def measured() -> Measure:
    """Measure labels: ``measured(labels, um_per_px=1, classes=None, **sizing)``."""

    def run(
        labels: NDArray[np.int32],
        um_per_px: float = 1.0,
        classes: NDArray[np.uint8] | None = None,
        pixels: NDArray[np.uint8] | None = None,
        **sizing: object,
    ) -> Measurement:
        if classes is None:
            classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
        if pixels is None:
            pixels = np.full((*labels.shape, 3), 200, np.uint8)
        image = Image(
            pixels=pixels,
            channels=("red", "green", "blue"),
            full_scale=255,
            um_per_px=um_per_px,
            um_per_px_source="given",
            path="drawn.png",
            sha256="0" * 64,
            stain="dithizone",
        )
        sure = np.full(labels.shape, 255, np.uint8)
        regions = Regions(classes, labels.astype(np.int32), sure, um_per_px, "drawn")
        return measure(image, regions, Sizing.model_validate({"min_diameter_um": 0} | sizing))

    return run


@pytest.fixture
def ellipse() -> Callable[..., NDArray[np.int32]]:
    """Draw one ellipse: ``ellipse(a, b, turn=0, shift=(0, 0), room=4)``, semi-axes in px."""

    def draw(
        a: float,
        b: float,
        turn: float = 0.0,
        shift: tuple[float, float] = (0.0, 0.0),
        room: int = 4,
    ) -> NDArray[np.int32]:
        half = int(np.ceil(max(a, b))) + room
        y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
        y, x = y - shift[0], x - shift[1]
        along = x * np.cos(turn) + y * np.sin(turn)
        across = y * np.cos(turn) - x * np.sin(turn)
        return np.asarray((along / a) ** 2 + (across / b) ** 2 <= 1, np.int32)

    return draw
