"""A picture under correction: any sequence of edits, against measuring everything from scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from isletqc.errors import EditError, OutputError
from isletqc.measure import fusion, islets, outline, viability
from isletqc.protocol import Protocol
from isletqc.records import (
    EXOCRINE,
    ISLET,
    Fitness,
    Image,
    Islet,
    Picture,
    Regions,
    Sample,
    Stain,
)
from isletqc.run import autosave, correct, editing
from isletqc.run.canvas import Change
from isletqc.run.editing import Editing

SHAPE = (90, 140)
UM = 3.0


def protocol_for(stain: Stain) -> Protocol:
    return Protocol.model_validate(
        {
            "name": "drawn",
            "version": "1",
            "status": "draft",
            "title": "For drawn pictures",
            "stain": stain,
            "segmentation": {"method": "classical"},
            "sizing": {"border": "miles-lantuejoul", "convention": "extrusion"},
            "viability": {} if stain == "live-dead" else None,
        }
    )


def drawn(stain: Stain = "dithizone") -> tuple[Image, Regions]:
    """Six discs, two pairs of them touching and one cut by the edge, exocrine tissue, noise."""
    rng = np.random.default_rng(3)
    labels = np.zeros(SHAPE, np.int32)
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    discs = [(25, 25, 14), (25, 50, 12), (60, 40, 9), (60, 100, 16), (35, 105, 10), (84, 10, 12)]
    for number, (cy, cx, radius) in enumerate(discs, 1):
        labels[((y - cy) ** 2 + (x - cx) ** 2 <= radius**2) & (labels == 0)] = number
    classes = np.where(labels > 0, ISLET, 0).astype(np.uint8)
    classes[70:86, 40:75][labels[70:86, 40:75] == 0] = EXOCRINE
    classes[5:9, 120:130] = EXOCRINE
    classes[2:4, 2:4] = ISLET  # a speck that has no number
    live_dead = stain == "live-dead"
    channels = ("live", "dead") if live_dead else ("red", "green", "blue")
    pixels = rng.integers(60, 200, (*SHAPE, len(channels)), dtype=np.uint8)
    if live_dead:
        pixels = np.where(labels[..., None] > 0, pixels, pixels // 20).astype(np.uint8)
        pixels[:, :70, 1] //= 8
        pixels[:, 70:, 0] //= 8
    else:
        pixels[labels > 0] //= 2  # a border that has a width
    image = Image(
        pixels=pixels,
        channels=channels,
        full_scale=255,
        um_per_px=UM,
        um_per_px_source="given",
        path="drawn.png",
        sha256="a" * 64,
        stain=stain,
    )
    probability = rng.integers(100, 256, SHAPE).astype(np.uint8)
    return image, Regions(classes, labels, probability, UM, "drawn")


def from_scratch(image: Image, regions: Regions, protocol: Protocol) -> Picture:
    """Measure everything, as a run does."""
    found = islets.measure(image, regions, protocol.sizing)
    seen = outline.described(found.islets, image, regions)
    if protocol.stain == "brightfield":
        ratio = protocol.sizing.fused_neck_ratio
        seen = fusion.judge(seen, regions.labels, um_per_px=UM, max_neck_ratio=ratio)
    fitness, live_dead = Fitness(), None
    if protocol.viability is not None:
        vital = viability.measure(image, regions, protocol.viability)
        seen, live_dead = viability.applied(seen, vital), vital.live_dead
        fitness = Fitness(vital.checks)
    return Picture(
        sample=Sample("drawn.png", "lot"),
        name="drawn.png",
        sha256=image.sha256,
        shape_yx=image.shape_yx,
        um_per_px=UM,
        um_per_px_source="given",
        fitness=fitness,
        islets=seen,
        islet_area_um2=found.islet_area_um2,
        exocrine_area_um2=found.exocrine_area_um2,
        seconds={},
        method="drawn",
        exocrine_clusters=found.exocrine_clusters,
        exocrine_volume_nl=found.exocrine_volume_nl,
        exocrine_area_squares_um4=found.exocrine_area_squares_um4,
        exocrine_area_cubes_um6=found.exocrine_area_cubes_um6,
        exocrine_largest_um2=found.exocrine_largest_um2,
        live_dead=live_dead,
    )


def opened(stain: Stain = "dithizone", folder: Path | None = None) -> Editing:
    image, regions = drawn(stain)
    protocol = protocol_for(stain)
    picture = from_scratch(image, regions, protocol)
    return editing.begin(image, regions, picture, protocol, folder=folder)


def measured_again(work: Editing) -> Picture:
    c = work.canvas
    regions = Regions(c.classes, c.labels, c.probability, UM, "drawn")
    return from_scratch(work.image, regions, work.protocol)


def without_hands(picture: Picture, excluded: frozenset[int] = frozenset()) -> Picture:
    """The picture without its log, and its islets without what a person said of them."""

    def bare(islet: Islet) -> Islet:
        if islet.label not in excluded:
            return islet
        reason = islet.exclusion_reason.partition("by hand: ")[0].removesuffix("; ")
        return replace(islet, exclusion_reason=reason, included=not reason)

    return replace(picture, edits=(), islets=tuple(map(bare, picture.islets)))


Operation = Callable[[Editing], Editing]
Number = st.integers(0, 10**6)
Places = st.tuples(st.integers(-5, SHAPE[0] + 4), st.integers(-5, SHAPE[1] + 4))


def some(work: Editing, *choices: int) -> list[int]:
    known = sorted(work.canvas.boxes)
    return sorted({known[c % len(known)] for c in choices}) if known else []


def mask(height: int, width: int) -> NDArray[np.bool_]:
    return np.ones((height, width), np.bool_)


def made(think: Callable[[Editing], Change]) -> Operation:
    return lambda work: editing.made(work, think(work), who="A. Person")


OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(lambda a, b: made(lambda w: correct.merge(w.canvas, some(w, a, b))), Number, Number),
    # Islets that lie next to each other by number often touch.
    st.builds(lambda a: made(lambda w: correct.merge(w.canvas, some(w, a, a + 1))), Number),
    st.builds(lambda a: made(lambda w: correct.delete(w.canvas, some(w, a))), Number),
    st.builds(lambda a: made(lambda w: correct.to_exocrine(w.canvas, some(w, a))), Number),
    st.builds(lambda p: made(lambda w: correct.to_islet(w.canvas, p)), Places),
    st.builds(lambda p, q: made(lambda w: correct.split_by_line(w.canvas, [p, q])), Places, Places),
    st.builds(lambda p, q: made(lambda w: correct.split_by_seeds(w.canvas, p, q)), Places, Places),
    st.builds(
        lambda p, h, wd: made(lambda w: correct.erase(w.canvas, mask(h, wd), at_yx=p)),
        Places,
        st.integers(1, 40),
        st.integers(1, 40),
    ),
    st.builds(
        lambda p, h, wd: made(lambda w: correct.add(w.canvas, mask(h, wd), at_yx=p)),
        Places,
        st.integers(1, 25),
        st.integers(1, 25),
    ),
    st.builds(
        lambda p, h, n: made(
            lambda w: correct.paint(
                w.canvas, (p[0], p[1], p[0] + h, p[1] + h), np.full((h, h), (some(w, n) or [0])[0])
            )
        ),
        Places,
        st.integers(1, 25),
        Number,
    ),
    st.builds(lambda a: made(lambda w: correct.exclude(w.canvas, some(w, a), "debris")), Number),
    st.builds(lambda a: made(lambda w: correct.include(w.canvas, some(w, a))), Number),
    st.just(lambda w: editing.undone(w, who="B. Person")),
    st.just(lambda w: editing.redone(w, who="B. Person")),
)


def carried_out(work: Editing, operations: list[Operation]) -> Editing:
    for operation in operations:
        planes = work.canvas.labels.copy(), work.canvas.classes.copy()
        try:
            work = operation(work)
        except EditError:
            assert np.array_equal(work.canvas.labels, planes[0])
            assert np.array_equal(work.canvas.classes, planes[1])
    return work


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    operations=st.lists(OPERATIONS, max_size=9), stain=st.sampled_from(["dithizone", "brightfield"])
)
def test_what_an_edit_touches_is_measured_to_the_bits_of_measuring_everything(
    operations: list[Operation], stain: Stain
) -> None:
    work = carried_out(opened(stain), operations)
    excluded = frozenset(work.canvas.excluded)
    assert without_hands(work.picture, excluded) == without_hands(measured_again(work))
    for islet in work.picture.islets:
        by_hand = islet.exclusion_reason.endswith("by hand: debris")
        assert by_hand == (islet.label in excluded)
        assert islet.included == (not islet.exclusion_reason)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(operations=st.lists(OPERATIONS, max_size=9))
def test_all_edits_undone_give_the_picture_back_and_redone_the_correction(
    operations: list[Operation],
) -> None:
    before, work = opened(), carried_out(opened(), operations)
    corrected = work.picture.islets, work.canvas.labels.copy(), work.canvas.classes.copy()
    undone = 0
    while work.undo:
        work, undone = editing.undone(work, who="A. Person"), undone + 1
    assert np.array_equal(work.canvas.labels, before.canvas.labels)
    assert np.array_equal(work.canvas.classes, before.canvas.classes)
    assert np.array_equal(work.canvas.probability, before.canvas.probability)
    assert work.canvas.boxes == before.canvas.boxes
    assert replace(work.picture, edits=()) == before.picture
    for _ in range(undone):
        work = editing.redone(work, who="A. Person")
    assert work.picture.islets == corrected[0]
    assert np.array_equal(work.canvas.labels, corrected[1])
    assert np.array_equal(work.canvas.classes, corrected[2])


def test_viability_follows_an_edit() -> None:
    work = opened("live-dead")
    assert any(i.viability is not None for i in work.picture.islets)
    work = editing.made(work, correct.delete(work.canvas, [4]), who="A. Person")
    work = editing.made(work, correct.merge(work.canvas, [1, 2]), who="A. Person")
    assert without_hands(work.picture) == measured_again(work)


def test_the_log_says_when_who_what_why_before_and_after() -> None:
    work = opened()
    old = {i.label: i for i in work.picture.islets}
    change = correct.merge(work.canvas, [1, 2], reason="one islet")
    work = editing.made(work, change, who=" A. Person ")
    (edit,) = work.picture.edits
    assert (edit.who, edit.action, edit.reason) == ("A. Person", "merge", "one islet")
    assert edit.labels == (1, 2, 7)
    assert edit.time.endswith("+00:00")
    assert edit.old["islets"] == 2
    assert edit.old["area_um2"] == pytest.approx(old[1].area_um2 + old[2].area_um2)
    assert edit.new["islets"] == 1
    assert edit.new["area_um2"] == pytest.approx(edit.old["area_um2"])
    work = editing.undone(work, who="B. Person")
    assert [(e.action, e.reason) for e in work.picture.edits][1:] == [("undo", "merge")]


def test_an_edit_needs_a_person() -> None:
    work = opened()
    with pytest.raises(EditError, match="who corrects"):
        editing.made(work, correct.delete(work.canvas, [1]), who=" ")


def test_a_change_thought_of_before_another_is_refused() -> None:
    work = opened()
    early, late = correct.delete(work.canvas, [1]), correct.merge(work.canvas, [1, 2])
    work = editing.made(work, early, who="A. Person")
    with pytest.raises(EditError, match="has changed since"):
        editing.made(work, late, who="A. Person")


def test_nothing_to_undo_or_redo_is_said() -> None:
    with pytest.raises(EditError, match="nothing to undo"):
        editing.undone(opened(), who="A. Person")
    with pytest.raises(EditError, match="nothing to redo"):
        editing.redone(opened(), who="A. Person")


def test_the_protocol_still_leaves_out_what_a_person_includes_again() -> None:
    work = opened()
    small = next(i for i in work.picture.islets if not i.included)
    work = editing.made(work, correct.exclude(work.canvas, [small.label], "debris"), who="A.")
    found = next(i for i in work.picture.islets if i.label == small.label)
    assert found.exclusion_reason == f"{small.exclusion_reason}; by hand: debris"
    work = editing.made(work, correct.include(work.canvas, [small.label]), who="A.")
    assert next(i for i in work.picture.islets if i.label == small.label) == small


def test_an_edit_that_cannot_be_journalled_is_not_made(tmp_path: Path) -> None:
    work = opened(folder=tmp_path / "folder")
    (tmp_path / "folder").write_text("in the way")
    before = work.canvas.labels.copy()
    with pytest.raises(OutputError, match=r"unsaved\.jsonl"):
        editing.made(work, correct.delete(work.canvas, [1]), who="A. Person")
    assert np.array_equal(work.canvas.labels, before)


def test_tissue_drawn_beside_an_islet_changes_what_lies_along_its_outline() -> None:
    work = opened()
    before = {i.label: i for i in work.picture.islets}
    assert None not in {i.border_width_um for i in before.values()}
    assert max(i.mantle or 0 for i in before.values()) > 0
    # Islet 4 ends at row 76; the new islet begins 1 px on, so 4 itself has the pixels it had.
    change = correct.add(work.canvas, mask(8, 30), at_yx=(78, 85))
    work = editing.made(work, change, who="A. Person")
    after = {i.label: i for i in work.picture.islets}
    assert after[4].border_width_um != before[4].border_width_um
    assert after[4].area_um2 == before[4].area_um2
    work = editing.made(work, correct.to_exocrine(work.canvas, [7]), who="A. Person")
    after = {i.label: i for i in work.picture.islets}
    assert (after[4].mantle or 0) > 0 == before[4].mantle
    assert without_hands(work.picture) == measured_again(work)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=8))
def test_recovered_edits_give_the_same_picture(
    tmp_path_factory: pytest.TempPathFactory, operations: list[Operation]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    work = carried_out(opened(folder=folder), operations)
    again = opened(folder=folder)
    assert autosave.pending(folder) == work.picture.edits
    again = editing.recovered(again)
    assert again.picture == work.picture
    assert np.array_equal(again.canvas.labels, work.canvas.labels)
    assert np.array_equal(again.canvas.classes, work.canvas.classes)
    assert again.canvas.excluded == work.canvas.excluded
    assert (len(again.undo), len(again.redo)) == (len(work.undo), len(work.redo))
