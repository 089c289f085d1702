"""A picture that is read part by part, decoded when asked for, at its full resolution.

Takes what ``load.picture.read`` takes; gives a `Source` with everything that an Image has but its
pixels, and a function for windows of them. Tiled or striped TIFF, OME-Zarr, CZI and SVS of 8 or
16 bit are read so; ``opened`` gives None for all else.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isletqc.errors import PictureError, UnreadablePictureError
from isletqc.load import foreign, location, pixel_size, tiff, tiff_windows
from isletqc.load.answer import in_windows
from isletqc.load.header import Header, refuse_large
from isletqc.load.signature import MicroscopeForm
from isletqc.records import Image, Stain

Read = Callable[[slice, slice], NDArray[Any]]

_MAGIC_BYTES = 16
# A microscope's file that is smaller holds no picture worth reading in parts; to ask it for its
# size costs half a second.
_BYTES_PER_MEGAPIXEL = 0.1e6
# A larger strip or tile that is compressed would be decoded again for each window.
_MAX_SEGMENT_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class Source:
    """A calibrated picture whose pixels are read in parts.

    Attributes
    ----------
    read : rows and columns, as slices with both ends -> (Y, X, C) pixels of that window
    others : as in `records.Image`
    """

    read: Read
    shape_yx: tuple[int, int]
    dtype: np.dtype[Any]
    channels: tuple[str, ...]
    full_scale: float
    um_per_px: float
    um_per_px_source: str
    path: str
    sha256: str
    stain: Stain

    def rows(self, y0: int, y1: int) -> NDArray[Any]:
        """Read whole rows, from y0 to y1 (one past the last)."""
        return self.read(slice(y0, y1), slice(0, self.shape_yx[1]))

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.shape_yx[0] * self.shape_yx[1] / 1e6

    def image(self, pixels: NDArray[Any], um_per_px: float | None = None) -> Image:
        """Make an Image of some of its pixels."""
        return Image(
            pixels=pixels,
            channels=self.channels,
            full_scale=self.full_scale,
            um_per_px=um_per_px or self.um_per_px,
            um_per_px_source=self.um_per_px_source,
            path=self.path,
            sha256=self.sha256,
            stain=self.stain,
        )


@contextmanager
def opened(
    path: Path,
    *,
    stain: Stain,
    max_megapixels: float,
    pixel_size_um: float | None = None,
    pixel_size_source: str = "given",
    over_megapixels: float = 0.0,
) -> Iterator[Source | None]:
    """Open a picture for reading in parts; None where it must be read whole.

    Parameters
    ----------
    over_megapixels : smaller pictures are to be read whole
    others : as for ``load.picture.read``

    Raises
    ------
    UnreadablePictureError, UnsupportedPictureError, PictureTooLargeError, PixelSizeUnknownError
        As ``load.picture.read``, for a large picture that can be read in parts; at the end where
        the file was changed meanwhile.
    """
    try:
        with _windows(path, max_megapixels, over_megapixels) as found:
            if found is None:
                yield None
                return
            before = _stamps(path)
            head = found.head
            refuse_large(head, max_megapixels)
            um_per_px, source = pixel_size.decide(
                head.claims, given_um=pixel_size_um, given_source=pixel_size_source
            )
            yield Source(
                read=found.read,
                shape_yx=head.shape_yx,
                dtype=np.dtype(head.dtype),
                channels=head.channels,
                full_scale=float(head.full_scale or 0),
                um_per_px=um_per_px,
                um_per_px_source=source,
                path=str(path),
                sha256=found.sha256(),
                stain=stain,
            )
            if _stamps(path) != before:
                raise UnreadablePictureError("the file was changed while it was read; run again")
    except PictureError as e:
        raise type(e)(f"{path}: {e}") from e


def _stamps(path: Path) -> tuple[tuple[int, int], ...]:
    """Size and time of change of every file of a picture."""
    file, _ = location.split(path)
    try:
        found = (part.stat() for part in location.parts(file))
        return tuple((one.st_size, one.st_mtime_ns) for one in found)
    except OSError:
        return ()


@dataclass(frozen=True, slots=True)
class _Windows:
    """A picture in a file, ready to be read in windows."""

    head: Header
    read: Read
    sha256: Callable[[], str]


@contextmanager
def _windows(
    path: Path, max_megapixels: float, over_megapixels: float
) -> Iterator[_Windows | None]:
    """Open a large picture of any format; None where it is small or has to be read whole."""
    file, wanted = location.split(path)
    try:
        form = foreign.form(file)
        size = sum(part.stat().st_size for part in location.parts(file)) if form else 0
    except OSError:
        yield None  # reading it whole says what is wrong
        return
    if form is None:
        with _of_tiff(path, over_megapixels) as found:
            yield found
    elif in_windows(form) and size >= over_megapixels * _BYTES_PER_MEGAPIXEL:
        with _of_foreign(file, form, wanted=wanted, max_megapixels=max_megapixels) as found:
            small = found is None or math.prod(found.head.shape_yx) <= over_megapixels * 1e6
            yield None if small else found
    else:
        yield None


@contextmanager
def _of_foreign(
    file: Path, form: MicroscopeForm, *, wanted: str, max_megapixels: float
) -> Iterator[_Windows | None]:
    """Open a picture of a microscope's own format; what is wrong with it, reading it whole says."""
    with foreign.windows(file, form, wanted=wanted, max_megapixels=max_megapixels) as (found, read):
        if found.problem is None and found.head is not None and _plain(found.head):
            yield _Windows(found.head, read, lambda: foreign.digest(file, found))
        else:
            yield None


