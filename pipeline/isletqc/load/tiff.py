"""Read a TIFF of one picture: plain, OME, ImageJ, MetaXpress; colour, planar, palette, channels.

Every page, its kind and its place in the file are checked before a pixel is decoded: tifffile
reads damaged files as far as it can and fills the rest with zeros. What holds more than one
picture (Z or T stack, several fields) is refused by name; pyramid levels and thumbnails are
passed over.
"""

from __future__ import annotations

import io
import logging
import math
import mmap
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, cast

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC, TiffPage

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError
from isletqc.load import calibration, ifd, ome, tiff_axes
from isletqc.load.header import MAX_CHANNELS, Header
from isletqc.load.ome import OmePixels
from isletqc.load.pixel_size import Claim

# tifffile reports each oddity of a file through logging; what matters is checked here.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# What tifffile and imagecodecs raise on damaged files, found by flipping bits (tests/load).
_DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError,
    AssertionError, MemoryError, OSError, struct.error,
)  # fmt: skip
_DESCRIPTION, _MAX_SAMPLE_VALUE, _ORIENTATION, _EXTRA_SAMPLES = 270, 281, 274, 338
_REDUCED, _MASK = 1, 4
_JPEG = (6, 7)
_UNSIGNED, _FLOAT = 1, 3
_ALPHA_KINDS = (1, 2)
_MAX_TILE_PIXELS = 2**24
_PARALLEL = 0.02


def header(data: bytes | mmap.mmap) -> Header:
    """Read what a TIFF says about itself.

    Raises
    ------
    UnreadablePictureError
        Cut short or damaged.
    UnsupportedPictureError
        A stack, several pictures, CMYK, 1 bit, turned, or a compression that is not read.
    """
    count = ifd.page_count(data)
    with opened(data) as tif:
        pages = [plain_page(tif, i) for i in range(count)]
        main, same = _pictures(pages)
        texts = _texts(pages[0])
        images = ome.parse(texts[0]) if texts and _is_ome(texts[0]) else ()
        image = next((i for i in images if (i.size_y, i.size_x) == _shape_yx(main)), None)
        _refuse_kinds(main)
        planes, names = tiff_axes.planes(tif, texts, image, main=main, same=same)
        channels, alpha = _channels(main, names)
        return Header(
            form=_form(tif, texts),
            shape_yx=_shape_yx(main),
            channels=channels,
            dtype=str(np.dtype(main.dtype)),
            full_scale=_full_scale(main, texts, image),
            alpha=alpha,
            claims=_claims(tif, texts, image),
            pages=count,
            planes=planes,
        )


def pixels(data: bytes, head: Header) -> NDArray[Any]:
    """Decode the stored pixels, (Y, X) or (Y, X, S); palettes expanded, zero black, alpha last."""
    with opened(data) as tif:
        pages = [plain_page(tif, i) for i in head.planes]
        for page in pages:
            check_segments(data, page)
        planes = [_page_pixels(page) for page in pages]
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)


@contextmanager
def opened(data: bytes | mmap.mmap) -> Iterator[tifffile.TiffFile]:
    """Open the bytes of a TIFF; what goes wrong inside says that it is damaged."""
    try:
        # A large file is mapped, not read, and must not be copied;
        # tifffile reads a mapped file as it reads any other.
        file = cast("IO[bytes]", data) if isinstance(data, mmap.mmap) else io.BytesIO(data)
        with tifffile.TiffFile(file, offset=0) as tif:
            yield tif
    except _DAMAGE as e:
        raise UnreadablePictureError(f"damaged TIFF: {str(e) or type(e).__name__}") from e


def plain_page(tif: tifffile.TiffFile, index: int) -> TiffPage:
    """Give one page; a page that only stands for another is refused."""
    page = tif.pages[index]
    if not isinstance(page, TiffPage):
        raise UnsupportedPictureError("TIFF of virtual pages: a stack; save one plane of it")
    # A tag of many values comes as text or tuple, which grows when it is multiplied.
    if not (isinstance(page.imagewidth, int) and isinstance(page.imagelength, int)):
        raise UnreadablePictureError("TIFF is damaged: its width or height is no single number")
    return page


