"""Microscopes' own formats: drawn files of known content, and one that an instrument wrote.

``files/*.czi`` were drawn with pylibCZIrw 6.1.0, an independent writer, by the formula in
``czi_colour``; LIF files are written by hand and OME-Zarr by zarr, in scripts/fuzz_corpus.py.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fuzz_corpus as corpus
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import Result

from isletqc.errors import (
    PictureTooLargeError,
    UnreadablePictureError,
    UnsupportedPictureError,
)
from isletqc.load import answer, foreign, location, picture
from isletqc.load.answer import Answer
from isletqc.load.pixel_size import Claim
from isletqc.records import Image

FILES = Path(__file__).parent / "files"
Read = Callable[..., Image]
Cli = Callable[..., Result]


def plain(path: Path) -> Image:
    return picture.read(path, stain="brightfield")


def noise(*shape: int, top: int = 256, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(4).integers(0, top, shape, dtype=dtype)


def folder_of(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


# Leica LIF


def test_a_lif_of_one_picture_is_read_with_its_pixel_size_and_channels(tmp_path: Path) -> None:
    pixels = noise(2, 20, 31, top=4000, dtype=np.uint16)
    (tmp_path / "a.lif").write_bytes(corpus.lif({"plane": pixels}, um_per_px=1.25))
    image = plain(tmp_path / "a.lif")
    np.testing.assert_array_equal(image.pixels, np.moveaxis(pixels, 0, -1))
    assert image.um_per_px == pytest.approx(1.25, rel=1e-6)
    assert image.um_per_px_source == "Leica LIF"
    assert image.channels == ("Lut 0", "Lut 1")
    assert image.sha256 == hashlib.sha256((tmp_path / "a.lif").read_bytes()).hexdigest()
    assert picture.identity(tmp_path / "a.lif") == image.sha256


@pytest.mark.parametrize("tags", [(1, 2, 3), (3, 2, 1)])
def test_a_colour_lif_comes_out_as_red_green_blue(tmp_path: Path, tags: tuple[int, ...]) -> None:
    rgb = noise(20, 32, 3)
    stored = np.ascontiguousarray(rgb[..., [tag - 1 for tag in tags]])
    (tmp_path / "a.lif").write_bytes(corpus.lif({"plane": stored}, tags=tags))
    image = plain(tmp_path / "a.lif")
    np.testing.assert_array_equal(image.pixels, rgb)
    assert image.channels == ("red", "green", "blue")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A LIF of a Z stack and two planes."""
    images = {"stack": noise(3, 1, 20, 30), "left": noise(1, 20, 30), "right": noise(1, 24, 30)}
    (tmp_path / "two.lif").write_bytes(corpus.lif(images))
    return tmp_path / "two.lif"


def test_a_series_is_chosen_by_name_or_by_number(two: Path) -> None:
    named, numbered = plain(Path(f"{two}#right")), plain(Path(f"{two}#3"))
    np.testing.assert_array_equal(named.pixels[:, :, 0], noise(1, 24, 30)[0])
    np.testing.assert_array_equal(numbered.pixels, named.pixels)
    whole = hashlib.sha256(two.read_bytes() + b"#3").hexdigest()
    assert (named.sha256, numbered.sha256) == (whole, whole)
    assert plain(Path(f"{two}#left")).sha256 != whole


def test_without_a_choice_the_series_are_listed(two: Path) -> None:
    with pytest.raises(UnsupportedPictureError, match=r"FILE#NAME.*1 'stack'.*2 'left'.*3 'right'"):
        plain(two)
    assert len(picture.describe(two).series) == 3


@pytest.mark.parametrize("wanted", ["4", "0", "middle", "-1"])
def test_a_series_that_is_not_there_is_refused(two: Path, wanted: str) -> None:
    with pytest.raises(UnsupportedPictureError, match=r"no series|several pictures"):
        plain(Path(f"{two}#{wanted}"))


def test_a_stack_is_refused_by_name(two: Path) -> None:
    with pytest.raises(UnsupportedPictureError, match=r"Z stack \(Z = 3\)"):
        plain(Path(f"{two}#stack"))


def test_a_lif_that_is_cut_short_is_refused(two: Path) -> None:
    two.write_bytes(two.read_bytes()[:-50])
    with pytest.raises(UnreadablePictureError, match="Leica LIF"):
        plain(Path(f"{two}#right"))


