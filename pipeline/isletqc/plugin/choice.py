"""What the panel was asked for -> the order of the run, and the same as a command.

The order is made by the same functions as on the command line, so both give the same numbers.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from isletqc import protocol
from isletqc.errors import UsageError
from isletqc.load import picture as pictures
from isletqc.plugin import layers
from isletqc.records import Failure
from isletqc.run import inputs, phantoms
from isletqc.run.batch import Order


@dataclass(frozen=True, slots=True)
class Choice:
    """What is filled in: a picture or folder or a sheet, and how it is to be analysed."""

    source: Path | None
    sheet: Path | None
    protocol: str
    out: Path
    pixel_size_um: float | None = None
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Micrometres per pixel and where they come from; None: unknown, for ``problem``."""

    um_per_px: float | None
    source: str
    problem: str = ""


def order(choice: Choice) -> Order:
    """Make the order as the command line would.

    Raises
    ------
    UsageError
        Nothing to analyse, a bad sheet, a protocol that cannot be read.
    """
    loaded = protocol.load(choice.protocol)
    paths = [choice.source] if choice.source else []
    found = inputs.gather(paths, sheet=choice.sheet, out=choice.out)
    return Order(
        samples=found.samples,
        protocol=loaded,
        out=choice.out,
        pixel_size_um=choice.pixel_size_um,
        device=choice.device,
        notes=found.notes,
        command=command(choice),
    )


def command(choice: Choice) -> str:
    """Write the command line that does the same."""
    words = ["isletqc", "run"]
    words += [str(choice.source)] if choice.source else []
    words += ["--sheet", str(choice.sheet)] if choice.sheet else []
    words += ["--protocol", choice.protocol]
    words += ["--pixel-size", repr(choice.pixel_size_um)] if choice.pixel_size_um else []
    words += ["--device", choice.device] if choice.device != "auto" else []
    return shlex.join([*words, "--out", str(choice.out)])


def out_beside(path: Path) -> Path:
    """Propose a folder for the results, beside what is analysed."""
    return path.with_name(f"{path.stem}-isletqc")


def of_file(path: Path) -> PixelSize:
    """Pixel size that a file states, as a run would read it."""
    return _of_file(path, path.stat().st_mtime_ns)


def of_layer(layer: Any) -> PixelSize:
    """Pixel size of a layer: of its file, or else of its scale in units of length."""
    path = layers.path_of(layer)
    known = of_file(path) if path else PixelSize(None, "", "")
    um_per_px = None if known.um_per_px else layers.um_per_px_of(layer)
    return known if um_per_px is None else PixelSize(um_per_px, "the layer's scale")


def save_layer(layer: Any, out: Path, um_per_px: float) -> Path:
    """Write a layer that is in memory only as a picture, to be analysed like any other.

    It lies among the results, in a folder that names its lot: a file of its name that lies
    elsewhere is another picture.

    Raises
    ------
    UsageError
        The layer is a stack.
    """
    pixels = np.asarray(layer.data)
    if pixels.ndim != (3 if layer.rgb else 2):
        raise UsageError(
            f"layer {layer.name}: expected one picture, found a stack {pixels.shape}; save the "
            "plane in focus, or a projection, as a layer or file of its own"
        )
    pixels = pixels[..., :3] if layer.rgb else pixels  # without transparency
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in layer.name) or "layer"
    return phantoms.write_tiff(out / "input" / name / f"{name}.tif", pixels, um_per_px)


def picture_layer(viewer: Any) -> Any:
    """Give the picture that is selected, or else the lowest one; None where there is none."""
    images = [n for n in viewer.layers if isinstance(_bare(n), Image)]
    images = [n for n in images if n.name != layers.UNCERTAINTY]
    active = viewer.layers.selection.active
    chosen = [n for n in images if active is not None and n.name == active.name]
    return next(iter([*chosen, *images]), None)


def named(layer: Any, path: Path | None) -> str:
    """Write which layer is analysed, and from which file."""
    if layer is None:
        return ""
    return f"{layer.name} ({path.name})" if path else f"{layer.name} (in memory)"


def advice(code: str, message: str) -> str:
    """Say in the panel's words what to do about an error."""
    if code == "pixel-size-unknown":
        return f"{message}\n\nType the micrometres of one pixel under Pixel size, then Run."
    return message


def _bare(layer: Any) -> Any:
    """Layer without the wrapper that napari puts around what it hands to plugins."""
    return getattr(layer, "__wrapped__", layer)


@lru_cache(maxsize=32)
def _of_file(path: Path, mtime_ns: int) -> PixelSize:
    """Look once: a file is decoded for it, and the panel asks at every change of the layers."""
    facts = pictures.describe(path)
    return PixelSize(facts.um_per_px, facts.um_per_px_source, facts.problem)


def of_failure(failure: Failure) -> str:
    """Words for a picture that could not be analysed."""
    return advice(failure.error, failure.message)