def _pictures(pages: Sequence[TiffPage]) -> tuple[TiffPage, tuple[int, ...]]:
    """Find the largest page and the indices of its kind; refuse unrelated pages."""
    full = [p for p in pages if not p.subfiletype & (_REDUCED | _MASK)] or list(pages[:1])
    main = max(full, key=lambda p: p.imagewidth * p.imagelength)
    kind = (main.shape, main.dtype, main.photometric)
    same = tuple(p.index for p in full if (p.shape, p.dtype, p.photometric) == kind)
    others = [p for p in full if p.index not in same and not _is_smaller_copy(p, main)]
    if others:
        sizes = ", ".join(f"{p.imagewidth} x {p.imagelength}" for p in (main, *others[:3]))
        raise UnsupportedPictureError(
            f"several pictures in one TIFF ({sizes}); save each as a file of its own"
        )
    return main, same


def _is_smaller_copy(page: TiffPage, main: TiffPage) -> bool:
    """Tell a pyramid level or thumbnail: half the size or less, same proportions."""
    across, down = page.imagewidth / main.imagewidth, page.imagelength / main.imagelength
    slack = _PARALLEL + 1 / min(page.imagewidth, page.imagelength)
    return max(across, down) <= 0.51 and abs(across / down - 1) <= slack


def _shape_yx(page: TiffPage) -> tuple[int, int]:
    return int(page.imagelength), int(page.imagewidth)


def _texts(page: TiffPage) -> tuple[str, ...]:
    values = [tag.value for tag in page.tags.getall(_DESCRIPTION) or []]
    return tuple(v.decode("latin-1") if isinstance(v, bytes) else str(v) for v in values)


def _is_ome(text: str) -> bool:
    return "<OME" in text[:2000] and text.rstrip("\0 \r\n\t").endswith("OME>")


def _form(tif: tifffile.TiffFile, texts: Sequence[str]) -> str:
    if texts and _is_ome(texts[0]):
        return "OME-TIFF"
    if calibration.imagej_properties(texts):
        return "ImageJ TIFF"
    if calibration.metaxpress_properties(texts):
        return "MetaXpress TIFF"
    return "MetaMorph STK" if tif.is_stk else "TIFF"


def _refuse_kinds(page: TiffPage) -> None:
    """Refuse by name what would be misread."""
    if not (page.imagewidth and page.imagelength):
        raise UnreadablePictureError("TIFF is damaged: its first page has no width or height")
    if page.photometric == PHOTOMETRIC.SEPARATED:
        raise UnsupportedPictureError("CMYK TIFF: colours would be misread; save it as RGB")
    known = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR")
    name = getattr(page.photometric, "name", str(page.photometric))
    if name not in known or (name == "YCBCR" and page.compression not in _JPEG):
        raise UnsupportedPictureError(f"{name} TIFF is not read; save it as RGB or grey")
    if page.samplesperpixel > MAX_CHANNELS:
        raise UnreadablePictureError(
            f"TIFF is damaged: {page.samplesperpixel} samples in a pixel, at most {MAX_CHANNELS} "
            "expected"
        )
    if page.bitspersample == 1:
        raise UnsupportedPictureError("1-bit TIFF: a mask, not a picture with grey values")
    if page.dtype is None or page.dtype.kind not in "uif" or page.dtype.itemsize > 8:
        raise UnsupportedPictureError(
            f"TIFF of {page.bitspersample} bit, sample format {page.sampleformat}, is not read; "
            "save it as 8 or 16 bit"
        )
    if page.tags.valueof(_ORIENTATION, 1) not in (0, 1):
        raise UnsupportedPictureError(
            "TIFF with an orientation tag: programs disagree on it; save the picture upright"
        )
    if page.compression != 1 and page.compression not in tifffile.TIFF.DECOMPRESSORS:
        raise UnsupportedPictureError(f"TIFF compression {page.compression} is not read")


def _channels(page: TiffPage, names: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """Name the channels of a page without alpha, and tell whether its last sample is alpha."""
    samples = page.samplesperpixel
    extra = page.tags.valueof(_EXTRA_SAMPLES, ())
    if page.photometric == PHOTOMETRIC.PALETTE:
        return ("red", "green", "blue"), False
    if page.photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR):
        if samples not in (3, 4):
            raise UnsupportedPictureError(f"RGB TIFF of {samples} samples; save it as plain RGB")
        return ("red", "green", "blue"), samples == 4
    if samples == 2 and set(np.atleast_1d(extra)) & set(_ALPHA_KINDS):
        return names[:1], True
    return names, False