@contextmanager
def _of_tiff(path: Path, over_megapixels: float) -> Iterator[_Windows | None]:
    with _mapped(path) as data:
        head = _large(data, over_megapixels)
        if data is None or head is None:
            yield None
            return
        with tiff.opened(data) as tif, path.open("rb") as file:
            page = tiff.plain_page(tif, head.planes[0])
            tiff.check_segments(data, page)
            # From here on the file is read, not mapped: a drive that goes away is an error then.
            read = partial(tiff_windows.window, file, page)
            yield _Windows(head, read, lambda: location.digest(path))


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | None]:
    """Map a TIFF into memory, where pages come and go with use; None for all else."""
    with ExitStack() as stack:
        data = None
        try:
            if path.is_file() and path.stat().st_size >= _MAGIC_BYTES:
                file = stack.enter_context(path.open("rb"))
                if file.read(2) in (b"II", b"MM"):
                    found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                    data = stack.enter_context(found)
        except OSError:
            data = None  # reading it whole says what is wrong
        yield data


def _large(data: mmap.mmap | None, over_megapixels: float) -> Header | None:
    """Head of a large picture that can be read by rows."""
    if data is None:
        return None
    with tiff.opened(data) as tif:
        first = tiff.plain_page(tif, 0)
        if first.imagewidth * first.imagelength <= over_megapixels * 1e6:
            return None
    head = tiff.header(data)
    if not _plain(head) or len(head.planes) != 1:
        return None
    with tiff.opened(data) as tif:
        page = tiff.plain_page(tif, head.planes[0])
        name = getattr(page.photometric, "name", "")
        by_rows = name in ("RGB", "MINISBLACK", "YCBCR") and page.planarconfig == 1
        by_rows &= (
            tiff_windows.in_rows(page) or tiff_windows.segment_bytes(page) <= _MAX_SEGMENT_BYTES
        )
    return head if by_rows and head.orientation == 1 else None


def _plain(head: Header) -> bool:
    """Tell samples that stay as they are, whatever stands in the rest of the picture."""
    integers = head.dtype in ("uint8", "uint16") and not head.alpha
    return integers and head.full_scale == float(np.iinfo(head.dtype).max)
