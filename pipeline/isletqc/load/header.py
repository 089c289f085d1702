"""What the head of a picture file says, before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from isletqc.load.pixel_size import Claim


@dataclass(frozen=True, slots=True)
class Header:
    """A picture file's own account of itself.

    Attributes
    ----------
    form : ``"PNG"``, ``"JPEG"``, ``"TIFF"``, ``"OME-TIFF"``, ``"ImageJ TIFF"``, ...
    shape_yx : stored height and width in pixels
    channels : names of the stored channels, without alpha
    alpha : a last sample says how opaque each pixel is
    dtype : type of the decoded samples
    full_scale : value of a saturated pixel that the file states or implies; None for 32-bit
        and floating point samples, where the values must tell
    claims : what the file says about its pixel size, the most trusted first
    orientation : EXIF orientation, 1 (upright) to 8
    pages : pages in the file
    planes : index of the page of each channel, or the one page
    """

    form: str
    shape_yx: tuple[int, int]
    channels: tuple[str, ...]
    dtype: str
    full_scale: float | None
    alpha: bool = False
    claims: tuple[Claim, ...] = ()
    orientation: int = 1
    pages: int = 1
    planes: tuple[int, ...] = (0,)
