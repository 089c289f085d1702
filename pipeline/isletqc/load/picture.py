"""Read a picture file: content, calibration and identity.

TIFF, PNG and JPEG are read in one pass; their SHA-256 is of those bytes. The first bytes tell the
format, the head tells size and calibration, and only then are pixels decoded. JPEG and PNG are
turned upright after their EXIF orientation, as every viewer does. Microscopes' own formats, of
one picture or several (``FILE#SERIES``), are read in a process of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from isletqc.errors import (
    PictureError,
    PictureTooLargeError,
    UnreadablePictureError,
    UnsupportedPictureError,
)
from isletqc.load import foreign, jpeg, location, pixel_size, png, samples, signature, tiff
from isletqc.load.header import Header, refuse_large
from isletqc.load.signature import Form
from isletqc.records import Image, Stain

_DEFAULT_MEGAPIXELS = 400.0
# Colour and alpha of the largest picture, in 32 bit; a larger file cannot be one picture.
_MAX_BYTES_PER_PIXEL = 16
# Enough to tell every format by.
_FIRST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _Stored:
    """A picture as its file holds it; ``problem`` says why its pixels are missing."""

    head: Header | None
    pixels: NDArray[Any] | None = None
    sha256: str = ""
    series: tuple[str, ...] = ()
    problem: PictureError | None = None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What would be read from a file; ``problem`` says why it would not.

    Attributes
    ----------
    form : ``"OME-TIFF"``, ``"PNG"``, ...; empty when the file is no picture
    shape : height, width, channels
    dtype, channels, full_scale : of the pixels as they would be handed on
    pages : pages in the file
    series : the pictures of a file of several, one line each
    um_per_px, um_per_px_source : calibration; None and empty when unknown
    """

    path: str
    form: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    channels: tuple[str, ...] = ()
    full_scale: float | None = None
    pages: int = 0
    series: tuple[str, ...] = ()
    um_per_px: float | None = None
    um_per_px_source: str = ""
    problem: str = ""


def read(
    path: Path,
    *,
    stain: Stain,
    pixel_size_um: float | None = None,
    pixel_size_source: str = "given",
    max_megapixels: float = _DEFAULT_MEGAPIXELS,
) -> Image:
    """Read one calibrated picture; its pixels are contiguous and read-only.

    Parameters
    ----------
    path : TIFF (OME, ImageJ, MetaXpress), PNG, JPEG; with the extra ``formats`` also LIF, ND2,
        CZI, VSI, NDPI, SVS and OME-Zarr. ``FILE#SERIES`` names one of several pictures
    stain : what the picture shows
    pixel_size_um : micrometres per pixel; wins over what the file says
    pixel_size_source : where that came from, e.g. ``"sheet"``
    max_megapixels : larger pictures are refused before memory is taken

    Raises
    ------
    UnreadablePictureError
        Missing, empty, cut short, damaged, encrypted, or not what its name says.
    UnsupportedPictureError
        Readable, but of a form that would be misread: stack, CMYK, transparency, 1 bit.
    PictureTooLargeError
        More pixels than ``max_megapixels``.
    PixelSizeUnknownError
        No pixel size, or none to be trusted.
    """
    path = Path(path)
    with _naming(path):
        stored = _stored(path, max_megapixels, hashed=True)
        found, head = _found(stored)
        pixels, full_scale = samples.convert(found, head)
        um_per_px, source = pixel_size.decide(
            head.claims, given_um=pixel_size_um, given_source=pixel_size_source
        )
    return Image(
        pixels=pixels,
        channels=head.channels,
        full_scale=full_scale,
        um_per_px=um_per_px,
        um_per_px_source=source,
        path=str(path),
        sha256=stored.sha256,
        stain=stain,
    )


def identity(path: Path) -> str:
    """SHA-256 of what :func:`read` would read, as in ``Image.sha256``; no pixel is decoded.

    Raises
    ------
    UnreadablePictureError
        There is no such file.
    UnsupportedPictureError
        None, or no such one, of several pictures is named.
    """
    file, wanted = location.split(path)
    with _naming(path), _readable():
        form = foreign.form(file)
        if form is None and not file.is_file():
            raise UnreadablePictureError("no such file, or no plain one")
        if form is None:
            return location.digest(file)
        found = foreign.read(
            file, form, wanted=wanted, max_megapixels=_DEFAULT_MEGAPIXELS, pixels=False
        )
        if not found.number:
            raise found.problem or UnreadablePictureError("the file holds no picture")
        return foreign.digest(file, found)


