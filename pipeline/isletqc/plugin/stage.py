"""The layers of the picture on the table: shown, selected, brought up to date after an edit.

A layer of labels shows a copy of the canvas, because napari paints into it; after each change the
changed part is taken over from the canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import napari
import napari.layers
import numpy as np
from numpy.typing import NDArray

from isletqc.plugin import layers
from isletqc.plugin.layers import ColourBy
from isletqc.records import EXOCRINE, Image, Islet
from isletqc.run.canvas import Box, Canvas, slices

# Above this napari needs seconds to draw outlines anew after each edit.
_MOST_OUTLINED_PX = 4_000_000


class Stage:
    """Layers of one picture in one viewer."""

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        self.viewer = viewer
        self.islets: Any = None
        self.exocrine: Any = None
        self.uncertainty: Any = None
        self.colour_by: ColourBy = "counted"
        self._shown: list[Any] = []

    def show(self, image: Image, canvas: Canvas, found: Sequence[Islet], name: str) -> None:
        """Put a picture on, in place of the one before and of layers of its file."""
        um_per_px = image.um_per_px
        wanted = [
            *layers.picture(image, name),
            layers.exocrine(canvas.classes, um_per_px),
            layers.islets(canvas.labels.copy(), found, um_per_px),
        ]
        self._remove(self.uncertainty)
        self.uncertainty = None
        if self._fits(wanted):
            # Three times as fast as other layers.
            for layer, (data, settings, _) in zip(self._shown, wanted, strict=True):
                _exchange(layer, data, settings)
        else:
            self.clear()
            self._shown = [self._added(layer) for layer in wanted]
        self.exocrine, self.islets = self._shown[-2:]
        self._hide_others(image.path)
        self.outline(canvas.labels.size <= _MOST_OUTLINED_PX)
        self.viewer.layers.selection.active = self.islets
        self.viewer.canvas.overlays.scale_bar.visible = True
        self.viewer.reset_view()
        self.colour(found, ())

    def clear(self) -> None:
        """Take the layers away."""
        for layer in (*self._shown, self.uncertainty):
            self._remove(layer)
        self._shown = []
        self.islets = self.exocrine = self.uncertainty = None

    def there(self) -> bool:
        """Whether the islets are still among the layers; a person may have deleted them."""
        return self.islets is not None and self.islets in self.viewer.layers

    def outline(self, on: bool) -> None:
        """Draw outlines instead of filled islets."""
        self.islets.contour = 3 if on else 0
        self.islets.opacity = 0.9 if on else 0.5

    def colour(self, found: Sequence[Islet], selected: Sequence[int]) -> None:
        """Colour the islets; those that are selected stand out."""
        self.islets.colormap = layers.colours(found, self.colour_by, selected)
        with self.islets.events.features.blocker():
            self.islets.features = layers.features(found)

    def take_over(self, canvas: Canvas, box: Box) -> None:
        """Copy a changed part of the canvas; colouring the islets anew then draws it."""
        place = slices(box)
        if box[2] == box[0]:
            return
        self.islets.data[place] = canvas.labels[place]
        exocrine = canvas.classes[place] == EXOCRINE
        if np.any(self.exocrine.data[place] != exocrine):
            self.exocrine.data[place] = exocrine
            self.exocrine.refresh(extent=False, thumbnail=False, highlight=False)

    def painted(self, canvas: Canvas) -> tuple[Box, NDArray[np.int32]] | None:
        """Find what the brush or eraser changed: its box, and the numbers there."""
        differ = self.islets.data != canvas.labels
        rows, columns = np.flatnonzero(differ.any(axis=1)), np.flatnonzero(differ.any(axis=0))
        if not len(rows):
            return None
        box = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
        return box, np.array(self.islets.data[slices(box)], np.int32)

    def show_uncertainty(self, probability: NDArray[np.uint8]) -> None:
        """Lay 1 - probability over the picture, below the islets."""
        if not self.there():
            return
        self._remove(self.uncertainty)
        data, settings, _ = layers.uncertainty(probability, float(self.islets.scale[0]))
        self.uncertainty = self.viewer.add_image(data, **settings)
        top = self.viewer.layers.index(self.uncertainty)
        self.viewer.layers.move(top, self.viewer.layers.index(self.exocrine))
        self.viewer.layers.selection.active = self.islets

    def fly_to(self, islet: Islet) -> None:
        """Bring an islet to the middle, about six times its size across the view."""
        camera = self.viewer.scene.camera
        side = float(min(self.viewer.canvas.size))
        camera.center = (camera.center[0], *islet.centroid_yx_um)
        camera.zoom = min(camera.zoom * 64, side / (6 * islet.feret_um))

    def _fits(self, wanted: Sequence[layers.LayerData]) -> bool:
        """Whether the layers that are shown can take what is wanted."""
        kinds = [(kind, bool(settings.get("rgb"))) for _, settings, kind in wanted]
        shown = [(type(n).__name__.lower(), bool(getattr(n, "rgb", False))) for n in self._shown]
        return kinds == shown and all(layer in self.viewer.layers for layer in self._shown)

    def _added(self, layer: layers.LayerData) -> Any:
        return self.viewer.add_layer(napari.layers.Layer.create(*layer))

    def _remove(self, layer: Any) -> None:
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _hide_others(self, path: str) -> None:
        """Hide layers that show the same picture already."""
        for layer in self.viewer.layers:
            if layer not in self._shown and isinstance(layer, napari.layers.Image):
                shown = layers.path_of(layer)
                layer.visible = layer.visible and (shown is None or str(shown) != path)


def _exchange(layer: Any, data: Any, settings: dict[str, Any]) -> None:
    """Let a layer show something else."""
    layer.data = data
    for name in ("scale", "name", "metadata", "contrast_limits", "features"):
        if name in settings:
            setattr(layer, name, settings[name])