def _full_scale(page: TiffPage, texts: Sequence[str], image: OmePixels | None) -> float | None:
    """Find the largest value the samples can take, by what the file says of their bits."""
    if page.photometric == PHOTOMETRIC.PALETTE:
        return 255.0
    bits = page.bitspersample
    if page.sampleformat != _UNSIGNED or not isinstance(bits, int) or bits > 16:
        return None
    ceiling = page.tags.valueof(_MAX_SAMPLE_VALUE, 0)
    camera = calibration.metaxpress_properties(texts).get("Camera Bit Depth", "")
    stated = (
        image.significant_bits if image else None,
        int(float(camera)) if camera.replace(".", "", 1).isdigit() else None,
        # Only a ceiling of the form 2^n - 1 speaks of bits; others are statistics.
        ceiling.bit_length() if isinstance(ceiling, int) and not ceiling & (ceiling + 1) else None,
    )
    usable = [n for n in stated if n is not None and 8 < n <= bits]
    return float(2 ** (usable[0] if usable else bits) - 1)


def _claims(
    tif: tifffile.TiffFile, texts: Sequence[str], image: OmePixels | None
) -> tuple[Claim, ...]:
    return calibration.claims(tif, texts, image.claims if image else ())


def check_segments(data: bytes | mmap.mmap, page: TiffPage) -> None:
    """Refuse strips or tiles that are missing, outside the file, or claim absurd sizes."""
    rows, columns, tall = _grid(page)
    expected = rows * columns * (page.samplesperpixel if page.planarconfig == 2 else 1)
    found = min(len(page.dataoffsets), len(page.databytecounts))
    if found != expected:
        raise UnreadablePictureError(
            f"TIFF is damaged: expected {expected} strips or tiles, found {found}"
        )
    largest = 4096 + 1.5 * tall * np.dtype(page.dtype).itemsize * page.samplesperpixel
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        if not offset or not size or offset + size > len(data):
            raise UnreadablePictureError("TIFF is cut short: part of its pixels is missing")
        if page.compression != 1 and size > largest:
            raise UnreadablePictureError("TIFF is damaged: compressed data larger than its pixels")
        if (
            page.compression in _JPEG
            and b"\xff\xd9" not in data[offset + size - 16 : offset + size]
        ):
            raise UnreadablePictureError("TIFF is damaged: JPEG data within it are cut short")


def _grid(page: TiffPage) -> tuple[int, int, int]:
    """Count rows and columns of strips or tiles, and the pixels in one."""
    if page.is_tiled:
        across, down = page.tilewidth, page.tilelength
    else:
        across, down = page.imagewidth, page.rowsperstrip or page.imagelength
    if not across or not down or (page.is_tiled and across * down > _MAX_TILE_PIXELS):
        raise UnreadablePictureError(f"TIFF is damaged: tiles of {across} x {down} pixels")
    return math.ceil(page.imagelength / down), math.ceil(page.imagewidth / across), across * down


def _page_pixels(page: TiffPage) -> NDArray[Any]:
    # One worker: pictures run in parallel processes, and the order of work stays the same.
    stored = page.asarray(maxworkers=1)
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        stored = np.moveaxis(stored, 0, -1)
    if page.photometric == PHOTOMETRIC.PALETTE:
        return _expand(stored, page.colormap)
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        return _invert(stored, page)
    return stored


def _expand(indices: NDArray[Any], colours: NDArray[Any] | None) -> NDArray[Any]:
    if colours is None or int(indices.max()) >= colours.shape[1]:
        raise UnreadablePictureError("TIFF is damaged: its palette lacks colours")
    # 16-bit palettes by the standard; old writers stored 8 bit.
    eight = colours >> 8 if int(colours.max()) > 255 else colours
    return np.ascontiguousarray(eight.astype(np.uint8).T[indices])


def _invert(stored: NDArray[Any], page: TiffPage) -> NDArray[Any]:
    if page.sampleformat != _UNSIGNED or page.bitspersample > 16:
        raise UnsupportedPictureError("TIFF with white as zero in 32 bit or signed is not read")
    inverted: NDArray[Any] = (2**page.bitspersample - 1 - stored).astype(stored.dtype)
    return inverted
