"""Pictures whose truth is known -> whether the stated spread of volumes is the error that is made.

Each picture is segmented six ways; its islets' raw spreads are set beside the errors of their
volumes and of their sum. One factor for each network makes the standard deviation of error /
prediction one on some pictures; on others it is shown what that factor is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import brentq

from isletqc.records import Image, Stain
from isletqc.segment import learned, views
from isletqc.segment.run import segment_six_ways
from isletqc.synthetic import draw
from isletqc.synthetic.looks import random_look
from isletqc.training.evaluate import agreement

LEAST_UM = 50.0
# Pixel size -> shape of a drawn field.
SHAPES_YX = {1.0: (800, 1100), 2.4: (700, 900), 4.6: (560, 720), 9.0: (360, 480)}
_FACTORS = (0.05, 50.0)
_TWINS = 1_000_000
_CLUSTERS = Path("pds_aggregates/validation")
_CLUSTERS_UM = 1.592


@dataclass(frozen=True, slots=True)
class Truth:
    """A picture and what is in it; pictures of one ``group`` share light and stain."""

    group: str
    image: Image
    labels: NDArray[np.int32]
    ignore: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a network stated of one picture, and how wrong it was.

    Attributes
    ----------
    error : ln(found / true) of the total volume
    raw, volumes, errors : raw spread, volume and ln(found / true) of each islet of at least
        ``LEAST_UM``; an error of nan belongs to what is no islet
    """

    group: str
    um_per_px: float
    error: float
    raw: NDArray[np.float64]
    volumes: NDArray[np.float64]
    errors: NDArray[np.float64]

    def predicted(self, factor: float) -> float:
        """Relative standard deviation of the total volume."""
        return float(np.average(views.stated(self.raw, factor), weights=self.volumes))


def drawn(stain: Stain, seeds: Sequence[int], *, twins: bool = False) -> Iterator[Truth]:
    """Draw fields of one stain at every pixel size of ``SHAPES_YX``.

    With ``twins`` each dithizone look is drawn twice, as two pictures of one lot.
    """
    for um, shape_yx in SHAPES_YX.items():
        for seed in seeds:
            own = seed + round(1000 * um)
            for again in range(2 if twins else 1):
                number = own + again * _TWINS
                yield _drawn(stain, number, own, um_per_px=um, shape_yx=shape_yx)


def _drawn(
    stain: Stain, seed: int, look: int, *, um_per_px: float, shape_yx: tuple[int, int]
) -> Truth:
    if stain == "dithizone":
        chosen = random_look(np.random.default_rng([look, 1]))
        field = draw.dithizone_field(seed, shape_yx=shape_yx, um_per_px=um_per_px, look=chosen)
        image = _image(field.pixels, um_per_px, stain)
        return Truth(f"look {look}", image, field.labels)
    if stain == "live-dead":
        room = shape_yx[0] * shape_yx[1] * (um_per_px / 250) ** 2
        glowing = draw.livedead_field(
            seed, shape_yx=shape_yx, um_per_px=um_per_px, islets=max(1, round(0.4 * room))
        )
        image = _image(glowing.pixels, um_per_px, stain, float(glowing.full_scale))
        return Truth(f"field {look}", image, glowing.labels)
    field = draw.brightfield_field(seed, shape_yx=shape_yx, um_per_px=um_per_px)
    return Truth(f"field {look}", _image(field.pixels, um_per_px, stain), field.labels)


def _image(
    pixels: NDArray[np.generic], um_per_px: float, stain: Stain, full_scale: float = 255.0
) -> Image:
    names = {1: ("gray",), 2: ("live", "dead"), 3: ("red", "green", "blue")}[pixels.shape[2]]
    return Image(pixels, names, full_scale, um_per_px, "drawn", "", "", stain)


def clusters(data: Path) -> Iterator[Truth]:
    """Read the real pictures of stem-cell clusters with corrected outlines; a group a culture."""
    folder = data / _CLUSTERS
    for path in sorted((folder / "labels").glob("*.png")):
        picture = next((folder / "images").glob(f"{path.stem}.*"))
        grey = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if grey is None or labels is None:
            continue
        ignore = cv2.imread(str(folder / "ignore" / path.name), cv2.IMREAD_UNCHANGED)
        yield Truth(
            path.stem.rsplit("_", 2)[0],
            _image(np.asarray(grey)[:, :, None], _CLUSTERS_UM, "brightfield"),
            np.asarray(labels, dtype=np.int32),
            None if ignore is None else np.asarray(ignore) > 0,
        )


def read(trained: learned.TrainedNetwork, truth: Truth) -> Reading | None:
    """Segment a picture six ways and compare; None where nothing is, or nothing was found."""
    regions, raw = segment_six_ways(truth.image, trained)
    um = truth.image.um_per_px
    whole = agreement(
        regions.labels, truth.labels, um, ignore=truth.ignore, min_diameter_um=LEAST_UM
    )
    areas = np.bincount(regions.labels.ravel())[1:].astype(np.float64)
    counts = areas * um**2 >= np.pi / 4 * LEAST_UM**2
    if truth.ignore is not None:
        ignored = np.bincount(regions.labels[truth.ignore], minlength=len(areas) + 1)[1:]
        counts &= ignored <= areas / 2
    if whole.true_volume_nl <= 0 or whole.found_volume_nl <= 0 or not counts.any():
        return None
    true = views.partners(regions.labels, truth.labels)[counts]
    own = areas[counts] ** 1.5
    errors = np.log(own / np.where(true > 0, true, np.nan))
    error = float(np.log(whole.found_volume_nl / whole.true_volume_nl))
    return Reading(truth.group, um, error, raw[counts], own, errors)


