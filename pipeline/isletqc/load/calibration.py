"""What a TIFF's tags and descriptions say about the size of its pixels, most trusted first.

Order: OME-XML, ImageJ, MetaXpress or MetaMorph, other instruments, the resolution tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import tifffile

from isletqc.load.exif import resolution_claim
from isletqc.load.pixel_size import Claim, unit_um

_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_MICRO_MANAGER = 51123
_UM_PER_TIFF_UNIT = {2: 25400.0, 3: 10000.0}
_PRINT_UNITS = ("inch", "in", "cm")
_APERIO_MPP = re.compile(r"\|\s*MPP\s*=\s*([0-9.]+)")


def claims(
    tif: tifffile.TiffFile, texts: Sequence[str], of_ome: tuple[Claim, ...]
) -> tuple[Claim, ...]:
    """Collect every claim of a TIFF.

    Parameters
    ----------
    tif : the open file; its first page is asked
    texts : its image descriptions
    of_ome : the claims of its OME-XML
    """
    tags = tif.pages.first.tags
    imagej = _imagej(tags, texts)
    return (
        *of_ome,
        *imagej,
        *_metaxpress(texts),
        *_metamorph(tif),
        *_micro_manager(tags),
        *_aperio(texts),
        *_olympus(tif),
        # ImageJ's unit belongs to the resolution tags: they are no second witness.
        *(() if imagej else _resolution(tags)),
    )


def metaxpress_properties(texts: Sequence[str]) -> Mapping[str, str]:
    """Read the properties of a MetaXpress description, by name; empty when there is none."""
    text = next((t for t in texts if t.lstrip().startswith("<MetaData>")), "")
    if not text or "<!" in text:
        return {}
    try:
        root = ElementTree.fromstring(text.strip().rstrip("\0"))
    except ElementTree.ParseError:
        return {}
    found = (e for e in root.iter() if e.tag in ("prop", "custom-prop"))
    return {e.get("id", ""): e.get("value", "") for e in found}


def imagej_properties(texts: Sequence[str]) -> Mapping[str, str]:
    """Read the lines ``key=value`` of an ImageJ description; empty when there is none."""
    text = next((t for t in texts if t.startswith("ImageJ=")), "")
    pairs = (line.partition("=") for line in text.rstrip("\0").splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _imagej(tags: tifffile.TiffTags, texts: Sequence[str]) -> tuple[Claim, ...]:
    unit = imagej_properties(texts).get("unit", "")
    um = unit_um(unit)
    x, y = _rational(tags, _X_RESOLUTION), _rational(tags, _Y_RESOLUTION)
    if um is None or not x or not y:
        return ()
    # ImageJ passes the dpi of an imported file on as pixels per inch.
    return (Claim("ImageJ", um / x, um / y, resolution=unit.lower() in _PRINT_UNITS),)


def _metaxpress(texts: Sequence[str]) -> tuple[Claim, ...]:
    found = metaxpress_properties(texts)
    um = unit_um(found.get("spatial-calibration-units", ""))
    if um is None or found.get("spatial-calibration-state", "on") != "on":
        return ()
    return _claim(
        "MetaXpress", found.get("spatial-calibration-x"), found.get("spatial-calibration-y"), um
    )


def _metamorph(tif: tifffile.TiffFile) -> tuple[Claim, ...]:
    found = tif.stk_metadata or {}
    um = unit_um(str(found.get("CalibrationUnits", "")))
    if um is None or not found.get("SpatialCalibration", 1):
        return ()
    return _claim("MetaMorph STK", found.get("XCalibration"), found.get("YCalibration"), um)


def _micro_manager(tags: tifffile.TiffTags) -> tuple[Claim, ...]:
    found = tags.valueof(_MICRO_MANAGER)
    if isinstance(found, str | bytes):
        try:
            found = json.loads(found)
        except ValueError:
            return ()
    if not isinstance(found, dict):
        return ()
    size = found.get("PixelSizeUm", found.get("PixelSize_um"))
    return _claim("Micro-Manager", size, size, 1.0)


def _aperio(texts: Sequence[str]) -> tuple[Claim, ...]:
    found = next(
        (m for t in texts if t.startswith("Aperio") and (m := _APERIO_MPP.search(t))), None
    )
    return () if found is None else _claim("Aperio MPP", found[1], found[1], 1.0)


def _olympus(tif: tifffile.TiffFile) -> tuple[Claim, ...]:
    found = tif.sis_metadata or {}
    return _claim("Olympus SIS", found.get("pixelsizex"), found.get("pixelsizey"), 1e6)


def _resolution(tags: tifffile.TiffTags) -> tuple[Claim, ...]:
    unit = tags.valueof(_RESOLUTION_UNIT, 2)
    return resolution_claim(
        "TIFF resolution",
        _rational(tags, _X_RESOLUTION),
        _rational(tags, _Y_RESOLUTION),
        _UM_PER_TIFF_UNIT.get(int(unit)),
    )


def _rational(tags: tifffile.TiffTags, code: int) -> float | None:
    value = tags.valueof(code)
    if not isinstance(value, tuple) or len(value) != 2 or not value[1]:
        return None
    return float(value[0]) / float(value[1])


def _claim(source: str, x: Any, y: Any, um: float) -> tuple[Claim, ...]:
    try:
        return (Claim(source, float(x) * um, float(y) * um),)
    except (TypeError, ValueError):
        return ()