@pytest.mark.real
def test_the_plane_of_an_instrument_s_lif_is_read_and_its_stack_refused(real_data: Path) -> None:
    path = real_data / "real_files" / "Example_2D-3D.lif"
    image = plain(Path(f"{path}#2D"))
    assert image.shape_yx == (180, 162)
    assert image.channels == ("Blue", "Green", "Red")
    # Length of the X axis in the file's XML, over the steps between its pixels.
    assert image.um_per_px == pytest.approx(60.68835 / 161, rel=1e-6)
    assert int(image.pixels.max()) == 255
    with pytest.raises(UnsupportedPictureError, match="Z stack"):
        plain(Path(f"{path}#3D"))


# Zeiss CZI and Aperio SVS


def czi_colour() -> NDArray[np.int64]:
    """(48, 60, 3) of the formula that the files were drawn with; CZI stores blue first."""
    y, x, c = np.mgrid[:48, :60, :3]
    found: NDArray[np.int64] = (5 * y + 3 * x + 70 * c) % 256
    return found


def test_a_colour_czi_comes_out_as_red_green_blue() -> None:
    image = plain(FILES / "colour.czi")
    # czifile 2019.7.2 reads the file so too.
    np.testing.assert_array_equal(image.pixels, czi_colour()[:, :, ::-1])
    assert image.channels == ("red", "green", "blue")
    assert image.um_per_px == pytest.approx(1.5)


def packed_by_jpeg_xr(data: bytes) -> bytes:
    """Pack the only block of a CZI without loss, as Zeiss marks it: 24 bit, blue first."""
    rgb = czi_colour()[:, :, ::-1].astype(np.uint8)
    block = bytearray(imagecodecs.jpegxr_encode(np.ascontiguousarray(rgb), level=1.0))
    form = bytes.fromhex("24c3dd6f034efe4bb1853d77768dc9")  # all but the last byte of 24 bit RGB
    block[block.index(form) + len(form)] = 0x0C
    found = bytearray(data)
    head = found.index(b"ZISRAWSUBBLOCK") + 32
    entry, stored = head + 16, bytes(czi_colour().astype(np.uint8).tobytes())
    at = found.index(stored)
    found[at : at + len(stored)] = bytes(block).ljust(len(stored), b"\0")
    struct.pack_into("<q", found, head + 8, len(block))
    for place in (entry, found.index(b"ZISRAWDIRECTORY") + 32 + 128):
        assert found[place : place + 2] == b"DV"
        struct.pack_into("<i", found, place + 18, 4)
    return bytes(found)


def test_a_colour_czi_packed_by_jpeg_xr_comes_out_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.czi").write_bytes(packed_by_jpeg_xr((FILES / "colour.czi").read_bytes()))
    image = plain(tmp_path / "a.czi")
    np.testing.assert_array_equal(image.pixels, czi_colour()[:, :, ::-1])


def test_a_scene_of_a_czi_is_read_with_its_channels() -> None:
    image = plain(Path(f"{FILES / 'scenes.czi'}#2"))
    np.testing.assert_array_equal(image.pixels, czi_colour()[:, :, :2] * 16 + 1)
    assert image.channels == ("DAPI", "FITC")
    assert image.um_per_px == pytest.approx(0.5)
    with pytest.raises(UnsupportedPictureError, match="several pictures"):
        plain(FILES / "scenes.czi")


def test_an_svs_is_read_at_full_resolution(tmp_path: Path) -> None:
    pixels = noise(256, 256, 3)
    text = "Aperio Image Library v12|AppMag = 20|MPP = 0.5"
    data = corpus.tiff(
        pixels, photometric="rgb", tile=(128, 128), compression="zlib", description=text,
        metadata=None,
    )  # fmt: skip
    (tmp_path / "a.svs").write_bytes(data)
    image = plain(tmp_path / "a.svs")
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.um_per_px == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.lif", b"\x70\0\0\0\x2d"),
        ("a.czi", b"ZISRAWFILE" + bytes(50)),
        ("a.nd2", b"\xda\xce\xbe\x0a" + bytes(200)),
        ("a.vsi", b"II*\0" + bytes(50)),
        ("a.ndpi", b"II*\0\x08\0\0\0" + b"\xff" * 50),
        ("a.svs", b"MM\0*" + bytes(50)),
        ("b.lif", b"PK\x03\x04"),
        ("b.nd2", b"image,lot\n"),
        ("c.czi", b""),
    ],
)
def test_bad_bytes_under_a_microscope_s_name_are_one_error(
    write: Callable[[str, bytes], Path], read: Read, name: str, data: bytes
) -> None:
    with pytest.raises(UnreadablePictureError, match=rf"{name}: "):
        read(write(name, data))


# OME-Zarr