def factor(readings: Sequence[Reading]) -> float:
    """Find the factor that makes the root mean square of error / prediction one."""

    def excess(log_factor: float) -> float:
        return float(np.sqrt(np.mean(ratios(readings, np.exp(log_factor)) ** 2))) - 1

    low, high = np.log(_FACTORS)
    if excess(low) <= 0 or excess(high) >= 0:
        return float(np.exp(low if excess(low) <= 0 else high))
    return float(np.exp(brentq(excess, low, high, xtol=1e-6)))


def ratios(readings: Sequence[Reading], of_network: float) -> NDArray[np.float64]:
    """Error over predicted standard deviation of each picture's total."""
    predicted = [max(reading.predicted(of_network), 1e-6) for reading in readings]
    return np.array([reading.error for reading in readings]) / predicted


def islets(readings: Sequence[Reading], of_network: float) -> NDArray[np.float64]:
    """Predicted standard deviation and error of every islet found, (n, 2)."""
    predicted = np.concatenate([views.stated(reading.raw, of_network) for reading in readings])
    return np.column_stack((predicted, np.concatenate([r.errors for r in readings])))


_SIZES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.01)
_NORMAL_QUARTILE = 0.6745


def picture_row(readings: Sequence[Reading], of_network: float) -> str:
    """Row of the table of totals: errors beside what was predicted."""
    errors = np.array([reading.error for reading in readings])
    predicted = np.array([reading.predicted(of_network) for reading in readings])
    z = ratios(readings, of_network)
    cells = (
        str(len(readings)),
        f"{100 * np.sqrt(np.mean(errors**2)):.1f} %",
        f"{100 * np.sqrt(np.mean(predicted**2)):.1f} %",
        f"{np.sqrt(np.mean(z**2)):.2f}",
        f"{100 * np.mean(np.abs(z) <= 1.96):.0f} %",
    )
    return " | ".join(cells)


def islet_rows(readings: Sequence[Reading], of_network: float) -> Iterator[str]:
    """Rows of the table of islets: one for each class of predicted standard deviation."""
    predicted, errors = islets(readings, of_network).T
    for low, high in pairwise(_SIZES):
        here = (predicted >= low) & (predicted < high)
        true = errors[here & ~np.isnan(errors)]
        if not true.size:
            continue
        cells = (
            f"{100 * low:.0f} to {100 * min(high, 1):.0f} %",
            str(int(here.sum())),
            f"{100 * np.median(predicted[here]):.1f} %",
            f"{100 * np.median(np.abs(true)) / _NORMAL_QUARTILE:.1f} %",
            f"{100 * (1 - true.size / here.sum()):.1f} %",
        )
        yield " | ".join(cells)


def correlation_of_twins(readings: Sequence[Reading], of_network: float) -> float | None:
    """Correlation of error / prediction between pictures of one group, pairs only."""
    by_group: dict[str, list[float]] = {}
    for reading, z in zip(readings, ratios(readings, of_network), strict=True):
        by_group.setdefault(reading.group, []).append(float(z))
    pairs = np.array([pair for pair in by_group.values() if len(pair) == 2])
    if len(pairs) < 3:
        return None
    both = np.concatenate((pairs, pairs[:, ::-1]))
    return float(np.corrcoef(both.T)[0, 1])


def figure(path: Path, readings: Sequence[Reading], of_network: float) -> None:
    """Draw errors over predictions, of totals and of islets, as SVG or PNG."""
    pictures = np.array([(r.predicted(of_network), r.error) for r in readings])
    drawing = Figure(figsize=(9, 3.8), layout="constrained")
    panels = drawing.subplots(1, 2)
    for panel, title, values in zip(
        panels,
        ("total of a picture", "one islet"),
        (pictures, islets(readings, of_network)),
        strict=True,
    ):
        _panel(panel, title, values)
    with mpl.rc_context({"svg.hashsalt": "isletqc", "svg.fonttype": "none"}):
        drawing.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(panel: Axes, title: str, values: NDArray[np.float64]) -> None:
    """Size of the errors over the stated standard deviation, with its line and 1.96 times it."""
    values = values[~np.isnan(values).any(axis=1)]
    stated, errors = np.maximum(values[:, 0], 1e-3), np.clip(np.abs(values[:, 1]), 1e-3, 3)
    line = np.array([1e-3, 1.0])
    panel.scatter(stated, errors, s=9, alpha=0.35, linewidths=0)
    panel.plot(line, line, color="black", lw=1, label="one standard deviation")
    panel.plot(line, 1.96 * line, color="black", lw=1, ls="--", label="1.96 (95 of 100 below)")
    panel.set(title=title, xlabel="stated relative SD", ylabel="error", xscale="log", yscale="log")
    panel.grid(alpha=0.3)
    panel.legend(loc="upper left", fontsize=8)
