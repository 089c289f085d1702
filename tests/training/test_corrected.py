"""What a person corrected and approved teaches a network; what nobody approved does not."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from isletqc.errors import UsageError
from isletqc.records import ISLET
from isletqc.run import correct, editing, review
from isletqc.training import corrected
from isletqc.training.recipe import CorrectedSource, Recipe


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """Give a copy of a finished run over drawn aliquots."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.model_validate(
        {
            "name": "ours", "title": "Ours", "stain": "dithizone", "um_per_px": 4, "steps": 1,
            "classes": ("background", "exocrine", "islet"),
            "sources": [{"kind": "corrected", "results": "out"}],
        }
    )  # fmt: skip


def source(recipe: Recipe) -> CorrectedSource:
    found = recipe.sources[0]
    assert isinstance(found, CorrectedSource)
    return found


def test_only_approved_pictures_teach_and_they_teach_the_corrected_outlines(
    out: Path, recipe: Recipe
) -> None:
    opened = review.open_results(out)
    work = review.open_picture(opened, 1)
    label = work.picture.islets[0].label
    islets = np.count_nonzero(work.canvas.labels)
    gone = np.count_nonzero(work.canvas.labels == label)
    work = editing.made(work, correct.delete(work.canvas, [label], reason="debris"), who="Ann")
    opened, work = review.save(opened, 1, work)
    review.approve(opened, 1, work, who="Ann")
    (example,) = corrected.read(source(recipe), out.parent, recipe)
    assert np.count_nonzero(example.labels) == islets - gone
    assert np.array_equal(example.classes == ISLET, example.labels > 0)
    assert np.array_equal(example.pixels, work.image.pixels)
    assert example.um_per_px == work.image.um_per_px


def test_without_an_approved_picture_the_message_says_what_to_do(out: Path, recipe: Recipe) -> None:
    with pytest.raises(UsageError, match=r"pictures and none approved; correct and approve"):
        corrected.read(source(recipe), out.parent, recipe)


def test_a_picture_that_was_exchanged_is_refused(out: Path, recipe: Recipe) -> None:
    opened = review.open_results(out)
    work = review.open_picture(opened, 0)
    review.approve(opened, 0, work, who="Ann")
    for path in out.glob("images/*/result.json"):
        path.write_text(path.read_text("utf-8").replace(work.image.sha256, "0" * 64), "utf-8")
    with pytest.raises(UsageError, match="not the file that was analysed"):
        corrected.read(source(recipe), out.parent, recipe)


def test_fluorescence_is_sent_to_folders_of_labels(out: Path, recipe: Recipe) -> None:
    glowing = recipe.model_copy(update={"stain": "live-dead"})
    with pytest.raises(UsageError, match="kind: real"):
        corrected.read(source(recipe), out.parent, glowing)