def asked(path: Path) -> Answer:
    """Read in this process, which is faster; the problem is raised."""
    found = answer.ask(
        path, "OME-Zarr", wanted="", max_megapixels=400, before_pixels=lambda head: None
    )
    if found.problem is not None:
        raise found.problem
    return found


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yx", "cyx", "tczyx"])
def test_an_ome_zarr_is_read_as_written(tmp_path: Path, version: str, axes: str) -> None:
    sizes = {"t": 1, "c": 2, "z": 1, "y": 33, "x": 40}
    pixels = noise(*(sizes[a] for a in axes), top=4000, dtype=np.uint16)
    chunks = tuple(min(sizes[a], 16) for a in axes)
    files = corpus.ome_zarr(pixels, axes, version=version, um_per_px=0.75, chunks=chunks)
    found = asked(folder_of(tmp_path / "a.zarr", files))
    assert found.pixels is not None
    assert found.head is not None
    expected = np.moveaxis(pixels.reshape(-1, 33, 40), 0, -1)
    np.testing.assert_array_equal(found.pixels.reshape(expected.shape), expected)
    assert found.head.claims == (Claim("OME-Zarr", 0.75, 0.75),)
    assert len(found.head.channels) == expected.shape[2]


def test_an_ome_zarr_is_one_picture_with_one_hash(tmp_path: Path) -> None:
    files = corpus.ome_zarr(noise(20, 30), "yx", um_per_px=0.75)
    image = plain(folder_of(tmp_path / "a.zarr", files))
    assert (image.um_per_px, image.um_per_px_source) == (0.75, "OME-Zarr")
    assert image.sha256 == picture.identity(tmp_path / "a.zarr")


def zarr_with(folder: Path, change: Callable[[dict[str, Any]], None], name: str) -> Path:
    """OME-Zarr 0.4 with one of its JSON files changed."""
    files = dict(corpus.ome_zarr(noise(20, 20), "yx", version="0.4", chunks=(20, 20)))
    found = json.loads(files[name])
    change(found)
    return folder_of(folder / "a.zarr", {**files, name: json.dumps(found).encode()})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("filters", [{"id": "pickle", "protocol": 5}], "codec 'pickle'"),
        ("compressor", {"id": "jpeg"}, "codec 'jpeg'"),
        ("dtype", "|O", "type 'object'"),
        ("chunks", [1_000_000, 1_000_000], "too large"),
        ("shape", [-5, 20], "damaged"),
        ("shape", "everything", "damaged"),
    ],
)
def test_zarr_metadata_that_mislead_are_refused_before_zarr_sees_them(
    tmp_path: Path, key: str, value: Any, said: str
) -> None:
    path = zarr_with(tmp_path, lambda found: found.update({key: value}), "0/.zarray")
    with pytest.raises((UnreadablePictureError, UnsupportedPictureError), match=said):
        asked(path)


def test_a_zarr_that_claims_too_many_pixels_is_refused_before_memory_is_taken(
    tmp_path: Path,
) -> None:
    path = zarr_with(tmp_path, lambda found: found.update(shape=[90_000, 90_000]), "0/.zarray")
    with pytest.raises(PictureTooLargeError, match="8100 megapixels"):
        asked(path)


@pytest.mark.parametrize("inside", ["../secret", "/etc", "", "a/../../b"])
def test_a_zarr_path_may_not_lead_out_of_its_folder(tmp_path: Path, inside: str) -> None:
    def change(found: dict[str, Any]) -> None:
        found["multiscales"][0]["datasets"][0]["path"] = inside

    with pytest.raises(UnreadablePictureError, match="path"):
        asked(zarr_with(tmp_path, change, ".zattrs"))


