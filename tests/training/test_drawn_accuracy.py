"""Readings of drawn fields: a perfect reading errs nowhere, a spoilt one by what was spoilt."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.records import Image, Regions
from isletqc.synthetic.draw import Field, dithizone_field
from isletqc.training import drawn_accuracy
from isletqc.training.drawn_accuracy import compare, pooled, read, table


@pytest.fixture(scope="module")
def field() -> Field:
    return dithizone_field(3, shape_yx=(400, 500), um_per_px=4.6, islets=60, exocrine=0.1)


def regions(labels: NDArray[np.int32], classes: NDArray[np.uint8]) -> Regions:
    return Regions(classes, labels, np.full(labels.shape, 255, np.uint8), 4.6, "test")


def test_the_truth_itself_reads_without_error(field: Field) -> None:
    found = compare(regions(field.labels, field.classes), field)
    assert found.agreement.f1(0.9) == 1
    assert found.agreement.volume_error == pytest.approx(0)
    assert found.purity_error == found.pooled_purity_error == 0
    assert found.touching == found.parted > 0


def test_islets_read_as_one_part_no_pair(field: Field) -> None:
    whole = regions((field.labels > 0).astype(np.int32), field.classes)
    assert compare(whole, field).parted == 0


def test_purity_errors_of_fields_do_not_cancel_but_those_of_all_together_do(field: Field) -> None:
    """Two fields of islets alone: in one all is taken for exocrine tissue, one has tissue added."""
    islets = np.where(field.classes == 2, 2, 0).astype(np.uint8)
    alone = replace(field, classes=islets)
    none = regions(np.zeros_like(field.labels), np.minimum(islets, 1).astype(np.uint8))
    both = pooled([compare(none, alone), compare(regions(field.labels, islets), alone)])
    assert both.purity_errors == (-1, 0)
    assert both.purity_error == 0.5
    assert both.pooled_purity_error == pytest.approx(-0.5)


def test_fields_are_drawn_read_and_tabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drawn_accuracy.SHAPES_YX, 9.0, (96, 128))
    seen: list[Image] = []

    def nothing(image: Image) -> Regions:
        seen.append(image)
        shape = image.pixels.shape[:2]
        return regions(np.zeros(shape, np.int32), np.zeros(shape, np.uint8))

    found = read(nothing, [1, 2], 9.0)
    assert [image.um_per_px for image in seen] == [9.0, 9.0]
    assert not np.array_equal(seen[0].pixels, seen[1].pixels)
    assert (
        table("um/px", [("9", found)]).splitlines()[2].startswith("| 9 | 0.000 | 0.000 | -100.0 %")
    )


def test_a_field_without_tissue_has_no_purity_to_err_in() -> None:
    field = dithizone_field(3, shape_yx=(96, 128), um_per_px=9.0, islets=0, exocrine=0.0)
    found = regions(np.ones_like(field.labels), np.full(field.labels.shape, 2, np.uint8))
    assert compare(found, field).purity_errors == ()
    assert np.isnan(compare(found, field).purity_error)