def describe(path: Path) -> FileFacts:
    """Say what :func:`read` would make of a file; a bad picture is no error here."""
    path = Path(path)
    try:
        with _naming(path):
            stored = _stored(path, _DEFAULT_MEGAPIXELS, hashed=False)
    except PictureError as e:
        return FileFacts(path=str(path), problem=str(e))
    head = stored.head
    if head is None:
        return FileFacts(path=str(path), series=stored.series, problem=f"{path}: {stored.problem}")
    pixels, full_scale, pixel_problem = _try_pixels(path, stored, head)
    um_per_px, source, size_problem = _try_pixel_size(path, head)
    shape = head.shape_yx if pixels is None else pixels.shape[:2]
    return FileFacts(
        path=str(path),
        form=head.form,
        shape=(*shape, len(head.channels)),
        dtype=head.dtype if pixels is None else str(pixels.dtype),
        channels=head.channels,
        full_scale=full_scale,
        pages=head.pages,
        series=stored.series,
        um_per_px=um_per_px,
        um_per_px_source=source,
        problem=pixel_problem or size_problem,
    )


def _try_pixels(
    path: Path, stored: _Stored, head: Header
) -> tuple[NDArray[Any] | None, float | None, str]:
    try:
        with _naming(path):
            return *samples.convert(_found(stored)[0], head), ""
    except PictureError as e:
        return None, head.full_scale, str(e)


def _try_pixel_size(path: Path, head: Header) -> tuple[float | None, str, str]:
    try:
        with _naming(path):
            return *pixel_size.decide(head.claims), ""
    except PictureError as e:
        return None, "", str(e)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the file's name before the cause of any picture error."""
    try:
        yield
    except PictureError as e:
        raise type(e)(f"{path}: {e}") from e


def _found(stored: _Stored) -> tuple[NDArray[Any], Header]:
    """Give pixels and head, or raise why there are none."""
    if stored.pixels is None or stored.head is None:
        raise stored.problem or UnreadablePictureError("the file holds no pixels")
    return stored.pixels, stored.head


def _stored(path: Path, max_megapixels: float, *, hashed: bool) -> _Stored:
    """Read a file; what is wrong with its pixels alone is kept as the problem."""
    file, wanted = location.split(path)
    with _readable():
        form = foreign.form(file)
        if form is None:
            return _plain(file, wanted, max_megapixels)
        found = foreign.read(file, form, wanted=wanted, max_megapixels=max_megapixels)
        several = found.listed if len(found.listed) > 1 else ()
        sha256 = foreign.digest(file, found) if hashed and found.pixels is not None else ""
    return _Stored(found.head, found.pixels, sha256, several, found.problem)


def _plain(file: Path, wanted: str, max_megapixels: float) -> _Stored:
    _refuse_other_things(file, max_megapixels)
    with file.open("rb") as opened:
        first = opened.read(_FIRST_BYTES)
        if not first:
            raise UnreadablePictureError("the file is empty (0 bytes)")
        form = signature.identify(first, file.suffix)
        opened.seek(0)
        data = opened.read()
    if wanted:
        raise UnsupportedPictureError(f"{form} holds one picture: no series {wanted!r} in it")
    head = _header(data, form)
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        refuse_large(head, max_megapixels)
        return _Stored(head, _pixels(data, form, head), sha256)
    except PictureError as e:
        return _Stored(head, sha256=sha256, problem=e)


def _refuse_other_things(file: Path, max_megapixels: float) -> None:
    """Refuse what is no file, and a file that no picture within the limit fills."""
    if file.is_dir():
        raise UnreadablePictureError("expected a picture file, found a folder")
    if file.exists() and not file.is_file():
        raise UnreadablePictureError("expected a picture file, found a device or pipe")
    size = file.stat().st_size
    if size > max_megapixels * 1e6 * _MAX_BYTES_PER_PIXEL:
        raise PictureTooLargeError(
            f"file of {size / 1e9:.1f} GB; the limit is {max_megapixels:g} megapixels"
        )


@contextmanager
def _readable() -> Iterator[None]:
    """Say in words why a file cannot be opened."""
    try:
        yield
    except FileNotFoundError as e:
        raise UnreadablePictureError("no such file") from e
    except OSError as e:
        raise UnreadablePictureError(f"cannot be read: {e.strerror or 'the drive failed'}") from e
    except ValueError as e:  # a null in the name
        raise UnreadablePictureError(f"cannot be read: {e}") from e


def _header(data: bytes, form: Form) -> Header:
    match form:
        case "TIFF":
            return tiff.header(data)
        case "PNG":
            return png.header(data)
        case "JPEG":
            return jpeg.header(data)


def _pixels(data: bytes, form: Form, head: Header) -> NDArray[Any]:
    match form:
        case "TIFF":
            return tiff.pixels(data, head)
        case "PNG":
            return png.pixels(data, head)
        case "JPEG":
            return jpeg.pixels(data, head)
