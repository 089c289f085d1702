"""Small pictures written by independent libraries or by hand, and where the real ones lie."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from isletqc.load import picture
from isletqc.records import Image

ROOT = Path(__file__).parents[2]
OME_HEAD = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
METAXPRESS = """<MetaData>
<prop id="ApplicationName" type="string" value="MetaMorph"/>
<PlaneInfo>
<prop id="spatial-calibration-state" type="bool" value="{state}"/>
<prop id="spatial-calibration-x" type="float" value="{x}"/>
<prop id="spatial-calibration-y" type="float" value="{y}"/>
<prop id="spatial-calibration-units" type="string" value="{unit}"/>
<custom-prop id="Camera Bit Depth" type="float" value="{bits}"/>
</PlaneInfo>
</MetaData>
"""


@pytest.fixture
def gray() -> NDArray[np.uint8]:
    """(40, 50) uint8 noise: no two rows alike."""
    return np.random.default_rng(1).integers(0, 256, (40, 50), dtype=np.uint8)


@pytest.fixture
def rgb() -> NDArray[np.uint8]:
    """(40, 50, 3) uint8 noise."""
    return np.random.default_rng(2).integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.fixture
def twelve_bit() -> NDArray[np.uint16]:
    """(40, 50) uint16 noise up to 4095."""
    return np.random.default_rng(3).integers(0, 4096, (40, 50), dtype=np.uint16)


@pytest.fixture
def write_tiff(tmp_path: Path) -> Callable[..., Path]:
    """Write a TIFF with tifffile and give its path; ``name`` sets the file's name."""

    def write(pixels: NDArray[Any], *, name: str = "a.tif", **options: Any) -> Path:
        tifffile.imwrite(tmp_path / name, pixels, **options)
        return tmp_path / name

    return write


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write bytes under a name and give the path."""

    def write_bytes(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write_bytes


@pytest.fixture
def read() -> Callable[..., Image]:
    """Read a picture with a given pixel size, for tests that are not about it."""

    def read_given(path: Path, **options: Any) -> Image:
        given: dict[str, Any] = {"stain": "brightfield", "pixel_size_um": 1.5}
        return picture.read(path, **given | options)

    return read_given


@pytest.fixture
def png_of() -> Callable[..., bytes]:
    """PNG bytes from header fields, raw rows and extra chunks, made by hand."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    def make(
        size: tuple[int, int], depth: int, colour: int, raw: bytes, extra: Mapping[bytes, bytes]
    ) -> bytes:
        width, height = size
        head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        middle = b"".join(chunk(name, body) for name, body in extra.items())
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", head)
            + middle
            + chunk(b"IDAT", zlib.compress(raw))
            + chunk(b"IEND", b"")
        )

    return make


@pytest.fixture
def jpeg_with() -> Callable[..., bytes]:
    """JPEG bytes of a picture with an EXIF block or other segments put behind the first marker."""

    def make(pixels: NDArray[np.uint8], *segments: tuple[int, bytes]) -> bytes:
        data = bytes(imagecodecs.jpeg8_encode(pixels, level=95))
        extra = b"".join(
            bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
            for marker, body in segments
        )
        return data[:2] + extra + data[2:]

    return make


@pytest.fixture
def exif_of() -> Callable[..., bytes]:
    """EXIF segment body: orientation and resolution, by hand (EXIF 2.3, 4.6)."""

    def make(orientation: int = 1, *, dpi: tuple[int, int] = (72, 1), unit: int = 2) -> bytes:
        entries = (
            struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0)
            + struct.pack("<HHII", 0x11A, 5, 1, 62)
            + struct.pack("<HHII", 0x11B, 5, 1, 62)
            + struct.pack("<HHIHH", 0x128, 3, 1, unit, 0)
        )
        block = b"II*\0" + struct.pack("<IH", 8, 4) + entries + struct.pack("<I", 0)
        assert len(block) == 62
        return b"Exif\0\0" + block + struct.pack("<II", *dpi)

    return make


@pytest.fixture
def ome_xml() -> Callable[..., str]:
    """OME-XML of one image of 50 x 40 pixels."""

    def make(attributes: str = "", *, inside: str = "<TiffData/>", c: int = 1) -> str:
        return (
            f'{OME_HEAD}<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
            f'SizeX="50" SizeY="40" SizeC="{c}" Type="uint8" {attributes}>{inside}</Pixels>'
            "</Image></OME>"
        )

    return make


@pytest.fixture
def metaxpress_text() -> Callable[..., str]:
    """Description as MetaXpress writes it."""

    def make(
        x: str = "1.3622", y: str = "1.3622", *, unit: str = "um", state: str = "on", bits: int = 16
    ) -> str:
        return METAXPRESS.format(x=x, y=y, unit=unit, state=state, bits=bits)

    return make


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real pictures, which are not part of the project."""
    folder = Path(os.environ.get("ISLETQC_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real pictures at {folder}; set ISLETQC_REAL_DATA")
    return folder
