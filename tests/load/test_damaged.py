"""Damaged and hostile files become a picture error that names the cause: no crash, no hang."""

from __future__ import annotations

import io
import os
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from isletqc.errors import (
    PictureError,
    PictureTooLargeError,
    UnreadablePictureError,
    UnsupportedPictureError,
)
from isletqc.load import picture
from isletqc.records import Image

Bytes = Callable[[str, bytes], Path]
Read = Callable[..., Image]
SLOW_SECONDS = 2.0


def noise(*shape: int, top: int = 255, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(9).integers(0, top, shape, dtype=dtype)


def tiff_bytes(pixels: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def png_bytes(pixels: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.png_encode(pixels))


def jpeg_bytes(pixels: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels))


FILES = {
    "plain.tif": tiff_bytes(noise(24, 30)),
    "deflate.tif": tiff_bytes(
        noise(24, 30, 3), photometric="rgb", compression="zlib", tile=(16, 16)
    ),
    "lzw.tif": tiff_bytes(
        noise(3, 24, 30), photometric="rgb", planarconfig="separate", compression="lzw"
    ),
    "jpeg.tif": tiff_bytes(noise(24, 30, 3), photometric="rgb", compression="jpeg"),
    "big.tif": tiff_bytes(noise(24, 30), bigtiff=True),
    "ome.tif": tiff_bytes(
        noise(2, 24, 30, top=4000, dtype=np.uint16),
        ome=True,
        metadata={"axes": "CYX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0},
    ),
    "imagej.tif": tiff_bytes(noise(2, 24, 30), imagej=True, metadata={"axes": "CYX", "unit": "um"}),
    "a.png": png_bytes(noise(24, 30, 3)),
    "b.png": png_bytes(noise(24, 30, top=65535, dtype=np.uint16)),
    "a.jpg": jpeg_bytes(noise(24, 30, 3)),
    "b.jpg": jpeg_bytes(noise(24, 30)),
}


def outcome(path: Path) -> Image | PictureError:
    started = time.process_time()  # whatever else the machine does
    result: Image | PictureError
    try:
        result = picture.read(path, stain="brightfield", pixel_size_um=1.0)
    except PictureError as e:
        result = e
    assert isinstance(result, Image) or str(path) in str(result)
    assert time.process_time() - started < SLOW_SECONDS
    return result


@pytest.mark.parametrize("name", FILES)
def test_the_sound_files_are_read(write: Bytes, name: str) -> None:
    assert isinstance(outcome(write(name, FILES[name])), Image)


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_noticed(write: Bytes, name: str) -> None:
    data = FILES[name]
    for length in np.linspace(0, len(data) - 2, 60).astype(int):
        cut = data[:length]
        result = outcome(write(name, cut))
        # A TIFF may end in a tag that nothing depends on; pixels that are there are complete.
        if isinstance(result, Image):
            assert name.endswith(".tif")
            whole = outcome(write(name, data))
            assert isinstance(whole, Image)
            np.testing.assert_array_equal(result.pixels, whole.pixels)


@pytest.mark.parametrize("name", FILES)
def test_flipped_bits_give_a_picture_or_a_picture_error(write: Bytes, name: str) -> None:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for _ in range(100):
        data = bytearray(FILES[name])
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] ^= 1 << int(rng.integers(0, 8))
        outcome(write(name, bytes(data)))


@pytest.mark.parametrize("name", ["plain.tif", "big.tif", "ome.tif", "imagej.tif"])
def test_damaged_tags_give_a_picture_or_a_picture_error(write: Bytes, name: str) -> None:
    rng = np.random.default_rng(11)
    for _ in range(100):
        data = bytearray(FILES[name])
        for at in rng.integers(0, min(len(data), 320), 2):
            data[at] = int(rng.choice([0, 1, 127, 128, 255]))
        outcome(write(name, bytes(data)))


def test_a_jpeg_cut_short_but_closed_is_noticed(write: Bytes) -> None:
    data = jpeg_bytes(noise(200, 200, 3))
    result = outcome(write("a.jpg", data[: len(data) // 2] + b"\xff\xd9"))
    assert isinstance(result, UnreadablePictureError)


def test_a_jpeg_with_a_hole_is_noticed(write: Bytes) -> None:
    data = jpeg_bytes(noise(200, 200, 3))
    middle = len(data) // 2
    result = outcome(write("a.jpg", data[:middle] + data[middle + len(data) // 4 :]))
    assert isinstance(result, UnreadablePictureError)


def test_a_jpeg_that_really_ends_flat_is_read(write: Bytes) -> None:
    pixels = noise(200, 200, 3)
    pixels[100:] = 90
    assert isinstance(outcome(write("a.jpg", jpeg_bytes(pixels))), Image)


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm(write: Bytes) -> None:
    assert isinstance(outcome(write("a.jpg", FILES["a.jpg"] + b"appended by a camera")), Image)


def test_a_thumbnail_does_not_hide_a_truncated_jpeg(
    write: Bytes, jpeg_with: Callable[..., bytes]
) -> None:
    thumbnail = jpeg_bytes(noise(8, 8))
    data = jpeg_with(noise(100, 100), (0xE1, b"Exif\0\0" + thumbnail))
    result = outcome(write("a.jpg", data[: len(data) * 2 // 3]))
    assert isinstance(result, UnreadablePictureError)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
def test_an_empty_file_is_refused(write: Bytes, read: Read, name: str) -> None:
    with pytest.raises(UnreadablePictureError, match="empty"):
        read(write(name, b""))


def test_a_missing_file_is_refused(tmp_path: Path, read: Read) -> None:
    with pytest.raises(UnreadablePictureError, match=r"none\.tif: no such file"):
        read(tmp_path / "none.tif")


def test_a_folder_is_refused(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(UnreadablePictureError, match="folder"):
        read(tmp_path / "a.tif")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, read: Read) -> None:
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(UnreadablePictureError, match="pipe"):
        read(tmp_path / "a.tif")


def test_a_large_file_that_is_no_picture_is_refused_by_its_first_bytes(
    tmp_path: Path, read: Read
) -> None:
    path = tmp_path / "zeros.tif"
    with path.open("wb") as file:
        file.truncate(2**30)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadablePictureError, match=r"named \.tif but holds no TIFF"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_file_without_permission_is_refused(
    write: Bytes, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a.tif", FILES["plain.tif"])

    def denied(_self: Path, *how: Any, **more: Any) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(UnreadablePictureError, match="Permission denied"):
        read(path)


def test_a_null_in_the_path_is_refused(read: Read) -> None:
    with pytest.raises(UnreadablePictureError):
        read(Path("a\0b.tif"))


@pytest.mark.parametrize(("name", "held"), [("a.png", "plain.tif"), ("a.tif", "a.jpg")])
def test_a_wrong_extension_is_refused_with_what_it_is(
    write: Bytes, read: Read, name: str, held: str
) -> None:
    kind = "TIFF" if held.endswith("tif") else "JPEG"
    with pytest.raises(UnreadablePictureError, match=f"holds {kind}; rename"):
        read(write(name, FILES[held]))


def test_a_name_without_extension_is_read_by_content(write: Bytes, read: Read) -> None:
    assert read(write("IMG0001", FILES["a.png"])).shape_yx == (24, 30)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04 encrypted", "ZIP"),
        (b"\x8b\x12 anything at all", "encrypted"),
        (b"image,lot\n", "no picture"),
    ],
)
def test_what_is_no_picture_is_refused(write: Bytes, read: Read, data: bytes, found: str) -> None:
    with pytest.raises(UnreadablePictureError, match=found):
        read(write("a.tif", data))


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.bmp", b"BM" + bytes(60), "BMP"),
        ("a.qptiff", FILES["plain.tif"], "Akoya QPTIFF"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        ("a.heic", b"\0\0\0\x18ftypheic", "HEIF"),
    ],
)
def test_other_formats_are_refused_by_name_with_the_way_out(
    write: Bytes, read: Read, name: str, data: bytes, kind: str
) -> None:
    with pytest.raises(UnsupportedPictureError, match=rf"{kind}.*export.*OME-TIFF"):
        read(write(name, data))


def test_pages_that_run_in_a_circle_are_refused(write: Bytes) -> None:
    data = bytearray(FILES["plain.tif"])
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    result = outcome(write("a.tif", bytes(data)))
    assert isinstance(result, UnreadablePictureError)
    assert "circle" in str(result)


def test_a_bomb_of_a_png_is_refused_before_allocation(
    write: Bytes, png_of: Callable[..., bytes]
) -> None:
    data = png_of((60_000, 60_000), 8, 2, zlib.compress(bytes(100)), {})
    assert isinstance(outcome(write("a.png", data)), PictureTooLargeError)


def test_a_bomb_of_a_tiff_is_refused_before_allocation(write: Bytes) -> None:
    data = bytearray(FILES["deflate.tif"])
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as tif:
        places = [tif.pages.first.tags[code].valueoffset for code in (256, 257)]
    for at in places:
        struct.pack_into("<H", data, at, 65_000)
    assert isinstance(outcome(write("a.tif", bytes(data))), PictureTooLargeError)


def test_a_bomb_of_a_jpeg_is_refused_before_allocation(write: Bytes) -> None:
    data = bytearray(FILES["a.jpg"])
    at = data.index(b"\xff\xc0") + 5
    struct.pack_into(">HH", data, at, 65_500, 65_500)
    assert isinstance(outcome(write("a.jpg", bytes(data))), PictureTooLargeError)


def test_a_strip_that_unpacks_to_far_more_than_its_pixels_is_refused(write: Bytes) -> None:
    bomb = zlib.compress(bytes(20_000_000))
    small = tiff_bytes(noise(4, 4), compression="zlib")
    with tifffile.TiffFile(io.BytesIO(small)) as tif:
        offset = tif.pages.first.tags[273].valueoffset
        size = tif.pages.first.tags[279].valueoffset
    data = bytearray(small + bomb)
    struct.pack_into("<I", data, offset, len(small))
    struct.pack_into("<I", data, size, len(bomb))
    assert isinstance(outcome(write("a.tif", bytes(data))), UnreadablePictureError)


def test_xml_entities_are_refused(write: Bytes) -> None:
    text = '<!DOCTYPE x [<!ENTITY a "aaaa">]><OME><Image>&a;</Image></OME>'
    data = tiff_bytes(noise(24, 30), description=text, metadata=None)
    assert isinstance(outcome(write("a.tif", data)), UnreadablePictureError)


def test_reading_prints_and_logs_nothing(write: Bytes, capfd: pytest.CaptureFixture[str]) -> None:
    data = FILES["plain.tif"]
    for length in range(0, len(data), 50):
        outcome(write("a.tif", data[:length]))
    assert capfd.readouterr() == ("", "")
