"""Every form of picture is read as meant, or refused by name."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from isletqc.errors import (
    PictureTooLargeError,
    PixelSizeUnknownError,
    UnreadablePictureError,
    UnsupportedPictureError,
)
from isletqc.load import picture
from isletqc.records import Image

U8: TypeAlias = NDArray[np.uint8]
U16: TypeAlias = NDArray[np.uint16]
Tiff = Callable[..., Path]
Bytes = Callable[[str, bytes], Path]
Read = Callable[..., Image]


def test_an_image_knows_its_file(write_tiff: Tiff, read: Read, gray: U8) -> None:
    path = write_tiff(gray)
    image = read(path, stain="dithizone")
    assert image.path == str(path)
    assert image.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (image.stain, image.um_per_px, image.um_per_px_source) == ("dithizone", 1.5, "given")


def test_pixels_are_contiguous_and_read_only(write_tiff: Tiff, read: Read, rgb: U8) -> None:
    pixels = read(write_tiff(rgb, photometric="rgb")).pixels
    assert pixels.flags.c_contiguous
    assert not pixels.flags.writeable


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "zstd"},
        {"compression": "packbits"},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"rowsperstrip": 7},
    ],
)
def test_gray_tiff_is_one_channel(
    write_tiff: Tiff, read: Read, gray: U8, options: dict[str, Any]
) -> None:
    image = read(write_tiff(gray, **options))
    np.testing.assert_array_equal(image.pixels[..., 0], gray)
    assert (image.channels, image.full_scale) == (("gray",), 255)


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16), "compression": "zlib"}])
def test_colour_tiff_keeps_its_order(
    write_tiff: Tiff, read: Read, rgb: U8, options: dict[str, Any]
) -> None:
    image = read(write_tiff(rgb, photometric="rgb", **options))
    np.testing.assert_array_equal(image.pixels, rgb)
    assert image.channels == ("red", "green", "blue")


def test_planar_colour_is_rearranged(write_tiff: Tiff, read: Read, rgb: U8) -> None:
    planar = np.moveaxis(rgb, -1, 0).copy()
    path = write_tiff(planar, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read(path).pixels, rgb)


def test_jpeg_in_tiff_is_decoded_to_rgb(write_tiff: Tiff, read: Read) -> None:
    flat = np.full((64, 64, 3), (200, 40, 30), np.uint8)
    image = read(write_tiff(flat, photometric="rgb", compression="jpeg"))
    np.testing.assert_allclose(image.pixels, flat, atol=4)


def test_16_bit_stays_16_bit(write_tiff: Tiff, read: Read, twelve_bit: U16) -> None:
    image = read(write_tiff(twelve_bit))
    np.testing.assert_array_equal(image.pixels[..., 0], twelve_bit)
    assert image.pixels.dtype == np.uint16
    assert image.full_scale == 65535


def test_packed_12_bit_is_full_at_4095(write_tiff: Tiff, read: Read, twelve_bit: U16) -> None:
    path = write_tiff(twelve_bit, bitspersample=12)
    image = read(path)
    np.testing.assert_array_equal(image.pixels[..., 0], twelve_bit)
    assert image.full_scale == 4095


def test_ome_significant_bits_set_the_full_scale(
    write_tiff: Tiff, read: Read, twelve_bit: U16, ome_xml: Callable[..., str]
) -> None:
    text = ome_xml('SignificantBits="12"')
    assert read(write_tiff(twelve_bit, description=text, metadata=None)).full_scale == 4095


def test_significant_bits_that_the_values_exceed_are_not_believed(
    write_tiff: Tiff, read: Read, twelve_bit: U16, ome_xml: Callable[..., str]
) -> None:
    text = ome_xml('SignificantBits="12"')
    path = write_tiff(twelve_bit + 4000, description=text, metadata=None)
    assert read(path).full_scale == 65535


def test_metaxpress_camera_depth_sets_the_full_scale(
    write_tiff: Tiff, read: Read, twelve_bit: U16, metaxpress_text: Callable[..., str]
) -> None:
    path = write_tiff(twelve_bit, description=metaxpress_text(bits=12), metadata=None)
    assert read(path, pixel_size_um=None).full_scale == 4095


@pytest.mark.parametrize(("ceiling", "full_scale"), [(4095, 4095), (3000, 65535)])
def test_a_maximum_sample_value_speaks_of_bits_only_as_a_power_of_two(
    write_tiff: Tiff, read: Read, twelve_bit: U16, ceiling: int, full_scale: float
) -> None:
    path = write_tiff(twelve_bit % 2000, extratags=[(281, 3, 1, ceiling, True)])
    assert read(path).full_scale == full_scale


@pytest.mark.parametrize(
    ("dtype", "top", "expected", "full_scale"),
    [
        (np.float32, 0.8, np.float32, 1.0),
        (np.float32, 200.0, np.float32, 255.0),
        (np.float64, 4000.0, np.float32, 65535.0),
        (np.float16, 1.0, np.float32, 1.0),
        (np.float32, 1e6, np.float32, 1e6),
        (np.uint32, 4000, np.uint16, 65535.0),
        (np.uint32, 70000, np.float32, 70000.0),
        (np.int16, 4000, np.uint16, 32767.0),
        (np.int8, 100, np.uint8, 127.0),
    ],
)
def test_wide_and_floating_samples(
    write_tiff: Tiff, read: Read, dtype: Any, top: float, expected: Any, full_scale: float
) -> None:
    pixels = np.linspace(0, top, 2000).reshape(40, 50).astype(dtype)
    image = read(write_tiff(pixels))
    np.testing.assert_array_equal(image.pixels[..., 0], pixels.astype(expected))
    assert image.pixels.dtype == expected
    assert image.full_scale == pytest.approx(full_scale)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(write_tiff: Tiff, read: Read, bad: float) -> None:
    pixels = np.zeros((40, 50), np.float32)
    pixels[3, 4] = bad
    with pytest.raises(UnsupportedPictureError, match="NaN or infinite"):
        read(write_tiff(pixels))


def test_values_below_zero_in_integers_are_refused(write_tiff: Tiff, read: Read) -> None:
    with pytest.raises(UnsupportedPictureError, match=r"below zero \(-3\)"):
        read(write_tiff(np.full((40, 50), -3, np.int16)))


def test_complex_samples_are_refused(write_tiff: Tiff, read: Read) -> None:
    with pytest.raises(UnsupportedPictureError, match="sample format"):
        read(write_tiff(np.zeros((40, 50), np.complex64)))


def test_white_is_zero_is_turned_round(write_tiff: Tiff, read: Read, gray: U8) -> None:
    image = read(write_tiff(gray, photometric="miniswhite"))
    np.testing.assert_array_equal(image.pixels[..., 0], 255 - gray)


def test_a_palette_becomes_colour(write_tiff: Tiff, read: Read, gray: U8) -> None:
    colours = np.random.default_rng(5).integers(0, 256, (3, 256), dtype=np.uint16) * 257
    image = read(write_tiff(gray, photometric="palette", colormap=colours))
    np.testing.assert_array_equal(image.pixels, (colours // 257).T[gray])
    assert (image.channels, image.full_scale) == (("red", "green", "blue"), 255)


def test_opaque_alpha_is_dropped(write_tiff: Tiff, read: Read, rgb: U8) -> None:
    rgba = np.dstack([rgb, np.full_like(rgb[..., 0], 255)])
    image = read(write_tiff(rgba, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(image.pixels, rgb)


def test_transparency_is_refused(write_tiff: Tiff, read: Read, rgb: U8, gray: U8) -> None:
    rgba = np.dstack([rgb, gray])
    with pytest.raises(UnsupportedPictureError, match="transparent"):
        read(write_tiff(rgba, photometric="rgb", extrasamples=["unassalpha"]))


def test_cmyk_is_refused(write_tiff: Tiff, read: Read, rgb: U8, gray: U8) -> None:
    with pytest.raises(UnsupportedPictureError, match="CMYK"):
        read(write_tiff(np.dstack([rgb, gray]), photometric="separated"))


def test_lab_is_refused_by_name(write_tiff: Tiff, read: Read, rgb: U8) -> None:
    with pytest.raises(UnsupportedPictureError, match="CIELAB"):
        read(write_tiff(rgb, photometric="cielab"))


def test_one_bit_is_refused(write_tiff: Tiff, read: Read, gray: U8) -> None:
    with pytest.raises(UnsupportedPictureError, match="1-bit"):
        read(write_tiff(gray > 128))


def test_a_turned_tiff_is_refused(write_tiff: Tiff, read: Read, gray: U8) -> None:
    with pytest.raises(UnsupportedPictureError, match="orientation"):
        read(write_tiff(gray, extratags=[(274, 3, 1, 6, True)]))


@pytest.mark.parametrize(("axes", "name"), [("ZYX", "Z stack"), ("TYX", "time series")])
@pytest.mark.parametrize("writer", ["ome", "imagej", "plain"])
def test_stacks_are_refused_by_name(
    write_tiff: Tiff, read: Read, gray: U8, axes: str, name: str, writer: str
) -> None:
    stack = np.stack([gray, 255 - gray, gray // 2])
    kind = {} if writer == "plain" else {writer: True}
    path = write_tiff(stack, metadata={"axes": axes}, photometric="minisblack", **kind)
    with pytest.raises(UnsupportedPictureError, match=rf"{name} \({axes[0]} = 3\).*projection"):
        read(path)


def test_a_stack_of_colour_pictures_is_refused(write_tiff: Tiff, read: Read, rgb: U8) -> None:
    with pytest.raises(UnsupportedPictureError, match="unknown meaning"):
        read(write_tiff(np.stack([rgb, 255 - rgb]), photometric="rgb"))


def test_pages_of_unknown_meaning_are_refused(
    tmp_path: Path, read: Read, gray: U8, write_tiff: Tiff
) -> None:
    write_tiff(gray, metadata=None)
    path = write_tiff(gray, metadata=None, append=True)
    with pytest.raises(UnsupportedPictureError, match="2 pages of unknown meaning"):
        read(path)


def test_several_fields_are_refused(write_tiff: Tiff, read: Read, gray: U8) -> None:
    write_tiff(gray, metadata=None)
    path = write_tiff(gray[:30, :45], metadata=None, append=True)
    with pytest.raises(UnsupportedPictureError, match=r"several pictures.*50 x 40, 45 x 30"):
        read(path)


def test_a_thumbnail_page_is_passed_over(write_tiff: Tiff, read: Read, gray: U8) -> None:
    write_tiff(gray, metadata=None)
    path = write_tiff(gray[:20, :20], metadata=None, append=True, subfiletype=1)
    np.testing.assert_array_equal(read(path).pixels[..., 0], gray)


def test_a_flat_pyramid_gives_its_finest_level(write_tiff: Tiff, read: Read, gray: U8) -> None:
    write_tiff(gray[::2, ::2], metadata=None)
    path = write_tiff(gray, metadata=None, append=True)
    np.testing.assert_array_equal(read(path).pixels[..., 0], gray)


def test_an_ome_pyramid_gives_its_finest_level(tmp_path: Path, read: Read) -> None:
    full = np.random.default_rng(4).integers(0, 256, (128, 96), dtype=np.uint8)
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(full, subifds=2, tile=(16, 16), metadata={"axes": "YX"})
        tif.write(full[::2, ::2], subfiletype=1, tile=(16, 16))
        tif.write(full[::4, ::4], subfiletype=1, tile=(16, 16))
    np.testing.assert_array_equal(read(path).pixels[..., 0], full)


def test_ome_channels_keep_their_names(write_tiff: Tiff, read: Read, twelve_bit: U16) -> None:
    stack = np.stack([twelve_bit, twelve_bit // 2])
    path = write_tiff(
        stack, ome=True, metadata={"axes": "CYX", "Channel": {"Name": ["Calcein", "EthD-1"]}}
    )
    image = read(path)
    np.testing.assert_array_equal(image.pixels, np.moveaxis(stack, 0, -1))
    assert image.channels == ("Calcein", "EthD-1")


def test_ome_places_of_channels_are_followed(
    write_tiff: Tiff, read: Read, gray: U8, ome_xml: Callable[..., str]
) -> None:
    inside = (
        '<Channel ID="Channel:0:0" Name="live"/><Channel ID="Channel:0:1" Name="dead"/>'
        '<TiffData IFD="0" FirstC="1"/><TiffData IFD="1" FirstC="0"/>'
    )
    write_tiff(gray, description=ome_xml(inside=inside, c=2), metadata=None)
    image = read(write_tiff(255 - gray, metadata=None, append="force"))
    assert image.channels == ("live", "dead")
    np.testing.assert_array_equal(image.pixels[..., 0], 255 - gray)
    np.testing.assert_array_equal(image.pixels[..., 1], gray)


def test_one_file_of_an_ome_set_is_refused(
    write_tiff: Tiff, read: Read, gray: U8, ome_xml: Callable[..., str]
) -> None:
    path = write_tiff(gray, description=ome_xml(c=3), metadata=None)
    with pytest.raises(UnreadablePictureError, match="3 channels, holds 1 page"):
        read(path)


def test_imagej_channels_are_read(write_tiff: Tiff, read: Read, gray: U8) -> None:
    stack = np.stack([gray, 255 - gray])
    path = write_tiff(stack, imagej=True, metadata={"axes": "CYX", "Labels": ["live", "dead"]})
    image = read(path)
    np.testing.assert_array_equal(image.pixels, np.moveaxis(stack, 0, -1))
    assert image.channels == ("live", "dead")


def test_channels_without_names_are_numbered(write_tiff: Tiff, read: Read, gray: U8) -> None:
    stack = np.stack([gray, 255 - gray])
    path = write_tiff(stack, metadata={"axes": "CYX"}, photometric="minisblack")
    assert read(path).channels == ("channel 1", "channel 2")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
def test_png_keeps_its_depth(write: Bytes, read: Read, dtype: Any, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(6).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    image = read(write("a.png", bytes(imagecodecs.png_encode(pixels))))
    np.testing.assert_array_equal(image.pixels.squeeze(), pixels)
    assert image.pixels.dtype == dtype
    assert image.full_scale == np.iinfo(dtype).max
    assert image.channels == (("gray",) if len(shape) == 2 else ("red", "green", "blue"))


def test_png_palette_becomes_colour(write: Bytes, read: Read, png_of: Callable[..., bytes]) -> None:
    palette = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255])
    data = png_of((3, 1), 8, 3, b"\0\2\1\0", {b"PLTE": palette})
    assert read(write("a.png", data)).pixels.tolist() == [[[0, 0, 255], [0, 255, 0], [255, 0, 0]]]


def test_png_of_4_bit_reaches_full_scale(
    write: Bytes, read: Read, png_of: Callable[..., bytes]
) -> None:
    image = read(write("a.png", png_of((2, 1), 4, 0, b"\0\x0f", {})))
    assert image.pixels[..., 0].tolist() == [[0, 255]]
    assert image.full_scale == 255


def test_png_of_1_bit_is_refused(write: Bytes, read: Read, png_of: Callable[..., bytes]) -> None:
    with pytest.raises(UnsupportedPictureError, match="1-bit PNG"):
        read(write("a.png", png_of((8, 1), 1, 0, b"\0\xa5", {})))


def test_animated_png_is_refused(write: Bytes, read: Read, png_of: Callable[..., bytes]) -> None:
    data = png_of((2, 1), 8, 0, b"\0\1\2", {b"acTL": bytes(8)})
    with pytest.raises(UnsupportedPictureError, match="animated"):
        read(write("a.png", data))


@pytest.mark.parametrize("channels", [1, 3])
def test_png_alpha_is_dropped_only_when_opaque(write: Bytes, read: Read, channels: int) -> None:
    pixels = np.random.default_rng(7).integers(0, 255, (9, 8, channels + 1), dtype=np.uint8)
    pixels[..., -1] = 255
    image = read(write("a.png", bytes(imagecodecs.png_encode(pixels))))
    np.testing.assert_array_equal(image.pixels, pixels[..., :-1])
    pixels[2, 2, -1] = 254
    with pytest.raises(UnsupportedPictureError, match="transparent"):
        read(write("b.png", bytes(imagecodecs.png_encode(pixels))))


def test_png_transparent_colour_is_refused_where_it_is_used(
    write: Bytes, read: Read, png_of: Callable[..., bytes]
) -> None:
    with pytest.raises(UnsupportedPictureError, match="transparent"):
        read(write("a.png", png_of((2, 1), 8, 0, b"\0\1\2", {b"tRNS": b"\0\2"})))


def test_jpeg_is_read_as_rgb(write: Bytes, read: Read) -> None:
    flat = np.full((32, 48, 3), (200, 40, 30), np.uint8)
    image = read(write("a.jpg", bytes(imagecodecs.jpeg8_encode(flat, level=95))))
    np.testing.assert_allclose(image.pixels, flat, atol=3)


def test_gray_jpeg_has_one_channel(write: Bytes, read: Read) -> None:
    flat = np.full((32, 48), 77, np.uint8)
    image = read(write("a.jpg", bytes(imagecodecs.jpeg8_encode(flat))))
    assert image.channels == ("gray",)
    assert image.shape_yx == (32, 48)


def test_cmyk_jpeg_is_refused(write: Bytes, read: Read) -> None:
    encoded = imagecodecs.jpeg8_encode(
        np.zeros((16, 16, 4), np.uint8), colorspace="CMYK", outcolorspace="CMYK"
    )
    with pytest.raises(UnsupportedPictureError, match="CMYK"):
        read(write("a.jpg", bytes(encoded)))


# Where the bright corner of the stored picture (top left) is seen, EXIF 2.3 table 5.
SEEN_AT = {
    1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
    5: ("top", "left"), 6: ("top", "right"), 7: ("bottom", "right"), 8: ("bottom", "left"),
}  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_is_turned_upright_by_exif(
    write: Bytes,
    read: Read,
    jpeg_with: Callable[..., bytes],
    exif_of: Callable[..., bytes],
    orientation: int,
) -> None:
    stored = np.zeros((32, 64), np.uint8)
    stored[:8, :8] = 255
    image = read(write("a.jpg", jpeg_with(stored, (0xE1, exif_of(orientation)))))
    assert image.shape_yx == ((32, 64) if orientation < 5 else (64, 32))
    half = [side // 2 for side in image.shape_yx]
    y, x = np.argwhere(image.pixels[..., 0] > 128).mean(axis=0)
    seen = ("top" if y < half[0] else "bottom", "left" if x < half[1] else "right")
    assert seen == SEEN_AT[orientation]
    assert image.pixels.flags.c_contiguous


@pytest.mark.parametrize("frame", [0xC3, 0xC9])
def test_uncommon_jpegs_are_refused_by_name(write: Bytes, read: Read, gray: U8, frame: int) -> None:
    data = bytes(imagecodecs.jpeg8_encode(gray))
    data = data.replace(b"\xff\xc0", bytes((0xFF, frame)), 1)
    with pytest.raises(UnsupportedPictureError, match=r"lossless|arithmetic"):
        read(write("a.jpg", data))


def test_the_pixel_size_of_imagej_comes_from_its_unit(
    write_tiff: Tiff, read: Read, gray: U8
) -> None:
    path = write_tiff(gray, imagej=True, resolution=(1 / 0.645, 1 / 0.645), metadata={"unit": "um"})
    image = read(path, pixel_size_um=None)
    assert image.um_per_px == pytest.approx(0.645)
    assert image.um_per_px_source == "ImageJ"


def test_imagej_dpi_of_an_imported_picture_is_no_pixel_size(
    write_tiff: Tiff, read: Read, gray: U8
) -> None:
    path = write_tiff(gray, imagej=True, resolution=(72, 72), metadata={"unit": "inch"})
    with pytest.raises(PixelSizeUnknownError, match="72 dpi in ImageJ"):
        read(path, pixel_size_um=None)


@pytest.mark.parametrize(
    ("attributes", "um"),
    [
        ('PhysicalSizeX="0.645" PhysicalSizeY="0.645"', 0.645),
        ('PhysicalSizeX="645" PhysicalSizeY="645" PhysicalSizeXUnit="nm" '
         'PhysicalSizeYUnit="nm"', 0.645),
        ('PhysicalSizeX="0.002" PhysicalSizeY="0.002" PhysicalSizeXUnit="mm" '
         'PhysicalSizeYUnit="mm"', 2.0),
    ],
)  # fmt: skip
def test_the_pixel_size_of_ome_comes_with_its_unit(
    write_tiff: Tiff,
    read: Read,
    gray: U8,
    ome_xml: Callable[..., str],
    attributes: str,
    um: float,
) -> None:
    path = write_tiff(gray, description=ome_xml(attributes), metadata=None)
    image = read(path, pixel_size_um=None)
    assert image.um_per_px == pytest.approx(um)
    assert image.um_per_px_source == "OME-XML"


def test_ome_pixels_without_length_are_unknown(
    write_tiff: Tiff, read: Read, gray: U8, ome_xml: Callable[..., str]
) -> None:
    text = ome_xml('PhysicalSizeX="1" PhysicalSizeY="1" PhysicalSizeXUnit="pixel"')
    with pytest.raises(PixelSizeUnknownError):
        read(write_tiff(gray, description=text, metadata=None), pixel_size_um=None)


def test_the_pixel_size_of_metaxpress_is_read(
    write_tiff: Tiff, read: Read, twelve_bit: U16, metaxpress_text: Callable[..., str]
) -> None:
    path = write_tiff(twelve_bit, description=metaxpress_text(), metadata=None)
    image = read(path, pixel_size_um=None)
    assert (image.um_per_px, image.um_per_px_source) == (1.3622, "MetaXpress")


def test_metaxpress_without_calibration_is_unknown(
    write_tiff: Tiff, read: Read, gray: U8, metaxpress_text: Callable[..., str]
) -> None:
    for text in (metaxpress_text("1", "1", state="off"), metaxpress_text("1", "1", unit="pixel")):
        with pytest.raises(PixelSizeUnknownError):
            read(write_tiff(gray, description=text, metadata=None), pixel_size_um=None)


@pytest.mark.parametrize(
    ("description", "tags", "source"),
    [
        ("Aperio Image Library|AppMag = 20|MPP = 0.499|Left = 1", [], "Aperio MPP"),
        ("", [(51123, 2, 0, '{"PixelSizeUm": 0.499}', True)], "Micro-Manager"),
    ],
)
def test_other_instruments_sizes_are_read(
    write_tiff: Tiff,
    read: Read,
    gray: U8,
    description: str,
    tags: list[tuple[int, int, int, str, bool]],
    source: str,
) -> None:
    path = write_tiff(gray, description=description, extratags=tags, metadata=None)
    image = read(path, pixel_size_um=None)
    assert (image.um_per_px, image.um_per_px_source) == (0.499, source)


@pytest.mark.parametrize(
    ("resolution", "unit", "um"),
    [((5080.4, 5080.4), "INCH", 25400 / 5080.4), ((20000, 20000), "CENTIMETER", 0.5)],
)
def test_a_resolution_tag_with_a_real_unit_is_read(
    write_tiff: Tiff,
    read: Read,
    gray: U8,
    resolution: tuple[float, float],
    unit: str,
    um: float,
) -> None:
    path = write_tiff(gray, resolution=resolution, resolutionunit=unit)
    image = read(path, pixel_size_um=None)
    assert image.um_per_px == pytest.approx(um)
    assert image.um_per_px_source == "TIFF resolution"


@pytest.mark.parametrize("options", [{}, {"resolution": (1, 1), "resolutionunit": "NONE"}])
def test_a_resolution_without_unit_is_never_one_micrometre(
    write_tiff: Tiff, read: Read, gray: U8, options: dict[str, Any]
) -> None:
    with pytest.raises(PixelSizeUnknownError):
        read(write_tiff(gray, **options), pixel_size_um=None)


def test_tags_against_ome_are_refused(
    write_tiff: Tiff, read: Read, gray: U8, ome_xml: Callable[..., str]
) -> None:
    text = ome_xml('PhysicalSizeX="0.645" PhysicalSizeY="0.645"')
    path = write_tiff(
        gray,
        description=text,
        metadata=None,
        resolution=(20000, 20000),
        resolutionunit="CENTIMETER",
    )
    with pytest.raises(PixelSizeUnknownError, match=r"OME-XML says 0\.645 um, but TIFF resolution"):
        read(path, pixel_size_um=None)


def test_png_phys_is_read_and_print_resolution_refused(
    write: Bytes, read: Read, png_of: Callable[..., bytes]
) -> None:
    def png(per_metre: int) -> bytes:
        phys = per_metre.to_bytes(4, "big") * 2 + b"\1"
        return png_of((2, 1), 8, 0, b"\0\1\2", {b"pHYs": phys})

    image = read(write("a.png", png(1_000_000)), pixel_size_um=None)
    assert (image.um_per_px, image.um_per_px_source) == (1.0, "PNG pHYs")
    with pytest.raises(PixelSizeUnknownError, match=r"72\.01 dpi in PNG pHYs"):
        read(write("b.png", png(2835)), pixel_size_um=None)


def test_jpeg_dpi_is_no_pixel_size(
    write: Bytes,
    read: Read,
    gray: U8,
    jpeg_with: Callable[..., bytes],
    exif_of: Callable[..., bytes],
) -> None:
    data = jpeg_with(gray, (0xE1, exif_of(dpi=(300, 1))))
    with pytest.raises(PixelSizeUnknownError, match="300 dpi in EXIF"):
        read(write("a.jpg", data), pixel_size_um=None)


def test_jpeg_density_of_a_microscope_is_read(
    write: Bytes,
    read: Read,
    gray: U8,
    jpeg_with: Callable[..., bytes],
    exif_of: Callable[..., bytes],
) -> None:
    data = jpeg_with(gray, (0xE1, exif_of(dpi=(127001, 10))))
    image = read(write("a.jpg", data), pixel_size_um=None)
    assert image.um_per_px == pytest.approx(25400 / 12700.1)
    assert image.um_per_px_source == "EXIF resolution"


def test_a_given_size_shows_the_contradiction(
    write_tiff: Tiff, read: Read, gray: U8, metaxpress_text: Callable[..., str]
) -> None:
    path = write_tiff(gray, description=metaxpress_text(), metadata=None)
    image = read(path, pixel_size_um=2.0, pixel_size_source="sheet")
    assert image.um_per_px == 2.0
    assert image.um_per_px_source == "sheet (file says 1.362 from MetaXpress)"


def test_errors_name_the_file(write_tiff: Tiff, gray: U8) -> None:
    path = write_tiff(gray, name="well A1.tif")
    with pytest.raises(PixelSizeUnknownError, match=r"well A1\.tif: pixel size unknown"):
        picture.read(path, stain="brightfield")


def test_a_larger_picture_than_allowed_is_refused(write_tiff: Tiff, read: Read, gray: U8) -> None:
    path = write_tiff(gray)
    assert read(path, max_megapixels=0.002).shape_yx == (40, 50)
    with pytest.raises(PictureTooLargeError, match=r"50 x 40.*max_megapixels"):
        read(path, max_megapixels=0.00199)


def test_describe_tells_what_read_would_give(write_tiff: Tiff, read: Read, twelve_bit: U16) -> None:
    path = write_tiff(
        np.stack([twelve_bit] * 2),
        ome=True,
        metadata={"axes": "CYX", "PhysicalSizeX": 2.0, "PhysicalSizeY": 2.0},
    )
    facts, image = picture.describe(path), read(path, pixel_size_um=None)
    assert facts.problem == ""
    assert (facts.form, facts.pages) == ("OME-TIFF", 2)
    assert facts.shape == image.pixels.shape
    assert (facts.dtype, facts.channels) == ("uint16", image.channels)
    assert (facts.um_per_px, facts.um_per_px_source) == (2.0, "OME-XML")


def test_describe_gives_the_problem_instead_of_raising(
    write_tiff: Tiff, write: Bytes, gray: U8
) -> None:
    unknown = picture.describe(write_tiff(gray))
    assert unknown.shape == (40, 50, 1)
    assert unknown.um_per_px is None
    assert "pixel size unknown" in unknown.problem
    assert "empty" in picture.describe(write("b.tif", b"")).problem


def metamorph_stk(path: Path, planes: int) -> None:
    """Give a TIFF the private tags of a MetaMorph stack: 0.645 um, ``planes`` planes in one page.

    UIC1 holds pairs of a key and an offset (4 and 5: calibration as a fraction, 6: its unit).
    """
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as tif:
        keys, stamps = (tif.pages.first.tags[code] for code in (33628, 33629))
        at, key_at, stamp_at = keys.valueoffset, keys.offset, stamps.offset
    fraction, unit = len(data), len(data) + 8
    data += struct.pack("<II", 645, 1000) + struct.pack("<I", 3) + b"um\0"
    struct.pack_into("<6I", data, at, 4, fraction, 5, fraction, 6, unit)
    struct.pack_into("<I", data, key_at + 4, 3)
    struct.pack_into("<I", data, stamp_at + 4, planes)
    path.write_bytes(data)


STK_TAGS = [(33628, 4, 6, (0,) * 6, True), (33629, 5, 6, (1,) * 12, True)]


def test_the_pixel_size_of_metamorph_stk_is_read(write_tiff: Tiff, read: Read, gray: U8) -> None:
    path = write_tiff(gray, name="a.stk", extratags=STK_TAGS, metadata=None, byteorder="<")
    metamorph_stk(path, planes=1)
    image = read(path, pixel_size_um=None)
    assert (image.um_per_px, image.um_per_px_source) == (0.645, "MetaMorph STK")
    np.testing.assert_array_equal(image.pixels[..., 0], gray)


def test_a_metamorph_stack_is_refused(write_tiff: Tiff, read: Read, gray: U8) -> None:
    path = write_tiff(gray, name="a.stk", extratags=STK_TAGS, metadata=None, byteorder="<")
    metamorph_stk(path, planes=2)
    with pytest.raises(UnsupportedPictureError, match=r"Z stack \(Z = 2\)"):
        read(path)


def test_the_pixel_size_of_olympus_tiff_is_read(write_tiff: Tiff, read: Read, gray: U8) -> None:
    # The block as tifffile knows it: a directory of one entry, and sizes with their exponent.
    head = struct.pack("<4s6xhhhhh6x32sH", b"SIS0", 0, 0, 1, 0, 124, b"cellSens", 1)
    size = 60 + 8 + 112
    path = write_tiff(gray, extratags=[(33560, 7, size, bytes(size), True)], metadata=None)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        at = tif.pages.first.tags[33560].valueoffset
    sizes = struct.pack("<10xhdd8xd2x34s32s", -9, 645.0, 645.0, 10.0, b"SC30", b"")
    data[at : at + size] = head + struct.pack("<hhI", 1, 1, at + 68) + sizes
    path.write_bytes(data)
    image = read(path, pixel_size_um=None)
    assert image.um_per_px == pytest.approx(0.645)
    assert image.um_per_px_source == "Olympus SIS"
