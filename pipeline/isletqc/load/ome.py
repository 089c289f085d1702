"""The few facts of an OME-XML block that decide how its pixels are read (OME schema 2016-06)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from isletqc.errors import UnreadablePictureError
from isletqc.load.pixel_size import Claim, unit_um

_MAX_PLANES = 256


@dataclass(frozen=True, slots=True)
class OmePixels:
    """One ``Pixels`` element: sizes, calibration, channels and which page holds which channel."""

    size_x: int
    size_y: int
    size_z: int
    size_c: int
    size_t: int
    significant_bits: int | None
    claims: tuple[Claim, ...]
    channels: tuple[str, ...]
    page_of_channel: Mapping[int, int]


def parse(text: str) -> tuple[OmePixels, ...]:
    """All ``Pixels`` of an OME-XML text, one for each image.

    Raises
    ------
    UnreadablePictureError
        Not XML, or XML with a document type, which OME-XML never has and which can be a trap.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnreadablePictureError("OME-XML with a document type definition is not read")
    try:
        root = ElementTree.fromstring(text.strip().rstrip("\0"))
        return tuple(_pixels(element) for element in root.iterfind(".//{*}Image/{*}Pixels"))
    except (ElementTree.ParseError, ValueError, KeyError) as e:
        raise UnreadablePictureError(f"OME-XML is damaged: {e}") from e


def _pixels(element: ElementTree.Element) -> OmePixels:
    bits = element.get("SignificantBits")
    names = (c.get("Name") or c.get("Fluor") or "" for c in element.iterfind("{*}Channel"))
    return OmePixels(
        size_x=int(element.attrib["SizeX"]),
        size_y=int(element.attrib["SizeY"]),
        size_z=int(element.get("SizeZ", "1")),
        size_c=int(element.get("SizeC", "1")),
        size_t=int(element.get("SizeT", "1")),
        significant_bits=int(bits) if bits else None,
        claims=_claims(element),
        channels=tuple(names),
        page_of_channel=_page_of_channel(element),
    )


def _claims(element: ElementTree.Element) -> tuple[Claim, ...]:
    x, y = element.get("PhysicalSizeX"), element.get("PhysicalSizeY")
    x_um = unit_um(element.get("PhysicalSizeXUnit", "um"))
    y_um = unit_um(element.get("PhysicalSizeYUnit", "um"))
    if x is None or y is None or x_um is None or y_um is None:
        return ()
    return (Claim("OME-XML", float(x) * x_um, float(y) * y_um),)


def _page_of_channel(element: ElementTree.Element) -> dict[int, int]:
    """Channel to page where ``TiffData`` says so; empty where pages simply follow."""
    return {
        int(data.get("FirstC", "0")) + i: int(data.attrib["IFD"]) + i
        for data in element.iterfind("{*}TiffData")
        if "IFD" in data.attrib
        for i in range(min(int(data.get("PlaneCount", "1")), _MAX_PLANES))
    }
