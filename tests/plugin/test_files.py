"""Reader, writer and sample data, without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Labels, Layer

from isletqc.errors import PixelSizeUnknownError
from isletqc.load import picture as pictures
from isletqc.plugin import choice, layers, reader, samples, writer


def test_the_reader_leaves_other_files_and_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "picture.tif").touch()
    assert reader.get_reader(str(tmp_path)) is None
    assert reader.get_reader(str(tmp_path / "picture.tif")) is None
    assert reader.get_reader([str(tmp_path)]) is None


@pytest.mark.parametrize("name", ["", "results.json", "images/aliquot_1"])
def test_results_open_as_layers_on_the_scale_of_the_picture(finished: Path, name: str) -> None:
    read = reader.get_reader(str(finished / name))
    assert read is not None
    found = [Layer.create(*layer) for layer in read(str(finished / name))]
    assert [layer.name for layer in found] == ["Picture", "Exocrine", "Islets"]
    for layer in found:
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
        assert layer.axis_labels == ("y", "x")
        assert layer.scale[0] == layer.scale[1] == pytest.approx(found[0].scale[0])
    islets = found[2]
    assert isinstance(islets, Labels)
    assert set(islets.features["index"]) == set(np.unique(islets.data)) - {0}


def test_labels_are_saved_with_their_pixel_size(tmp_path: Path) -> None:
    viewer = ViewerModel()
    labels = np.zeros((40, 60), np.int32)
    labels[5:20, 5:20], labels[22:30, 40:55] = 1, 70_000
    viewer.add_labels(labels, **layers.on_grid(0.65))
    data, attributes, _ = viewer.layers[0].as_layer_data_tuple()
    [path] = writer.write_labels(str(tmp_path / "mine.ome.tif"), data, attributes)
    assert np.array_equal(tifffile.imread(path), labels)
    facts = pictures.describe(Path(path))
    assert (facts.um_per_px, facts.um_per_px_source) == (0.65, "OME-XML")


def test_labels_without_a_length_as_scale_are_refused(tmp_path: Path) -> None:
    viewer = ViewerModel()
    viewer.add_labels(np.ones((4, 4), int), scale=(2, 2))
    data, attributes, _ = viewer.layers[0].as_layer_data_tuple()
    with pytest.raises(PixelSizeUnknownError, match="scale and units"):
        writer.write_labels(str(tmp_path / "mine.tif"), data, attributes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("draw", "names"),
    [
        (samples.dithizone, ["dithizone", "Truth"]),
        (samples.brightfield, ["brightfield", "Truth"]),
        (samples.live_dead, ["live-dead live", "live-dead dead", "Truth"]),
    ],
)
def test_sample_data_have_a_file_a_scale_and_their_truth(draw: object, names: list[str]) -> None:
    assert callable(draw)
    found = [Layer.create(*layer) for layer in draw()]
    assert [layer.name for layer in found] == names
    path = layers.path_of(found[0])
    assert path is not None
    um_per_px = pictures.describe(path).um_per_px
    assert {layers.um_per_px_of(layer) for layer in found} == {um_per_px}
    truth = found[-1]
    assert len(truth.features) == truth.data.max()


def test_a_scale_in_pixels_is_no_pixel_size() -> None:
    viewer = ViewerModel()
    in_pixels = viewer.add_image(np.zeros((8, 8)))
    uneven = viewer.add_image(np.zeros((8, 8)), scale=(1, 2), units=("um", "um"))
    in_nm = viewer.add_image(np.zeros((8, 8)), scale=(500, 500), units=("nm", "nm"))
    assert layers.um_per_px_of(in_pixels) is None
    assert layers.um_per_px_of(uneven) is None
    assert layers.um_per_px_of(in_nm) == pytest.approx(0.5)


@pytest.mark.parametrize(("shape", "rgb"), [((40, 60), False), ((40, 60, 3), True)])
def test_a_layer_in_memory_is_saved_whole(
    tmp_path: Path, shape: tuple[int, ...], rgb: bool
) -> None:
    pixels = np.random.default_rng(4).integers(0, 255, shape, dtype=np.uint8)
    layer = ViewerModel().add_image(pixels, name="in memory", rgb=rgb)
    path = choice.save_layer(layer, tmp_path, 2.0)
    assert np.array_equal(tifffile.imread(path), pixels)
    assert pictures.describe(path).um_per_px == 2.0
