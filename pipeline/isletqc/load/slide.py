"""Pictures of Zeiss CZI, Olympus VSI, Hamamatsu NDPI and Aperio SVS, by slideio and tifffile.

Each scene is a picture; its full resolution is read. Labels and overviews are no scenes. NDPI and
SVS are TIFFs. Where JPEG packs them, tifffile decodes what slideio has found: slideio 2.10 gives
other colours, without a word, for some of the ways in which JPEG stores them. CZI holds colours as
blue, green, red, and slideio gives them so (its issue 13). In VSI nothing tells the order of the
colours (github.com/ome/bioformats issue 3819).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import slideio  # type: ignore[import-untyped]
import tifffile
from numpy.typing import NDArray

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError
from isletqc.load import tiff_windows
from isletqc.load.header import MAX_CHANNELS
from isletqc.load.series import Series, length_claim

_UM_PER_M = 1e6
_COLOUR, _MOST_SCENES = 3, 10_000
_TIFF_FORMS = ("NDPI", "SVS")


def listed(path: Path, *, form: str) -> tuple[Series, ...]:
    """All scenes of the file."""
    slide = slideio.open_slide(str(path), form)
    if not 0 <= slide.num_scenes <= _MOST_SCENES:
        raise UnreadablePictureError(f"the file claims {slide.num_scenes} scenes")
    return tuple(_series(slide.get_scene(k), form) for k in range(slide.num_scenes))


def pixels(path: Path, place: int, *, form: str) -> NDArray[Any]:
    """Decode one scene, (Y, X) or (Y, X, C)."""
    scene = slideio.open_slide(str(path), form).get_scene(place)
    with _jpeg_page(path, scene, form) as page:
        block: NDArray[Any] = scene.read_block() if page is None else page.asarray(maxworkers=1)
    if block.shape[:2] != tuple(scene.size)[::-1]:
        raise UnreadablePictureError(f"expected {scene.size}, found pixels {block.shape}")
    return _red_first(block, scene, form)


def window(path: Path, place: int, *, form: str) -> Callable[[slice, slice], NDArray[Any]]:
    """Open one scene for reading rows and columns of it, (Y, X) or (Y, X, C)."""
    scene = slideio.open_slide(str(path), form).get_scene(place)

    def read(y: slice, x: slice) -> NDArray[Any]:
        with _jpeg_page(path, scene, form) as page, path.open("rb") as file:
            if page is not None:
                return tiff_windows.window(file, page, y, x)
        block: NDArray[Any] = scene.read_block(
            (x.start, y.start, x.stop - x.start, y.stop - y.start)
        )
        return _red_first(block, scene, form)

    return read


def _red_first(block: NDArray[Any], scene: slideio.Scene, form: str) -> NDArray[Any]:
    """Give colours as red, green, blue.

    Raises
    ------
    UnsupportedPictureError
        Their order in the file is not known.
    """
    if form in _TIFF_FORMS or not _is_colour(scene):
        return block
    packed = scene.compression.name
    blue_first = packed == "Uncompressed" or (packed == "JpegXR" and block.dtype == np.uint8)
    if form == "CZI" and blue_first:
        return np.ascontiguousarray(block[..., ::-1])
    raise UnsupportedPictureError(
        f"colour {form} ({packed}, {block.dtype}): which of its colours is red cannot be told "
        "for sure; save it as OME-TIFF with the maker's program"
    )


@contextmanager
def _jpeg_page(path: Path, scene: slideio.Scene, form: str) -> Iterator[tifffile.TiffPage | None]:
    """Open the page of a scene that lies in a TIFF as JPEG; None of all others."""
    if form not in _TIFF_FORMS:
        yield None
        return
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        same = (page.imagewidth, page.imagelength) == tuple(scene.size)
        yield page if same and page.compression == tifffile.COMPRESSION.JPEG else None


def _series(scene: slideio.Scene, form: str) -> Series:
    width, height = scene.size
    count = scene.num_channels
    if not 1 <= count <= MAX_CHANNELS:
        raise UnreadablePictureError(f"the file claims {count} channels")
    names = tuple(scene.get_channel_name(k) for k in range(count))
    samples = {"S": count} if _is_colour(scene) else {"C": count}
    x_um, y_um = (r * _UM_PER_M if r and r > 0 else None for r in scene.resolution)
    return Series(
        name=scene.name,
        sizes={
            "T": scene.num_t_frames,
            "Z": scene.num_z_slices,
            "Y": height,
            "X": width,
            **samples,
        },
        dtype=str(scene.get_channel_data_type(0)),
        channels=names,
        claims=length_claim(form, x_um, y_um),
        bits=max(scene.get_channel_significant_bits(k) for k in range(count)),
    )


def _is_colour(scene: slideio.Scene) -> bool:
    """Tell colour from three stains: its parts have no names, or one name with a number."""
    if scene.num_channels != _COLOUR:
        return False
    names = [scene.get_channel_name(k) for k in range(_COLOUR)]
    parts = [name.rpartition(":") for name in names]
    one = len({name for name, _, _ in parts}) == 1
    return not any(names) or (one and [number for _, _, number in parts] == ["1", "2", "3"])
