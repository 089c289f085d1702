"""Records -> layers of napari, each with its scale in micrometres.

Takes a picture, its labels and classes, and what was measured; gives layer data that a viewer or a
reader can add. The features of the labels hold one row an islet, with the unit in every name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from isletqc.plugin import looks
from isletqc.records import EXOCRINE, Image, Islet

LayerData = tuple[Any, dict[str, Any], str]
ColourBy = Literal["counted", "size class", "viability", "one colour each"]
COLOUR_BY: tuple[ColourBy, ...] = ("counted", "size class", "viability", "one colour each")
PICTURE, ISLETS, EXOCRINE_NAME, UNCERTAINTY = "Picture", "Islets", "Exocrine", "Uncertainty"
# Where a layer's picture, or its folder of results, lies on disk.
PICTURE_KEY, FOLDER_KEY = "isletqc_picture", "isletqc_folder"
_CLASS_UM, _FIRST_UM = 50, 50
_COLOUR = ("red", "green", "blue")


def on_grid(um_per_px: float) -> dict[str, Any]:
    """Scale, units and axes that every layer of a picture has."""
    return {
        "scale": (um_per_px, um_per_px),
        "units": ("um", "um"),
        "axis_labels": ("y", "x"),
    }


def picture(image: Image, name: str = PICTURE) -> list[LayerData]:
    """Show a picture: colour as one layer, each other channel as a layer of its own."""
    grid = {**on_grid(image.um_per_px), "metadata": {PICTURE_KEY: image.path}}
    if image.channels[:3] == _COLOUR:
        return [(image.pixels[:, :, :3], {"name": name, "rgb": True, **grid}, "image")]
    if len(image.channels) == 1:
        grey = image.pixels[:, :, 0]
        return [(grey, {"name": name, "contrast_limits": _limits(grey), **grid}, "image")]
    return [
        _channel(image, place, f"{name} {channel}", grid)
        for place, channel in enumerate(image.channels)
    ]


def islets(
    labels: NDArray[np.int32], found: Sequence[Islet], um_per_px: float, *, name: str = ISLETS
) -> LayerData:
    """Show the islets with one row of features each, coloured by whether they count."""
    settings = {
        "name": name,
        "opacity": 0.55,
        "features": features(found),
        "colormap": colours(found, "counted"),
        **on_grid(um_per_px),
    }
    return labels, settings, "labels"


def exocrine(classes: NDArray[np.uint8], um_per_px: float) -> LayerData:
    """Show the exocrine tissue in one colour."""
    settings = {
        "name": EXOCRINE_NAME,
        "opacity": 0.35,
        "colormap": DirectLabelColormap(
            color_dict={None: "transparent", 0: "transparent", 1: looks.EXOCRINE_COLOUR}
        ),
        **on_grid(um_per_px),
    }
    return (classes == EXOCRINE).astype(np.uint8), settings, "labels"


def uncertainty(probability: NDArray[np.uint8], um_per_px: float) -> LayerData:
    """Show 1 - probability of each pixel's class, 0 to 1."""
    settings = {
        "name": UNCERTAINTY,
        "colormap": "inferno",
        "contrast_limits": (0.0, 0.5),
        "opacity": 0.7,
        "blending": "additive",
        **on_grid(um_per_px),
    }
    return 1 - probability.astype(np.float32) / 255, settings, "image"


def features(found: Sequence[Islet]) -> pd.DataFrame:
    """One row an islet; ``index`` is its label."""
    return pd.DataFrame(
        {
            "index": np.array([i.label for i in found], dtype=np.int64),
            "counted": ["yes" if i.included else "no" for i in found],
            "diameter_um": np.array([i.diameter_um for i in found], dtype=np.float64),
            "ieq": np.array([i.ieq for i in found], dtype=np.float64),
            "circularity": np.array([i.circularity for i in found], dtype=np.float64),
            "reason": [i.exclusion_reason for i in found],
            "class": [i.class_name for i in found],
        }
    )


def colours(
    found: Sequence[Islet], by: ColourBy, selected: Sequence[int] = ()
) -> DirectLabelColormap:
    """Colours of the islets; a label that was just painted takes that of a counted islet."""
    chosen: dict[int | None, str] = {i.label: _colour(i, by) for i in found}
    chosen.update(dict.fromkeys(selected, looks.SELECTED))
    chosen.update({None: looks.COUNTED, 0: "transparent"})
    return DirectLabelColormap(color_dict=chosen)


def legend(found: Sequence[Islet], by: ColourBy) -> Mapping[str, str]:
    """Words -> colour, for those kinds that the picture has."""
    if by == "one colour each":
        return {}
    return {_word(i, by): _colour(i, by) for i in sorted(found, key=lambda i: i.diameter_um)}


def path_of(layer: Any) -> Path | None:
    """File that a layer shows; None when it is in memory only."""
    known = layer.metadata.get(PICTURE_KEY) or layer.source.path
    return Path(known) if known and Path(known).is_file() else None


def um_per_px_of(layer: Any) -> float | None:
    """Pixel size by the layer's scale; None when it is in pixels, or differs between axes."""
    try:
        y, x = (
            float((scale * unit).to("um").magnitude)
            for scale, unit in zip(layer.scale[-2:], layer.units[-2:], strict=True)
        )
    except (ValueError, AttributeError, TypeError):  # pint: no length
        return None
    return y if y > 0 and abs(x / y - 1) < 1e-6 else None


def _colour(islet: Islet, by: ColourBy) -> str:
    if by == "one colour each":
        return looks.CYCLE[islet.label % len(looks.CYCLE)]
    if not islet.included:
        return looks.NOT_COUNTED
    if by == "size class":
        return looks.SIZE_COLOURS[_size_class(islet)]
    if by == "viability" and islet.viability is not None:
        return looks.LIVE if islet.viability >= 0.5 else looks.DEAD
    return looks.COUNTED


def _word(islet: Islet, by: ColourBy) -> str:
    if not islet.included:
        return "not counted"
    if by == "size class":
        low = _FIRST_UM + _CLASS_UM * _size_class(islet)
        last = _size_class(islet) == len(looks.SIZE_COLOURS) - 1
        return f"{low} µm and more" if last else f"{low} to {low + _CLASS_UM} µm"
    if by == "viability" and islet.viability is not None:
        return "half or more live" if islet.viability >= 0.5 else "less than half live"
    return "counted"


def _size_class(islet: Islet) -> int:
    place = int((islet.diameter_um - _FIRST_UM) // _CLASS_UM)
    return min(max(place, 0), len(looks.SIZE_COLOURS) - 1)


def _channel(image: Image, place: int, name: str, grid: dict[str, Any]) -> LayerData:
    pixels = image.pixels[:, :, place]
    settings = {
        "name": name,
        "colormap": looks.CHANNEL_COLOURS[place % len(looks.CHANNEL_COLOURS)],
        "blending": "translucent" if place == 0 else "additive",
        "contrast_limits": _limits(pixels),
    }
    return pixels, {**settings, **grid}, "image"


def _limits(pixels: NDArray[Any]) -> tuple[float, float]:
    """Display from the darkest to nearly the brightest, seen on every eighth pixel."""
    low, high = np.percentile(pixels[::8, ::8], (0.1, 99.9))
    return float(low), float(max(high, low + 1e-6))
