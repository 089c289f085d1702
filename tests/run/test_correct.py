"""Operations on drawn discs: what a person asked for is what they get, or they are told why not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from isletqc.errors import EditError
from isletqc.records import BACKGROUND, EXOCRINE, ISLET, Regions
from isletqc.run import correct
from isletqc.run.canvas import Canvas, Change, applied, canvas_of, inverse, slices

SHAPE = (120, 200)


def disc(labels: NDArray[np.int32], number: int, centre: tuple[int, int], radius: int) -> None:
    y, x = np.ogrid[: labels.shape[0], : labels.shape[1]]
    labels[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2] = number


@pytest.fixture
def canvas() -> Canvas:
    """Islets 1 and 2 touch; 3 lies apart; a square of exocrine tissue lies at the lower edge."""
    labels = np.zeros(SHAPE, np.int32)
    disc(labels, 1, (40, 40), 20)
    disc(labels, 2, (40, 75), 17)
    disc(labels, 3, (60, 150), 25)
    classes = np.where(labels > 0, ISLET, BACKGROUND).astype(np.uint8)
    classes[100:115, 20:60] = EXOCRINE
    probability = np.full(SHAPE, 200, np.uint8)
    return canvas_of(Regions(classes, labels, probability, 2.0, "drawn"))


def area(canvas: Canvas, number: int) -> int:
    return int(np.count_nonzero(canvas.labels == number))


def same(one: Canvas, other: Canvas) -> bool:
    planes = ("labels", "classes", "probability")
    equal = all(np.array_equal(getattr(one, p), getattr(other, p)) for p in planes)
    return equal and one.boxes == other.boxes and one.excluded == other.excluded


def copied(canvas: Canvas) -> Canvas:
    again = canvas_of(
        Regions(canvas.classes, canvas.labels, canvas.probability, canvas.um_per_px, "copy"),
        next_label=canvas.next_label,
    )
    return Canvas(
        again.labels,
        again.classes,
        again.probability,
        again.um_per_px,
        again.boxes,
        dict(canvas.excluded),
        canvas.next_label,
    )


def test_a_merge_gives_one_islet_of_both_areas_and_a_number_of_its_own(canvas: Canvas) -> None:
    areas = area(canvas, 1) + area(canvas, 2)
    after = applied(canvas, correct.merge(canvas, [1, 2]))
    assert set(after.boxes) == {3, 4}
    assert area(after, 4) == areas


def test_islets_that_do_not_touch_are_not_merged(canvas: Canvas) -> None:
    with pytest.raises(EditError, match=r"islets 1, 3 do not touch.*paint the tissue between"):
        correct.merge(canvas, [1, 3])


def test_one_islet_alone_is_no_merge(canvas: Canvas) -> None:
    with pytest.raises(EditError, match="two islets or more"):
        correct.merge(canvas, [1, 1])


def test_a_line_across_an_islet_parts_it_and_loses_no_pixel(canvas: Canvas) -> None:
    whole = canvas.labels == 3
    after = applied(canvas, correct.split_by_line(canvas, [(20, 150), (110, 150)]))
    assert set(after.boxes) == {1, 2, 4, 5}
    assert np.array_equal(np.isin(after.labels, [4, 5]), whole)
    # The cut runs through the middle: the halves differ by the line, 51 px long, at most.
    assert abs(area(after, 4) - area(after, 5)) <= 51


def test_a_bent_line_cuts_too(canvas: Canvas) -> None:
    line = [(60, 120), (60, 150), (110, 150)]
    after = applied(canvas, correct.split_by_line(canvas, line))
    small, large = sorted(area(after, n) for n in (4, 5))
    assert small == pytest.approx((small + large) / 4, rel=0.06)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ([(60, 150), (110, 150)], "does not cut the islet in two"),
        ([(5, 5), (5, 190)], "crosses no islet"),
        ([(60, 150)], "needs two points"),
    ],
)
def test_a_line_that_parts_nothing_is_refused(
    canvas: Canvas, line: list[tuple[float, float]], why: str
) -> None:
    before = copied(canvas)
    with pytest.raises(EditError, match=why):
        correct.split_by_line(canvas, line)
    assert same(canvas, before)


def test_a_line_may_run_off_the_picture(canvas: Canvas) -> None:
    after = applied(canvas, correct.split_by_line(canvas, [(-50, 150), (500, 150)]))
    assert set(after.boxes) == {1, 2, 4, 5}


def test_two_clicks_part_two_discs_at_their_waist(canvas: Canvas) -> None:
    first, second = canvas.labels == 1, canvas.labels == 2
    merged = applied(canvas, correct.merge(canvas, [1, 2]))
    parted = applied(merged, correct.split_by_seeds(merged, (40, 35), (40, 80)))
    assert set(parted.boxes) == {3, 5, 6}
    for number, true in ((5, first), (6, second)):
        found = parted.labels == number
        overlap = np.count_nonzero(found & true) / np.count_nonzero(found | true)
        assert overlap > 0.93


@pytest.mark.parametrize(
    ("clicks", "why"),
    [
        (((5, 5), (40, 40)), "outside the islets"),
        (((40, 40), (40, 80)), "two islets, 1 and 2, which are apart already"),
        (((60, 150), (60, 150)), "no waist"),
        (((-3, 500), (40, 40)), "outside the islets"),
    ],
)
def test_clicks_that_part_nothing_are_refused(
    canvas: Canvas, clicks: tuple[correct.Point, correct.Point], why: str
) -> None:
    with pytest.raises(EditError, match=why):
        correct.split_by_seeds(canvas, *clicks)


def test_painting_more_of_an_islet_keeps_its_number(canvas: Canvas) -> None:
    box = (50, 120, 70, 130)
    painted = np.full((20, 10), 3, np.int32)
    before = area(canvas, 3)
    free = np.count_nonzero(canvas.labels[slices(box)] == 0)
    change = correct.paint(canvas, box, painted)
    after = applied(canvas, change)
    assert change.action == "paint"
    assert area(after, 3) == before + free
    assert (after.classes[slices(box)] == ISLET).all()


def test_what_a_person_paints_is_sure(canvas: Canvas) -> None:
    after = applied(canvas, correct.add(canvas, np.ones((10, 10), bool), at_yx=(5, 100)))
    assert (after.probability[5:15, 100:110] == 255).all()
    assert after.probability[60, 150] == 200


def test_a_number_that_no_islet_has_makes_a_new_islet(canvas: Canvas) -> None:
    change = correct.paint(canvas, (5, 100, 15, 120), np.full((10, 20), 77, np.int32))
    after = applied(canvas, change)
    assert change.action == "add"
    assert set(after.boxes) == {1, 2, 3, 4}
    assert area(after, 4) == 200


def test_painting_the_same_again_is_refused(canvas: Canvas) -> None:
    with pytest.raises(EditError, match="nothing was painted"):
        correct.paint(canvas, (0, 0, 120, 200), canvas.labels)


def test_an_erased_stripe_parts_an_islet(canvas: Canvas) -> None:
    whole = area(canvas, 3)
    stripe = np.count_nonzero(canvas.labels[30:90, 158:162] == 3)
    change = correct.erase(canvas, np.ones((60, 4), bool), at_yx=(30, 158))
    after = applied(canvas, change)
    assert change.action == "erase"
    assert set(after.boxes) == {1, 2, 3, 4}
    assert area(after, 3) > area(after, 4)  # the largest part keeps the number
    assert area(after, 3) + area(after, 4) == whole - stripe
    assert after.classes[60, 160] == BACKGROUND


def test_crumbs_left_by_the_eraser_go_too(canvas: Canvas) -> None:
    # 2 um a pixel: under 20 um is under 79 px. The stripe leaves a cap of about 30 px.
    after = applied(canvas, correct.erase(canvas, np.ones((60, 4), bool), at_yx=(30, 168)))
    assert set(after.boxes) == {1, 2, 3}
    assert (after.labels[:, 172:] == 0).all()


def test_a_new_islet_takes_no_pixel_of_another(canvas: Canvas) -> None:
    ones = area(canvas, 1)
    after = applied(canvas, correct.add(canvas, np.ones((30, 40), bool), at_yx=(40, 20)))
    assert area(after, 1) == ones
    assert 4 in after.boxes


@pytest.mark.parametrize(
    ("mask", "at", "why"),
    [
        (np.ones((5, 5), bool), (58, 148), "lies on other islets"),
        (np.zeros((5, 5), bool), (5, 5), "nothing is drawn"),
        (np.ones((5, 5), bool), (500, 5), "outside the picture"),
        (np.ones((3, 100), bool), (40, 0), "several pieces"),
    ],
)
def test_a_new_islet_that_cannot_be_is_refused(
    canvas: Canvas, mask: NDArray[np.bool_], at: tuple[int, int], why: str
) -> None:
    with pytest.raises(EditError, match=why):
        correct.add(canvas, mask, at_yx=at)


def test_a_deleted_islet_becomes_background_and_its_number_is_not_given_again(
    canvas: Canvas,
) -> None:
    place = canvas.labels == 3
    canvas = applied(canvas, correct.delete(canvas, [3]))
    assert (canvas.classes[place] == BACKGROUND).all()
    canvas = applied(canvas, correct.add(canvas, np.ones((9, 9), bool), at_yx=(5, 100)))
    assert set(canvas.boxes) == {1, 2, 4}


def test_an_islet_becomes_exocrine_and_exocrine_tissue_an_islet(canvas: Canvas) -> None:
    place = canvas.labels == 3
    canvas = applied(canvas, correct.to_exocrine(canvas, [3]))
    assert (canvas.classes[place] == EXOCRINE).all()
    assert 3 not in canvas.boxes
    canvas = applied(canvas, correct.to_islet(canvas, (105, 30)))
    assert area(canvas, 4) == 15 * 40
    assert (canvas.classes[100:115, 20:60] == ISLET).all()


def test_a_click_off_exocrine_tissue_is_refused(canvas: Canvas) -> None:
    with pytest.raises(EditError, match="no exocrine tissue at that point"):
        correct.to_islet(canvas, (5, 5))


def test_an_exclusion_has_a_reason_and_changes_no_pixel(canvas: Canvas) -> None:
    before = copied(canvas)
    change = correct.exclude(canvas, [1, 3], "  fibre,\n not tissue ")
    after = applied(canvas, change)
    assert after.excluded == {1: "fibre, not tissue", 3: "fibre, not tissue"}
    assert np.array_equal(after.labels, before.labels)
    assert applied(after, correct.include(after, [1])).excluded == {3: "fibre, not tissue"}


def test_an_exclusion_without_a_reason_is_refused(canvas: Canvas) -> None:
    with pytest.raises(EditError, match="needs a reason"):
        correct.exclude(canvas, [1], "  ")


def test_only_what_a_person_excluded_can_be_included(canvas: Canvas) -> None:
    with pytest.raises(EditError, match="islet 1 was not excluded by a person"):
        correct.include(canvas, [1])


def test_parts_of_an_excluded_islet_are_excluded_too(canvas: Canvas) -> None:
    canvas = applied(canvas, correct.exclude(canvas, [3], "debris"))
    canvas = applied(canvas, correct.split_by_line(canvas, [(20, 150), (110, 150)]))
    assert canvas.excluded == {4: "debris", 5: "debris"}


def test_a_merged_islet_is_excluded_only_when_all_its_parts_were(canvas: Canvas) -> None:
    canvas = applied(canvas, correct.exclude(canvas, [1], "debris"))
    assert applied(copied(canvas), correct.merge(canvas, [1, 2])).excluded == {}
    canvas = applied(canvas, correct.exclude(canvas, [2], "debris"))
    assert applied(canvas, correct.merge(canvas, [1, 2])).excluded == {4: "debris"}


@pytest.mark.parametrize("labels", [[], [9]])
def test_an_unknown_islet_is_refused(canvas: Canvas, labels: list[int]) -> None:
    for ask in (correct.delete, correct.merge, correct.to_exocrine, correct.include):
        with pytest.raises(EditError, match="no islet"):
            ask(canvas, labels)


def test_a_point_finds_its_islet_by_the_centres_of_pixels(canvas: Canvas) -> None:
    assert correct.label_at(canvas, (60.4, 150.4)) == 3
    assert (
        correct.label_at(canvas, (60, 124.6)) == 3
    )  # the disc's first pixel has its centre at 125
    assert correct.label_at(canvas, (60, 124.4)) == 0
    assert correct.label_at(canvas, (-1, 500)) == 0


def test_every_change_is_undone_by_its_inverse_and_holds_only_what_changes(
    canvas: Canvas,
) -> None:
    changes: list[Change] = [
        correct.merge(canvas, [1, 2]),
        correct.split_by_line(canvas, [(20, 150), (110, 150)]),
        correct.erase(canvas, np.ones((60, 4), bool), at_yx=(30, 158)),
        correct.to_exocrine(canvas, [3]),
        correct.to_islet(canvas, (105, 30)),
        correct.exclude(canvas, [2], "debris"),
        correct.delete(canvas, [1, 3]),
    ]
    before = copied(canvas)
    for change in changes:
        after = applied(canvas, change)
        assert len(change.index) <= np.count_nonzero(before.classes)
        assert same(applied(after, inverse(change)), before)
