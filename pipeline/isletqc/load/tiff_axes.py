"""Which pages of a TIFF are the channels of one picture, and what are they called.

Takes what the writer said of its axes (OME-XML, ImageJ, tifffile, MetaMorph) and the pages that
are alike. Gives the page of each channel. Anything that is a stack is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import tifffile
from tifffile import TiffPage

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError
from isletqc.load import calibration
from isletqc.load.ome import OmePixels

_AXIS_NAMES = {"Z": "Z stack", "T": "time series", "P": "several positions"}
_REMEDY = "save the plane in focus, or a projection, as a picture of its own"


def planes(
    tif: tifffile.TiffFile,
    texts: Sequence[str],
    image: OmePixels | None,
    *,
    main: TiffPage,
    same: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Find the page index and the name of each channel.

    Parameters
    ----------
    tif : the open file
    texts : its image descriptions
    image : its OME-XML entry, if any
    main : the page that sets size and type
    same : indices of all pages of that size and type

    Raises
    ------
    UnsupportedPictureError
        Z or T stack, several pictures, pages of unknown meaning.
    UnreadablePictureError
        Fewer pages than the file says it has.
    """
    sizes = _sizes(tif, texts, image)
    _refuse_stack(sizes, len(same), int(main.imagedepth))
    samples, channels = int(main.samplesperpixel), sizes.get("C", 1)
    if len(same) > 1:
        if channels != len(same) or samples != 1:
            raise UnsupportedPictureError(
                f"{len(same)} pages, {channels} channels of {samples} samples: unclear which is "
                f"which; {_REMEDY}"
            )
        return _ordered(image, same), _names(tif, texts, image, channels)
    if channels not in (1, samples):
        raise UnreadablePictureError(
            f"file says {channels} channels, holds 1 page: cut short, or one part of several files"
        )
    return same, _names(tif, texts, image, samples)


def _sizes(
    tif: tifffile.TiffFile, texts: Sequence[str], image: OmePixels | None
) -> Mapping[str, int]:
    """Read the length of each axis beside Y and X that the writer stated."""
    if image is not None:
        return {"Z": image.size_z, "T": image.size_t, "C": image.size_c}
    imagej = calibration.imagej_properties(texts)
    if imagej:
        return _imagej_sizes(imagej)
    if texts and texts[0].startswith('{"shape"'):
        return _shaped_sizes(texts[0], len(tif.pages.first.shape))
    if tif.is_stk:
        return {"Z": int((tif.stk_metadata or {}).get("NumberPlanes", 1))}
    return {}


def _imagej_sizes(found: Mapping[str, str]) -> Mapping[str, int]:
    named = {"C": "channels", "Z": "slices", "T": "frames"}
    sizes = {axis: int(found.get(key, "1")) for axis, key in named.items()}
    known = sizes["C"] * sizes["Z"] * sizes["T"]
    return {**sizes, "I": int(found.get("images", str(known))) // max(known, 1)}


def _shaped_sizes(text: str, page_axes: int) -> Mapping[str, int]:
    """Leading axes of an array that tifffile wrote; Q where it was not told their names."""
    found = json.loads(text.rstrip("\0"))
    leading = [int(n) for n in found["shape"]][:-page_axes]
    letters = str(found.get("axes", "")) or "Q" * len(leading)
    return {letter: n for letter, n in zip(letters, leading, strict=False) if n > 1}


def _refuse_stack(sizes: Mapping[str, int], pages: int, depth: int) -> None:
    for axis, size in {**sizes, "Z": max(sizes.get("Z", 1), depth)}.items():
        if axis != "C" and size > 1:
            what = _AXIS_NAMES.get(axis, "pages of unknown meaning")
            raise UnsupportedPictureError(f"{what} ({axis} = {size}); {_REMEDY}")
    if pages > 1 and not sizes:
        raise UnsupportedPictureError(f"{pages} pages of unknown meaning; {_REMEDY}")


def _ordered(image: OmePixels | None, same: tuple[int, ...]) -> tuple[int, ...]:
    page_of = image.page_of_channel if image else {}
    if not page_of:
        return same
    ordered = tuple(page_of.get(channel, -1) for channel in range(len(same)))
    if sorted(ordered) != sorted(same):
        raise UnsupportedPictureError(
            "OME-XML places channels on pages that are not in the file; save it as one OME-TIFF"
        )
    return ordered


def _names(
    tif: tifffile.TiffFile, texts: Sequence[str], image: OmePixels | None, count: int
) -> tuple[str, ...]:
    if image is not None:
        found = image.channels
    elif calibration.imagej_properties(texts):
        found = tuple(str(n) for n in (tif.imagej_metadata or {}).get("Labels", ()))
    else:
        found = ()
    found = tuple(n.strip() for n in found)
    if len(found) == count and all(found) and len(set(found)) == count:
        return found
    return ("gray",) if count == 1 else tuple(f"channel {i + 1}" for i in range(count))
