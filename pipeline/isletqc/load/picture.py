"""Read a picture file: content, calibration and identity in one pass over its bytes.

The file is read once; its SHA-256 is of those bytes. The first bytes tell the format, the head
tells size and calibration, and only then are pixels decoded. JPEG and PNG are turned upright
after their EXIF orientation, as every viewer does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from isletqc.errors import PictureError, PictureTooLargeError, UnreadablePictureError
from isletqc.load import jpeg, pixel_size, png, samples, signature, tiff
from isletqc.load.header import Header
from isletqc.load.signature import Form
from isletqc.records import Image, Stain

_DEFAULT_MEGAPIXELS = 400.0
# Colour and alpha of the largest picture, in 32 bit; a larger file cannot be one picture.
_MAX_SAMPLES_PER_PIXEL, _MAX_BYTES_PER_PIXEL = 4, 16


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What would be read from a file; ``problem`` says why it would not.

    Attributes
    ----------
    form : ``"OME-TIFF"``, ``"PNG"``, ...; empty when the file is no picture
    shape : height, width, channels
    dtype, channels, full_scale : of the pixels as they would be handed on
    pages : pages in the file
    um_per_px, um_per_px_source : calibration; None and empty when unknown
    """

    path: str
    form: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    channels: tuple[str, ...] = ()
    full_scale: float | None = None
    pages: int = 0
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
    path : TIFF (OME, ImageJ, MetaXpress), PNG or JPEG
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
        data = _read_bytes(path, max_megapixels)
        form = signature.identify(data, path.suffix)
        head = _header(data, form)
        _refuse_large(head, max_megapixels)
        pixels, full_scale = samples.convert(_pixels(data, form, head), head)
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
        sha256=hashlib.sha256(data).hexdigest(),
        stain=stain,
    )


def describe(path: Path) -> FileFacts:
    """Say what :func:`read` would make of a file; a bad picture is no error here."""
    path = Path(path)
    try:
        with _naming(path):
            data = _read_bytes(path, _DEFAULT_MEGAPIXELS)
            form = signature.identify(data, path.suffix)
            head = _header(data, form)
    except PictureError as e:
        return FileFacts(path=str(path), problem=str(e))
    pixels, full_scale, pixel_problem = _try_pixels(path, data, form, head)
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
        um_per_px=um_per_px,
        um_per_px_source=source,
        problem=pixel_problem or size_problem,
    )


def _try_pixels(
    path: Path, data: bytes, form: Form, head: Header
) -> tuple[NDArray[Any] | None, float | None, str]:
    try:
        with _naming(path):
            _refuse_large(head, _DEFAULT_MEGAPIXELS)
            return *samples.convert(_pixels(data, form, head), head), ""
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


def _read_bytes(path: Path, max_megapixels: float) -> bytes:
    try:
        if path.is_dir():
            raise UnreadablePictureError("expected a picture file, found a folder")
        if path.exists() and not path.is_file():
            raise UnreadablePictureError("expected a picture file, found a device or pipe")
        size = path.stat().st_size
        if size > max_megapixels * 1e6 * _MAX_BYTES_PER_PIXEL:
            raise PictureTooLargeError(
                f"file of {size / 1e9:.1f} GB; the limit is {max_megapixels:g} megapixels"
            )
        data = path.read_bytes()
    except FileNotFoundError as e:
        raise UnreadablePictureError("no such file") from e
    except (OSError, ValueError) as e:
        cause = getattr(e, "strerror", None) or e
        raise UnreadablePictureError(f"cannot be read: {cause}") from e
    if not data:
        raise UnreadablePictureError("the file is empty (0 bytes)")
    return data


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


def _refuse_large(head: Header, max_megapixels: float) -> None:
    height, width = head.shape_yx
    megapixels = height * width / 1e6
    stored = len(head.channels) + head.alpha
    if megapixels > max_megapixels or megapixels * stored > max_megapixels * _MAX_SAMPLES_PER_PIXEL:
        raise PictureTooLargeError(
            f"claims {width} x {height} pixels of {stored} channels ({megapixels:.0f} megapixels); "
            f"the limit is {max_megapixels:g} (protocol: segmentation.max_megapixels)"
        )
