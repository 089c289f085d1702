"""Saves a layer of labels as OME-TIFF with its pixel size, which napari's own writer loses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels

from isletqc.errors import PixelSizeUnknownError
from isletqc.plugin import layers
from isletqc.run.phantoms import write_tiff


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one layer of labels.

    Raises
    ------
    PixelSizeUnknownError
        The layer's scale is in pixels.
    """
    grid = {key: attributes[key] for key in ("scale", "units") if key in attributes}
    layer = Labels(np.zeros((1, 1), int), **grid)
    um_per_px = layers.um_per_px_of(layer)
    if um_per_px is None:
        raise PixelSizeUnknownError(
            f"{attributes.get('name', 'labels')}: expected a layer with a scale in micrometres, "
            f"found {layer.scale} {layer.units[0]}; set the layer's scale and units"
        )
    target = Path(path)
    if not target.name.lower().endswith((".tif", ".tiff")):
        target = target.with_name(target.name + ".ome.tif")
    labels = np.asarray(data)
    highest = int(labels.max(initial=0))
    kind = np.uint16 if highest <= np.iinfo(np.uint16).max else np.uint32
    return [str(write_tiff(target, labels.astype(kind), um_per_px))]
