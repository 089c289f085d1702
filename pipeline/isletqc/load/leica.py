"""Pictures of a Leica LIF, by liffile: sizes and calibration from its XML, then one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import liffile
from numpy.typing import NDArray

from isletqc.load.pixel_size import Claim, unit_um
from isletqc.load.series import Series, length_claim, plane

_X, _Y = "1", "2"


def listed(path: Path) -> tuple[Series, ...]:
    """All pictures of the file, in its order."""
    with liffile.LifFile(path) as file:
        return tuple(_series(image) for image in file.images)


def pixels(path: Path, place: int) -> NDArray[Any]:
    """Decode one picture, (Y, X) or (Y, X, C)."""
    with liffile.LifFile(path) as file:
        image = file.images[place]
        return plane(image.asarray(), tuple(image.dims))


def _series(image: liffile.LifImageABC) -> Series:
    element = image.xml_element
    channels = element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    return Series(
        name=image.path,
        sizes=dict(image.sizes),
        dtype=str(image.dtype),
        channels=tuple(c.get("LUTName", "") for c in channels),
        claims=_claims(element),
        bits=max((int(c.get("Resolution", "0")) for c in channels), default=0),
    )


def _claims(element: ElementTree.Element) -> tuple[Claim, ...]:
    found = element.iterfind("./Data/Image/ImageDescription/Dimensions/DimensionDescription")
    of_axis = {one.get("DimID", ""): one.attrib for one in found}
    return length_claim(
        "Leica LIF", _um_per_px(of_axis.get(_X, {})), _um_per_px(of_axis.get(_Y, {}))
    )


def _um_per_px(axis: Mapping[str, str]) -> float | None:
    """Leica's length of an axis runs from the middle of its first pixel to that of its last."""
    count, unit = int(axis.get("NumberOfElements", "0")), unit_um(axis.get("Unit", ""))
    if count < 2 or unit is None:
        return None
    return abs(float(axis.get("Length", "0"))) * unit / (count - 1)
