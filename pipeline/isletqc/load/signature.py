"""Tell what a file is by its first bytes, and refuse what its name does not promise."""

from __future__ import annotations

from typing import Literal

from isletqc.errors import UnreadablePictureError, UnsupportedPictureError

Form = Literal["TIFF", "PNG", "JPEG"]
MicroscopeForm = Literal["Leica LIF", "Nikon ND2", "CZI", "VSI", "NDPI", "SVS", "OME-Zarr"]

_SUFFIXES: dict[Form, tuple[str, ...]] = {
    "TIFF": (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".stk"),
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
}
_MAGIC: tuple[tuple[int, bytes, Form], ...] = (
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
)
_TIFF_MAGIC = tuple(magic for _, magic, form in _MAGIC if form == "TIFF")
# Suffix and first bytes together: NDPI, SVS and VSI begin like any TIFF.
_MICROSCOPE: dict[str, tuple[MicroscopeForm, tuple[bytes, ...]]] = {
    ".lif": ("Leica LIF", (b"\x70\0\0\0",)),
    ".nd2": ("Nikon ND2", (b"\xda\xce\xbe\x0a", b"\0\0\0\x0cjP  ")),
    ".czi": ("CZI", (b"ZISRAWFILE",)),
    ".vsi": ("VSI", _TIFF_MAGIC),
    ".ndpi": ("NDPI", _TIFF_MAGIC),
    ".svs": ("SVS", _TIFF_MAGIC),
}
_FOREIGN_MAGIC = (
    (0, b"\x70\0\0\0", "Leica LIF"),
    (0, b"ZISRAWFILE", "Zeiss CZI"),
    (0, b"\xda\xce\xbe\x0a", "Nikon ND2"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Zeiss ZVI, Olympus OIB or another OLE file"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 (Imaris IMS)"),
    (128, b"DICM", "DICOM"),
    (0, b"BM", "BMP"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"JXL ", "JPEG XL"),
    (4, b"ftyp", "HEIF or AVIF"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
)
_FOREIGN_SUFFIXES = {
    ".lof": "Leica LOF", ".zvi": "Zeiss ZVI", ".lsm": "Zeiss LSM", ".oir": "Olympus OIR",
    ".oib": "Olympus OIB", ".oif": "Olympus OIF", ".ims": "Imaris IMS",
    ".scn": "Leica SCN", ".qptiff": "Akoya QPTIFF",
    ".dcm": "DICOM", ".bmp": "BMP", ".gif": "GIF", ".webp": "WebP", ".jp2": "JPEG 2000",
    ".jxl": "JPEG XL", ".heic": "HEIF", ".dng": "camera raw", ".cr2": "camera raw",
    ".nef": "camera raw",
}  # fmt: skip
_REMEDY = "export the plane in focus as OME-TIFF, TIFF or PNG"


def identify(data: bytes, suffix: str) -> Form:
    """Name the picture format of ``data``, checked against the file name's ``suffix``.

    Raises
    ------
    UnreadablePictureError
        The content is no picture, or another one than the name says.
    UnsupportedPictureError
        A format that isletqc does not read.
    """
    suffix = suffix.lower()
    promised = next((form for form, known in _SUFFIXES.items() if suffix in known), None)
    form = next((f for at, magic, f in _MAGIC if data.startswith(magic, at)), None)
    if form is None:
        return _refuse(data, suffix, promised)
    if promised not in (form, None):
        raise UnreadablePictureError(
            f"named {suffix} but holds {form}; rename it to {_SUFFIXES[form][0]} or export it again"
        )
    if promised is None and suffix:
        what = _FOREIGN_SUFFIXES.get(suffix, "unknown to isletqc")
        raise UnsupportedPictureError(
            f"{form} content under the name {suffix} ({what}) may be misread; {_REMEDY}"
        )
    return form


def microscope(suffix: str, first: bytes) -> MicroscopeForm | None:
    """Name the microscope's own format that ``suffix`` promises; None for any other name.

    Raises
    ------
    UnreadablePictureError
        The first bytes are of something else.
    """
    form, starts = _MICROSCOPE.get(suffix.lower(), (None, ()))
    if form is not None and not first.startswith(starts):
        raise UnreadablePictureError(
            f"named {suffix} but holds no {form}; found bytes {first[:8].hex(' ')}: damaged, "
            "encrypted or no picture"
        )
    return form


def _refuse(data: bytes, suffix: str, promised: Form | None) -> Form:
    foreign = next((n for at, magic, n in _FOREIGN_MAGIC if data.startswith(magic, at)), None)
    if promised is not None:
        found = foreign or f"bytes {data[:8].hex(' ')}: damaged, encrypted or no picture"
        raise UnreadablePictureError(f"named {suffix} but holds no {promised}; found {found}")
    vendor = foreign or _FOREIGN_SUFFIXES.get(suffix)
    own = next(
        (s for s, (_, magic) in _MICROSCOPE.items() if vendor and data.startswith(magic)), ""
    )
    if own:
        raise UnsupportedPictureError(
            f"{vendor} under the name {suffix or 'without suffix'}; rename it to {own}"
        )
    if vendor is not None:
        raise UnsupportedPictureError(f"{vendor} is not read by isletqc; {_REMEDY}")
    raise UnreadablePictureError(
        f"expected a TIFF, PNG or JPEG picture, found bytes {data[:8].hex(' ')}"
    )
