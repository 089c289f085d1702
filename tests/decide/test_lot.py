"""What belongs to a lot, and in what order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from isletqc.decide.lot import aliquots, gather, sample_pictures
from isletqc.errors import SheetError

Make = Callable[..., Any]


def test_pictures_fall_into_lots_and_specimens(picture: Make, failure: Make) -> None:
    pictures = [
        picture([100], "2", lot="B"),
        picture([100], "2", name="b.png"),
        picture([100], "1"),
        picture([100], "2", name="a.png"),
    ]
    a, b = gather(pictures, [failure("3")])
    assert (a.name, b.name) == ("A", "B")
    assert [s.name for s in a.specimens] == ["1", "2", "3"]
    assert [p.name for p in a.specimens[1].pictures] == ["a.png", "b.png"]
    assert [f.sample.image for f in a.failures] == ["broken.png"]


def test_the_order_of_analysis_is_never_seen(picture: Make, failure: Make) -> None:
    pictures = [picture([80.0 + i], str(i % 2), name=f"{i}.png") for i in range(6)]
    lost = [failure("1", name="x.png"), failure("0", name="y.png")]
    assert gather(pictures, lost) == gather(pictures[::-1], lost[::-1])


def test_facts_are_taken_from_whichever_row_states_them(picture: Make) -> None:
    pictures = [picture([100], "1", suspension_ml=250.0), picture([100], "2", recipient_kg=70.0)]
    (lot,) = gather(pictures, [])
    assert (lot.suspension_ml, lot.recipient_kg, lot.infusion) == (250, 70, None)


def test_facts_that_contradict_each_other_are_refused_by_name(picture: Make) -> None:
    pictures = [picture([100], "1", suspension_ml=250.0), picture([100], "2", suspension_ml=200.0)]
    with pytest.raises(SheetError, match=r"lot A: expected one suspension_ml, found 250\.0 at 1"):
        gather(pictures, [])


def test_two_aliquot_volumes_for_one_specimen_are_refused(picture: Make) -> None:
    pictures = [picture([100], name="a", aliquot_ul=50.0), picture([100], name="b", aliquot_ul=9.0)]
    with pytest.raises(SheetError, match="aliquot_ul"):
        gather(pictures, [])


def test_pictures_of_one_specimen_are_fields_of_one_aliquot(picture: Make) -> None:
    pictures = [picture([150], name="a.png"), picture([300, 30], name="b.png")]
    (aliquot,) = aliquots(gather(pictures, [])[0])
    assert aliquot.ieq.tolist() == pytest.approx([1, 8])


def test_controls_stay_with_the_lot_but_are_no_samples(picture: Make, failure: Make) -> None:
    pictures = [picture([150], "1"), picture([300], "bead", role="control", aliquot_ul=7.0)]
    (lot,) = gather(pictures, [failure("1", role="control")])
    assert len(lot.pictures) == 2
    assert [p.name for p in sample_pictures(lot)] == ["1.png"]
    assert [a.name for a in aliquots(lot)] == ["1"]
    assert aliquots(lot)[0].missing == ()


def test_no_pictures_make_no_lots() -> None:
    assert gather([], []) == ()