def test_a_zarr_without_units_has_no_pixel_size(tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        for axis in found["multiscales"][0]["axes"]:
            del axis["unit"]

    path = zarr_with(tmp_path, change, ".zattrs")
    head = asked(path).head
    assert head is not None
    assert head.claims == ()


def test_a_plate_is_refused_with_the_way_to_a_field(tmp_path: Path) -> None:
    path = zarr_with(tmp_path, lambda found: found.update(plate={}), ".zattrs")
    with pytest.raises(UnsupportedPictureError, match=r"plate.*A/1/0"):
        asked(path)


# Choosing inputs


def test_a_run_takes_up_series_that_it_has_finished(
    tmp_path: Path, lot: Path, classical: Path, isletqc: Cli
) -> None:
    import tifffile

    crops = [tifffile.imread(lot / "images" / f"aliquot_{k}.tif")[:256, :256] for k in (1, 2)]
    files = corpus.ome_zarr(np.moveaxis(crops[0], -1, 0), "cyx", um_per_px=2.4)
    found = json.loads(files["zarr.json"])
    labels = [{"label": name} for name in ("red", "green", "blue")]
    found["attributes"]["ome"]["omero"] = {"channels": labels}
    pictures = tmp_path / "in"
    folder_of(pictures / "a.zarr", {**files, "zarr.json": json.dumps(found).encode()})
    out = tmp_path / "out"
    command = ("run", pictures, "-p", classical, "-o", out, "--workers", 1)
    assert isletqc(*command).exit_code in {0, 4, 5}
    (image,) = json.loads((out / "results.json").read_text())["lots"][0]["images"]
    assert image["image"] == "a.zarr"
    assert "taken up" in isletqc(*command).output


def test_two_series_of_a_file_are_two_pictures_of_a_sheet(
    tmp_path: Path, two: Path, classical: Path, isletqc: Cli
) -> None:
    sheet = tmp_path / "samples.csv"
    sheet.write_text("image,lot\ntwo.lif#left,L1\ntwo.lif#3,L1\n", encoding="utf-8")
    out = tmp_path / "out"
    isletqc("run", two, "-s", sheet, "-p", classical, "-o", out, "--workers", 1)
    found = json.loads((out / "results.json").read_text())
    # One gray channel is not what a dithizone protocol measures: each series is told by its name.
    told = {entry["image"] for entry in found["failures"]} | {
        image["image"] for one in found["lots"] for image in one["images"]
    }
    assert told == {"two.lif#left", "two.lif#3"}


def test_the_same_series_twice_in_a_sheet_is_refused(tmp_path: Path, two: Path) -> None:
    from isletqc.errors import SheetError
    from isletqc.load import sheet

    path = tmp_path / "samples.csv"
    path.write_text("image,lot\ntwo.lif#left,L1\n./two.lif#left,L1\n", encoding="utf-8")
    with pytest.raises(SheetError, match=r"samples\.csv:3: .*once"):
        sheet.read(path)


def test_inspect_lists_the_series_of_a_file(two: Path, classical: Path, isletqc: Cli) -> None:
    result = isletqc("inspect", two, "-p", classical)
    assert result.exit_code == 3
    assert "3 'right' (Y 24, X 30)" in result.output


def test_a_file_whose_own_name_holds_the_sign_is_found_first(tmp_path: Path, read: Read) -> None:
    (tmp_path / "well#2.tif").write_bytes(corpus.tiff(noise(20, 30)))
    assert location.split(tmp_path / "well#2.tif") == (tmp_path / "well#2.tif", "")
    assert read(tmp_path / "well#2.tif").shape_yx == (20, 30)
    with pytest.raises(UnsupportedPictureError, match="TIFF holds one picture"):
        read(tmp_path / "well#2.tif#1")


# The extra, and the process that reads


def test_a_missing_extra_is_told_with_the_way_to_get_it(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "liffile", None)
    monkeypatch.delitem(sys.modules, "isletqc.load.leica", raising=False)
    monkeypatch.delattr("isletqc.load.leica", raising=False)
    found = answer.ask(two, "Leica LIF", wanted="", max_megapixels=1)
    assert isinstance(found.problem, UnsupportedPictureError)
    assert 'liffile, which is not installed: pip install "isletqc[formats]"' in str(found.problem)


def test_a_reader_that_crashes_is_one_picture_error(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    found = foreign.read(two, "Leica LIF", wanted="", max_megapixels=1)
    assert isinstance(found.problem, UnreadablePictureError)
    assert "its reader died of it (code 1)" in str(found.problem)


def test_a_reader_that_hangs_is_one_picture_error(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = tmp_path / "waits"
    waits.write_text("#!/bin/sh\nread line\nexec sleep 60\n", encoding="utf-8")
    waits.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(waits))
    monkeypatch.setattr(foreign, "_SECONDS", 0.2)
    found = foreign.read(two, "Leica LIF", wanted="", max_megapixels=1)
    assert "not read within 0.2 seconds" in str(found.problem)


def test_a_reader_gets_no_more_memory_than_its_picture_needs(tmp_path: Path) -> None:
    # A chunk of 400 bytes that says it unpacks to 2 GB, as Blosc stores the size in its head.
    files = dict(corpus.ome_zarr(noise(20, 20), "yx", version="0.4", chunks=(20, 20)))
    head = bytes((2, 1, 1, 1)) + (2**31 - 64).to_bytes(4, "little") * 2 + (64).to_bytes(4, "little")
    found = json.loads(files["0/.zarray"]) | {
        "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}
    }
    chunk = {"0/.zarray": json.dumps(found).encode(), "0/0/0": head + bytes(48)}
    path = folder_of(tmp_path / "a.zarr", {**files, **chunk, "0/0.0": head + bytes(48)})
    problem = foreign.read(path, "OME-Zarr", wanted="", max_megapixels=1).problem
    assert isinstance(problem, UnreadablePictureError)
