"""What one file of a microscope's own format holds: its pictures, and the one asked for.

Takes file, format and series; gives the facts, the pixels where they are wanted, or the error.
The reader of each format is imported only here, when a file needs it.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

from numpy.typing import NDArray

from isletqc.errors import PictureError, UnreadablePictureError, UnsupportedPictureError
from isletqc.load import series
from isletqc.load.header import Header, refuse_large
from isletqc.load.series import Series
from isletqc.load.signature import MicroscopeForm

EXTRA = 'pip install "isletqc[formats]"'
# What the readers raise on damaged files, found by scripts/fuzz.
_DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError,
    AssertionError, MemoryError, OSError, EOFError, struct.error, ElementTree.ParseError,
    zlib.error, NameError, SystemError,  # of nd2, and of the codecs of Zarr
)  # fmt: skip
_LONGEST = 200
Window = Callable[[slice, slice], NDArray[Any]]
_SOURCE_LINE = re.compile(r"^\S+\.(cpp|hpp|c|h|py):\d+:\s*")


@dataclass(frozen=True, slots=True)
class Answer:
    """Series of the file, and the chosen one.

    Attributes
    ----------
    listed : one line a picture
    number : of the chosen one, from 1; 0 where none could be chosen
    head, pixels : of the chosen one; None where there is none, or it was not asked for
    problem : why there are no pixels
    """

    listed: tuple[str, ...] = ()
    number: int = 0
    head: Header | None = None
    pixels: NDArray[Any] | None = None
    problem: PictureError | None = None


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the pictures of a file are listed, and how one is decoded, whole or in windows."""

    listed: Callable[[Path], tuple[Series, ...]]
    pixels: Callable[[Path, int], NDArray[Any]]
    window: Callable[[Path, int], Window] | None = None


def ask(
    path: Path,
    form: MicroscopeForm,
    *,
    wanted: str,
    max_megapixels: float,
    before_pixels: Callable[[Header], None] | None = None,
) -> Answer:
    """Read one picture of a file.

    Parameters
    ----------
    wanted : name or number of the picture; empty for a file that holds one
    max_megapixels : a larger picture is refused before memory is taken
    before_pixels : called once the picture is known and within the limit; None reads no pixels
    """
    listed: tuple[str, ...] = ()
    number, head = 0, None
    try:
        with _explained(form):
            reader = _reader(form)
            found = reader.listed(path)
            listed = series.lines(found)
            place = series.chosen(found, wanted)
            number = place + 1
            head = series.header(found[place], form=form, pages=len(found))
            refuse_large(head, max_megapixels)
            if before_pixels is None:
                return Answer(listed, number, head)
            before_pixels(head)
            stored = reader.pixels(path, place)
            return Answer(listed, number, head, _sound(stored, head, head.shape_yx))
    except PictureError as e:
        return Answer(listed, number, head, problem=e)


def in_windows(form: MicroscopeForm) -> bool:
    """Tell whether parts of a picture can be read without the rest of it, to the same samples.

    VSI and NDPI are not among them: of these no sound file could be tried.
    """
    return form in ("OME-Zarr", "SVS", "CZI")


def windows(path: Path, found: Answer) -> Window:
    """Open the chosen picture of a file for reading in windows.

    Returns
    -------
    rows and columns, as slices with both ends -> (Y, X) or (Y, X, C) samples; raises a
    `PictureError` where the file is damaged
    """
    head = found.head
    if head is None:
        raise UnreadablePictureError("the file holds no picture")
    form = cast("MicroscopeForm", head.form)
    with _explained(form):
        reader = _reader(form)
        if reader.window is None:
            raise UnsupportedPictureError(f"{form} is not read in parts")
        decode = reader.window(path, found.number - 1)

    def read(y: slice, x: slice) -> NDArray[Any]:
        with _explained(form):
            return _sound(decode(y, x), head, (y.stop - y.start, x.stop - x.start))

    return read


@contextmanager
def _explained(form: MicroscopeForm) -> Iterator[None]:
    """Turn what readers raise into picture errors."""
    try:
        yield
    except PictureError:
        raise
    except ImportError as e:
        raise UnsupportedPictureError(
            f"{form} is read with the package {e.name}, which is not installed: {EXTRA}"
        ) from e
    except _DAMAGE as e:
        raise UnreadablePictureError(f"{form} is damaged or cut short: {_words(e)}") from e


def _reader(form: MicroscopeForm) -> _Reader:
    match form:
        case "Leica LIF":
            from isletqc.load import leica

            return _Reader(leica.listed, leica.pixels)
        case "Nikon ND2":
            from isletqc.load import nikon

            return _Reader(nikon.listed, nikon.pixels)
        case "OME-Zarr":
            from isletqc.load import ome_zarr

            return _Reader(ome_zarr.listed, ome_zarr.pixels, ome_zarr.window)
        case _:
            from isletqc.load import slide

            return _Reader(
                partial(slide.listed, form=form),
                partial(slide.pixels, form=form),
                partial(slide.window, form=form),
            )


def _sound(pixels: NDArray[Any], head: Header, shape_yx: tuple[int, int]) -> NDArray[Any]:
    shape = (*shape_yx, len(head.channels))
    if pixels.shape != (shape if shape[2] > 1 else shape[:2]) or str(pixels.dtype) != head.dtype:
        raise UnreadablePictureError(
            f"{head.form} is damaged: its head says {shape} {head.dtype}, its data are "
            f"{pixels.shape} {pixels.dtype}"
        )
    return pixels


def _words(e: BaseException) -> str:
    """Cause in one line, without the numbers and brackets of the library."""
    if isinstance(e, MemoryError):
        return "it asks for more memory than its pixels need"
    text = (e.strerror if isinstance(e, OSError) else "") or str(e).strip().partition("\n")[0]
    return _SOURCE_LINE.sub("", text)[:_LONGEST] or type(e).__name__
