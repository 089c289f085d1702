"""Drawn pictures with their truth, as napari's sample data; the picture is a file on disk too."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isletqc.load import picture as pictures
from isletqc.plugin import layers
from isletqc.plugin.layers import LayerData
from isletqc.records import Stain
from isletqc.run import phantoms
from isletqc.synthetic.draw import brightfield_field, dithizone_field, livedead_field

_SHAPE_YX, _SEED = (768, 1024), 4
_UM_PER_PX = {"dithizone": 3.0, "brightfield": 2.0, "live-dead": 2.0}


def dithizone() -> list[LayerData]:
    """Islets stained red among exocrine tissue."""
    field = dithizone_field(_SEED, shape_yx=_SHAPE_YX, um_per_px=_UM_PER_PX["dithizone"])
    path = phantoms.write_field(_folder(), "dithizone.tif", field)
    return _layers(path, "dithizone", field)


def brightfield() -> list[LayerData]:
    """Clusters of a stem-cell culture without stain."""
    field = brightfield_field(_SEED, shape_yx=_SHAPE_YX, um_per_px=_UM_PER_PX["brightfield"])
    path = phantoms.write_field(_folder(), "brightfield.tif", field)
    return _layers(path, "brightfield", field)


def live_dead() -> list[LayerData]:
    """Two channels, live and dead."""
    field = livedead_field(_SEED, shape_yx=_SHAPE_YX, um_per_px=_UM_PER_PX["live-dead"])
    path = phantoms.write_livedead(_folder(), "live-dead.tif", field)
    return _layers(path, "live-dead", field)


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="isletqc-sample-"))


def _layers(path: Path, stain: Stain, field: Any) -> list[LayerData]:
    image = pictures.read(path, stain=stain)
    truth = {
        "name": "Truth",
        "visible": False,
        "opacity": 0.5,
        "features": _features(field),
        **layers.on_grid(field.um_per_px),
    }
    return [*layers.picture(image, stain), (field.labels.astype(np.int32), truth, "labels")]


def _features(field: Any) -> pd.DataFrame:
    rows = [(i.label, i.diameter_um, i.area_um2) for i in field.truth]
    return pd.DataFrame(rows, columns=["index", "true_diameter_um", "true_area_um2"])
