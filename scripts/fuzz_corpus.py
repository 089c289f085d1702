"""Small sound pictures of every format that is read, and ways to damage them.

A sample is a mapping from file names to bytes: one file, or the files of an OME-Zarr folder. All
randomness comes from the generator that is handed in.
"""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
import zarr
from fuzz_nd2 import nd2
from fuzz_ndpi import ndpi
from numpy.typing import NDArray

Sample = Mapping[str, bytes]
# Drawn with pylibCZIrw; tests/load/test_formats.py holds them against their formula.
_FILES = Path(__file__).parents[1] / "tests" / "load" / "files"
_LIF_MEMORY = "MemBlock_{}"
_BORDER_VALUES = (0, 1, 0x7F, 0x80, 0xFF)
_ABSURD = (0, 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
# Ids of the types that a TIFF tag can have, and one that none has.
_TAG_TYPES = (1, 2, 3, 4, 5, 9, 11, 12, 13, 16, 18, 99)


def noise(*shape: int, top: int = 256, dtype: Any = np.uint8) -> NDArray[Any]:
    """Give the same noise for the same shape."""
    return np.random.default_rng(9).integers(0, top, shape, dtype=dtype)


def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    """TIFF by tifffile."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def lif(
    images: Mapping[str, NDArray[Any]], *, um_per_px: float = 1.5, tags: tuple[int, ...] = ()
) -> bytes:
    """Leica LIF by hand: (C, Y, X) or (Z, C, Y, X) uint8 or uint16, by name.

    With ``tags`` pictures are colours (Y, X, 3); they say what each sample is: red 1, green 2,
    blue 3.
    """
    elements = "".join(
        _lif_element(number, name, pixels, um_per_px, tags)
        for number, (name, pixels) in enumerate(images.items())
    )
    head = (
        '<LMSDataContainerHeader Version="2"><Element Name="Project" Visibility="1"><Data/>'
        f'<Memory Size="0" MemoryBlockID="none"/><Children>{elements}</Children></Element>'
        "</LMSDataContainerHeader>"
    ).encode("utf-16-le")
    data = struct.pack("<IIBI", 0x70, len(head) + 5, 0x2A, len(head) // 2) + head
    for number, pixels in enumerate(images.values()):
        raw, name = pixels.tobytes(), _LIF_MEMORY.format(number)
        data += struct.pack("<IIBQBI", 0x70, 14 + 2 * len(name), 0x2A, len(raw), 0x2A, len(name))
        data += name.encode("utf-16-le") + raw
    return data


def _lif_element(
    number: int, name: str, pixels: NDArray[Any], um_per_px: float, tags: tuple[int, ...]
) -> str:
    *stack, channels, height, width = np.moveaxis(pixels, -1, 0).shape if tags else pixels.shape
    size, plane = pixels.itemsize, pixels.itemsize * width * height
    step = size * len(tags) or size
    sides = [(1, width, step), (2, height, step * width)]
    if stack:
        sides.append((3, stack[0], size * width * height * channels))
    axes = "".join(
        f'<DimensionDescription DimID="{axis}" NumberOfElements="{n}" Origin="0" '
        f'Length="{(n - 1) * um_per_px * 1e-6:.9e}" Unit="m" BitInc="0" BytesInc="{step}"/>'
        for axis, n, step in sides
    )
    descriptions = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="{tags[k] if tags else 0}" '
        f'Resolution="{8 * size}" Min="0" Max="1" Unit="" NameOfMeasuredQuantity="" '
        f'LUTName="Lut {k}" IsLUTInverted="0" BytesInc="{k * (size if tags else plane)}" '
        'BitInc="0"/>'
        for k in range(channels)
    )
    return (
        f'<Element Name="{name}" Visibility="1"><Data><Image TextDescription=""><ImageDescription>'
        f"<Channels>{descriptions}</Channels><Dimensions>{axes}</Dimensions></ImageDescription>"
        f'</Image></Data><Memory Size="{pixels.nbytes}" '
        f'MemoryBlockID="{_LIF_MEMORY.format(number)}"/><Children/></Element>'
    )


def ome_zarr(
    pixels: NDArray[Any], axes: str, *, version: str = "0.5", um_per_px: float = 1.5, **array: Any
) -> Sample:
    """Files of an OME-Zarr of one level by zarr; version 0.4 or 0.5."""
    three = version == "0.5"
    scales: dict[str, Any] = {
        "version": version,
        "name": "drawn",
        "axes": [_zarr_axis(letter) for letter in axes],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [um_per_px if a in "yxz" else 1.0 for a in axes]}
                ],
            }
        ],
    }
    multiscales: dict[str, Any] = {"multiscales": [scales]}
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        group = zarr.open_group(str(top), mode="w", zarr_format=3 if three else 2)
        made = group.create_array("0", data=pixels, **array)
        assert made.shape == pixels.shape
        group.attrs.update({"ome": multiscales} if three else multiscales)
        return {
            p.relative_to(top).as_posix(): p.read_bytes() for p in sorted(top.rglob("*"))
            if p.is_file()
        }  # fmt: skip


def _zarr_axis(letter: str) -> dict[str, str]:
    if letter in "zyx":
        return {"name": letter, "type": "space", "unit": "micrometer"}
    return {"name": letter, "type": "time" if letter == "t" else "channel"}


def samples() -> dict[str, Sample]:
    """Sound pictures by name; the name of a folder ends in ``.zarr``."""
    rgb, gray = noise(48, 60, 3), noise(48, 60)
    deep = noise(48, 60, top=4000, dtype=np.uint16)
    single = {
        "plain.tif": tiff(gray),
        "deep.tif": tiff(deep, resolution=(6666, 6666), resolutionunit="CENTIMETER"),
        "float.tif": tiff(gray.astype(np.float32) / 255),
        "strips.tif": tiff(gray, rowsperstrip=5),
        "tiles.tif": tiff(rgb, photometric="rgb", compression="zlib", tile=(16, 16)),
        "lzw.tif": tiff(rgb, photometric="rgb", compression="lzw", predictor=True),
        "planar.tif": tiff(
            np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate", compression="zstd"
        ),
        "jpeg.tif": tiff(rgb, photometric="rgb", compression="jpeg"),
        "jpeg2000.tif": tiff(rgb, photometric="rgb", compression="jpeg2000"),
        "packbits.tif": tiff(gray, compression="packbits"),
        "lzma.tif": tiff(gray, compression="lzma"),
        "big.tif": tiff(gray, bigtiff=True, byteorder=">"),
        "palette.tif": tiff(gray, photometric="palette", colormap=noise(3, 256, dtype=np.uint16)),
        "ome.tif": tiff(
            np.stack([deep, deep[::-1]]),
            ome=True,
            metadata={"axes": "CYX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0},
        ),
        "imagej.tif": tiff(np.stack([deep] * 2), imagej=True, metadata={"axes": "CYX"}),
        "gray.png": bytes(imagecodecs.png_encode(gray)),
        "rgb.png": bytes(imagecodecs.png_encode(rgb)),
        "deep.png": bytes(imagecodecs.png_encode(deep)),
        "rgb.jpg": bytes(imagecodecs.jpeg8_encode(rgb)),
        "gray.jpg": bytes(imagecodecs.jpeg8_encode(gray)),
        "colour.lif": lif({"plane": rgb}, tags=(3, 2, 1)),
        "one.lif": lif({"plane": np.stack([gray, gray[::-1]])}),
        "two.lif": lif({"stack": noise(3, 1, 20, 30), "plane": deep[None]}),
        "tiles.svs": tiff(
            noise(256, 256, 3),
            photometric="rgb",
            tile=(128, 128),
            compression="jpeg",
            description="Aperio Image Library v12|AppMag = 20|MPP = 0.5",
            metadata=None,
        ),
        "head.nd2": b"\xda\xce\xbe\x0a" + bytes(noise(400)),
        "colour.nd2": nd2(rgb[None], colour=True, channels=["Brightfield"]),
        "places.nd2": nd2(np.stack([rgb, rgb]), channels=["a", "b", "c"], loop="positions"),
        "packed.nd2": nd2(deep[None, ..., None], channels=["Mono"], lossless=True),
        "head.vsi": tiff(gray),
        "levels.ndpi": ndpi({20.0: rgb, 5.0: rgb[::4, ::4]}),
        "colour.czi": (_FILES / "colour.czi").read_bytes(),
        "scenes.czi": (_FILES / "scenes.czi").read_bytes(),
    }
    folders = {
        "new.zarr": ome_zarr(gray[None], "cyx", chunks=(1, 16, 20)),
        "old.zarr": ome_zarr(np.stack([deep] * 2), "cyx", version="0.4", chunks=(1, 48, 60)),
        "shards.zarr": ome_zarr(gray, "yx", chunks=(16, 20), shards=(48, 60)),
    }
    return {name: {name: data} for name, data in single.items()} | folders


def mutated(sample: Sample, others: Mapping[str, Sample], rng: np.random.Generator) -> Sample:
    """Damage one file of a sample in one to three ways."""
    names = sorted(sample)
    name = names[int(rng.integers(len(names)))]
    data = sample[name]
    for _ in range(int(rng.integers(1, 4))):
        data = _damage(data, others, rng)
    found = {**sample, name: data}
    if len(names) > 1 and rng.random() < 0.05:
        del found[name]
    return found


def _damage(data: bytes, others: Mapping[str, Sample], rng: np.random.Generator) -> bytes:
    ways: tuple[Callable[..., bytes], ...]
    ways = (_cut, _flip, _flip_head, _absurd, _splice, _repeat)
    if data[:4] in (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+"):
        ways = (*ways, _tag, _tag, _tag, _circle)
    elif data[:1] in (b"{", b"<"):
        ways = (_number, _number, _cut, _flip, _splice)
    elif data.startswith(b"\x89PNG"):
        ways = (*ways, _png_chunk, _png_chunk)
    way: Callable[..., bytes] = ways[int(rng.integers(len(ways)))]
    return _splice(data, others, rng) if way is _splice else way(data, rng=rng, others=others)


def _cut(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    return data[: int(rng.integers(0, len(data) + 1))]


def _flip(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    changed = bytearray(data)
    for at in rng.integers(0, len(data), int(rng.integers(1, 9))) if data else ():
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _flip_head(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    changed = bytearray(data)
    for at in rng.integers(0, min(len(data), 400), 3) if data else ():
        changed[at] = int(rng.choice(_BORDER_VALUES))
    return bytes(changed)


def _absurd(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    """Put an absurd number of 2, 4 or 8 bytes somewhere."""
    size = int(rng.choice([2, 4, 8]))
    if len(data) < size:
        return data
    at = int(rng.integers(0, len(data) - size + 1))
    value = int(rng.choice(_ABSURD)) * (2 ** int(rng.choice([0, 31])) if size == 8 else 1)
    raw = int(value % 256**size).to_bytes(size, "little" if rng.random() < 0.7 else "big")
    return data[:at] + raw + data[at + size :]


def _splice(data: bytes, others: Mapping[str, Sample], rng: np.random.Generator) -> bytes:
    """Follow the head of one file with the tail of another."""
    other = others[sorted(others)[int(rng.integers(len(others)))]]
    tail = other[sorted(other)[int(rng.integers(len(other)))]]
    at, start = int(rng.integers(0, len(data) + 1)), int(rng.integers(0, len(tail) + 1))
    return data[:at] + tail[start:]


def _repeat(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    at, length = int(rng.integers(0, len(data) + 1)), int(rng.integers(1, 200))
    return data[:at] + data[at : at + length] * int(rng.integers(1, 5)) + data[at:]


def _number(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    """Replace a number in a text by an absurd one."""
    places = [k for k, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return data
    at = places[int(rng.integers(len(places)))]
    values = (b"-1", b"0", b"1e99", b"null", b'"x"', b"[]", b"NaN", b"4294967296", b"99999")
    return data[:at] + values[int(rng.integers(len(values)))] + data[at + 1 :]


def _png_chunk(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    """Change the head of a PNG and make its checksum right again."""
    if len(data) < 33:
        return data
    head = bytearray(data[16:29])
    if rng.random() < 0.5:
        head[8 + int(rng.integers(5))] = int(rng.choice([0, 1, 2, 3, 4, 6, 8, 16, 255]))
    else:
        at = int(rng.choice([0, 4]))
        head[at : at + 4] = struct.pack(">I", int(rng.choice([*_ABSURD, 40, 70, 5000])))
    body = b"IHDR" + bytes(head)
    return data[:12] + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


def _first_directory(data: bytes) -> tuple[str, int, int, int, str]:
    """Byte order, place of the entries, their number and size, and the format of an offset."""
    order = "<" if data[:2] == b"II" else ">"
    if 43 in data[2:4]:
        (start,) = struct.unpack_from(order + "Q", data, 8)
        (count,) = struct.unpack_from(order + "Q", data, start)
        return order, start + 8, count, 20, order + "Q"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    return order, start + 2, count, 12, order + "I"


def _tag(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    """Change type, count or value of one TIFF tag."""
    changed = bytearray(data)
    try:
        order, first, count, size, offset = _first_directory(data)
        at = first + size * int(rng.integers(0, max(1, min(count, 60))))
        which = int(rng.integers(3))
        value = int(rng.choice([*_ABSURD, *rng.integers(0, 2**16, 3)]))
        if which == 0:
            struct.pack_into(order + "H", changed, at + 2, int(rng.choice(_TAG_TYPES)))
        elif which == 1:
            struct.pack_into(offset, changed, at + 4, value)
        else:
            struct.pack_into(offset, changed, at + 4 + struct.calcsize(offset), value)
    except (struct.error, OverflowError):
        return data
    return bytes(changed)


def _circle(data: bytes, *, rng: np.random.Generator, **_: object) -> bytes:
    """Lead the chain of TIFF directories back, or anywhere."""
    changed = bytearray(data)
    try:
        first, count, size, offset = _first_directory(data)[1:]
        back = first - (8 if size == 20 else 2)
        target = back if rng.random() < 0.5 else int(rng.integers(0, len(data)))
        struct.pack_into(offset, changed, first + size * count, target)
    except (struct.error, OverflowError):
        return data
    return bytes(changed)
