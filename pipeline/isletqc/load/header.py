"""What the head of a picture file says, before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from isletqc.errors import PictureTooLargeError
from isletqc.load.pixel_size import Claim

# Colour and alpha of the largest picture.
_MAX_SAMPLES_PER_PIXEL = 4
# Instruments of many stains reach some sixty; what claims more is damaged.
MAX_CHANNELS = 256


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


def refuse_large(head: Header, max_megapixels: float) -> None:
    """Refuse a picture that claims too many pixels, before memory is taken for them.

    Raises
    ------
    PictureTooLargeError
        More pixels than the limit, or more than four samples for each pixel of the limit.
    """
    height, width = head.shape_yx
    megapixels = height * width / 1e6
    stored = len(head.channels) + head.alpha
    if megapixels > max_megapixels or megapixels * stored > max_megapixels * _MAX_SAMPLES_PER_PIXEL:
        raise PictureTooLargeError(
            f"claims {width} x {height} pixels of {stored} channels ({megapixels:.0f} megapixels); "
            f"the limit is {max_megapixels:g} (protocol: segmentation.max_megapixels)"
        )
