"""What travels between the stages: frozen records and nothing else.

Units stand in the names; coordinates carry their order. Arrays are read-only. A value that could
not be determined is ``None`` and has a ``reason`` beside it, never a NaN and never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Stain = Literal["dithizone", "brightfield", "live-dead", "immunofluorescence"]
Relation = Literal[">=", "<=", ">", "<"]
CheckVerdict = Literal["pass", "fail", "skipped"]
ImageVerdict = Literal["fit", "unfit"]
LotVerdict = Literal["pass", "fail", "review", "not judged"]
EditAction = Literal[
    "paint",
    "erase",
    "add",
    "delete",
    "merge",
    "split",
    "change class",
    "exclude",
    "include",
    "undo",
    "redo",
]
CriterionVerdict = Literal["pass", "fail", "review", "not applicable"]

BACKGROUND, EXOCRINE, ISLET = 0, 1, 2
CLASS_NAMES = ("background", "exocrine", "islet")


@dataclass(frozen=True, slots=True)
class Image:
    """A calibrated picture.

    Attributes
    ----------
    pixels : (Y, X, C) uint8, uint16 or float32, read-only, as the file has them
    channels : one name for each channel; ``("red", "green", "blue")`` for colour
    full_scale : the value of a saturated pixel (255, 4095, 65535; 1.0 for float)
    um_per_px : side of a pixel, micrometres
    um_per_px_source : where it came from, e.g. ``"given"``, ``"sheet"``, ``"OME-XML"``
    path, sha256 : the file that was read
    stain : what the picture shows
    """

    pixels: NDArray[Any]
    channels: tuple[str, ...]
    full_scale: float
    um_per_px: float
    um_per_px_source: str
    path: str
    sha256: str
    stain: Stain

    @property
    def shape_yx(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True)
class Check:
    """One question about a picture's fitness: value against limit."""

    name: str
    value: float | None
    unit: str
    relation: Relation
    limit: float
    verdict: CheckVerdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fitness:
    """Is this picture fit to be measured? All checks, none stopped at the first."""

    checks: tuple[Check, ...] = ()

    @property
    def verdict(self) -> ImageVerdict:
        """``unfit`` when any check failed."""
        return "unfit" if any(c.verdict == "fail" for c in self.checks) else "fit"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the picture is unfit; empty when it is fit."""
        return tuple(c.reason for c in self.checks if c.verdict == "fail")


@dataclass(frozen=True, slots=True)
class Regions:
    """What the segmentation saw, on the picture's own pixel grid.

    Attributes
    ----------
    classes : (Y, X) uint8: 0 background, 1 exocrine, 2 islet
    labels : (Y, X) int32: 0 where no islet, else the islet's number; 1..n without gaps as
        segmented, with gaps where a person corrected it
    probability : (Y, X) uint8: probability, in 1/255, of the pixel's own class
    um_per_px : side of a pixel
    likeness : how much the picture is like the training data, 0 to 1; None when not assessed
    volume_rsd : relative standard deviation of the total islet volume that the method itself
        states for this picture (from its mirror images and scales); None when not assessed
    method : e.g. ``"network dithizone"`` or ``"classical"``
    islet_volume_rsd : that of the volume of islets 1..n; empty when not assessed
    """

    classes: NDArray[np.uint8]
    labels: NDArray[np.int32]
    probability: NDArray[np.uint8]
    um_per_px: float
    method: str
    likeness: float | None = None
    volume_rsd: float | None = None
    islet_volume_rsd: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Islet:
    """One segmented object; ``label`` points into the labels of its picture.

    ``weight`` is the number of objects of the picture's area it stands for under the protocol's
    border rule (1 without a rule, 0 where the rule leaves it out). ``ieq`` follows the protocol's
    convention; ``volume_nl`` is always the volume of that convention. ``extrusion_nl`` is the
    volume by spherical extrusion, which needs the mask and cannot be had from the other columns.
    ``neck_ratio`` is the waist of the outline over its narrower lobe, None where there is no waist;
    ``fused`` says whether that makes it two clusters grown together, None where nobody asked.
    ``viability`` is the live share of its tissue by area; ``dead_core_depth_um`` the depth below
    the outline at which a dead core begins, None where there is none. ``mantle`` is the share of
    exocrine tissue just outside the outline (dithizone); ``border_width_um`` how wide the light's
    step across the outline is, None where there is hardly a step. ``volume_rsd`` is the relative
    standard deviation of the volume that the segmentation itself states, None where nobody asked
    or a person drew the outline.
    """

    label: int
    class_name: str
    centroid_yx_um: tuple[float, float]
    area_um2: float
    diameter_um: float
    major_axis_um: float
    minor_axis_um: float
    feret_um: float
    circularity: float
    solidity: float
    volume_nl: float
    ieq: float
    probability: float
    touches_border: bool
    weight: float
    included: bool
    exclusion_reason: str
    stain: Mapping[str, float] = field(default_factory=dict)
    viability: float | None = None
    extrusion_nl: float | None = None
    neck_ratio: float | None = None
    fused: bool | None = None
    dead_core_depth_um: float | None = None
    mantle: float | None = None
    border_width_um: float | None = None
    volume_rsd: float | None = None


@dataclass(frozen=True, slots=True)
class LiveDead:
    """What a live/dead picture tells beside the live fraction of each islet.

    Attributes
    ----------
    depth_step_um : width of the classes of depth below the outline
    live_um2, tissue_um2 : live tissue and all tissue of the islets in each class of depth
    loose_dead_count, loose_dead_um2 : dead objects outside islets, and their area
    bleed_through : share of the live channel's light that was taken off the dead channel
    live_level, dead_level : typical light of live and dead tissue, share of full scale
    """

    depth_step_um: float
    live_um2: tuple[float, ...]
    tissue_um2: tuple[float, ...]
    loose_dead_count: int
    loose_dead_um2: float
    bleed_through: float
    live_level: float
    dead_level: float


@dataclass(frozen=True, slots=True)
class Nucleus:
    """One nucleus of an immunofluorescence picture.

    ``markers`` is the brightness of each marker above the background, a fraction of full scale.
    """

    label: int
    centroid_yx_um: tuple[float, float]
    area_um2: float
    diameter_um: float
    touches_border: bool
    markers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class MarkerThreshold:
    """From which brightness on a nucleus counts as positive for a marker.

    ``source`` is ``control`` or ``two-components``; ``sd`` the threshold's standard deviation;
    ``false_positive`` and ``false_negative`` the shares on the wrong side. ``value`` None: not
    determined, for ``reason``.
    """

    marker: str
    source: str
    value: float | None
    sd: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Assay:
    """A figure of a lot that a person typed in, such as endotoxin; never computed here.

    Attributes
    ----------
    name : lower case words joined by ``_``
    value : None while the result is awaited
    bound : ``<`` or ``>`` where only that was found (below a detection limit); else empty
    entered_by, date : who typed it, and the day (ISO 8601) where it is stated
    """

    name: str
    value: float | None
    unit: str
    entered_by: str
    bound: Literal["", "<", ">"] = ""
    date: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the sample sheet says about one picture; None where the sheet is silent.

    ``assays`` are those of its lot.
    """

    image: str
    lot: str
    specimen: str = "1"
    stain: Stain | None = None
    pixel_size_um: float | None = None
    aliquot_ul: float | None = None
    dilution: float | None = None
    suspension_ml: float | None = None
    recipient_kg: float | None = None
    settled_tissue_ml: float | None = None
    infusion: str | None = None
    day: float | None = None
    role: Literal["sample", "control"] = "sample"
    notes: str = ""
    assays: tuple[Assay, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """One correction by hand of what the program found in a picture.

    Attributes
    ----------
    time : ISO 8601, UTC
    who : the person
    action : what was done; ``undo`` and ``redo`` are edits too
    reason : why, from a list or in words
    labels : numbers of the islets it touched, as they were before or as they are after
    old, new : what changed, by name: ``islets``, ``ieq``, ``class``, ``included``, ...
    """

    time: str
    who: str
    action: EditAction
    reason: str
    labels: tuple[int, ...]
    old: Mapping[str, float | str]
    new: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Approval:
    """A person has looked at this picture's result, as it stands, and agrees with it.

    ``labels_sha256`` is the hash of what was agreed with; an edit afterwards makes it void.
    """

    time: str
    who: str
    labels_sha256: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A person's signature under a run's results.

    Attributes
    ----------
    who : name as on the key
    role : ``author`` or ``reviewer``
    meaning : what is meant by it, e.g. ``"I have reviewed these results and agree"``
    time : ISO 8601, UTC
    key : fingerprint of the public key
    digest : SHA-256 over pictures, labels, protocol, weights and results
    valid : nothing it stands under has changed since; else ``reason`` says what
    """

    who: str
    role: Literal["author", "reviewer"]
    meaning: str
    time: str
    key: str
    digest: str
    valid: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One analysed picture: its islets, its areas, its fitness, and how it was made.

    For the purity and its interval: ``exocrine_clusters`` (exocrine regions large enough to count
    that touch no islet) and, over all exocrine regions, the sum of their sphere volumes, the sums
    of their squared and cubed areas, and the largest area; None where they were not measured.
    """

    sample: Sample
    name: str
    sha256: str
    shape_yx: tuple[int, int]
    um_per_px: float
    um_per_px_source: str
    fitness: Fitness
    islets: tuple[Islet, ...]
    islet_area_um2: float
    exocrine_area_um2: float
    seconds: Mapping[str, float]
    method: str
    likeness: float | None = None
    volume_rsd: float | None = None
    exocrine_clusters: int | None = None
    exocrine_volume_nl: float | None = None
    exocrine_area_squares_um4: float | None = None
    exocrine_area_cubes_um6: float | None = None
    exocrine_largest_um2: float | None = None
    nuclei: tuple[Nucleus, ...] = ()
    live_dead: LiveDead | None = None
    edits: tuple[Edit, ...] = ()
    approval: Approval | None = None

    @property
    def approved(self) -> bool:
        """A person agreed with it as it stands; an edit afterwards makes the approval void."""
        approval = self.approval
        return approval is not None and all(e.time <= approval.time for e in self.edits)

    @property
    def counted(self) -> tuple[Islet, ...]:
        """The islets that count."""
        return tuple(i for i in self.islets if i.included)

    @property
    def islet_count(self) -> float:
        """Number of islets, border weights applied."""
        return sum(i.weight for i in self.counted)

    @property
    def ieq(self) -> float:
        """Islet equivalents, border weights applied."""
        return sum(i.weight * i.ieq for i in self.counted)


@dataclass(frozen=True, slots=True)
class Failure:
    """One picture that could not be analysed, and why."""

    sample: Sample
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Specimen:
    """One aliquot: its pictures, the volume they were taken from and the day it was taken."""

    name: str
    pictures: tuple[Picture, ...]
    failures: tuple[Failure, ...]
    aliquot_ul: float | None
    dilution: float | None
    day: float | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """Everything known about one lot before it is judged; ``day`` is the last of its days."""

    name: str
    specimens: tuple[Specimen, ...]
    suspension_ml: float | None = None
    recipient_kg: float | None = None
    settled_tissue_ml: float | None = None
    infusion: str | None = None
    day: float | None = None
    assays: tuple[Assay, ...] = ()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All analysed pictures of the lot."""
        return tuple(p for s in self.specimens for p in s.pictures)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """All pictures of the lot that could not be analysed."""
        return tuple(f for s in self.specimens for f in s.failures)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval, or the reason why there is none.

    ``rsd_parts`` names the parts of the relative standard deviation (``sampling``,
    ``pixel size``, ``segmentation``, ``aliquot volume``, ...); they add in squares.
    """

    name: str
    value: float | None
    unit: str
    ci_low: float | None = None
    ci_high: float | None = None
    reason: str = ""
    rsd_parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One limit of the protocol, judged."""

    name: str
    estimate: Estimate
    relation: Relation
    limit: float
    probability: float | None
    verdict: CriterionVerdict
    reason: str
    source: str = ""
    supportive: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """Something a person should look at before believing the numbers; keeps a lot from passing."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Sizes of a culture on one of its days."""

    day: float
    picture_count: int
    islet_count: int
    diameter_mean: Estimate
    diameter_median: Estimate
    quartiles_um: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The lot's answer, limit by limit.

    ``days`` where its sizes were followed over days, ``markers`` where nuclei were judged by them.
    """

    lot: Lot
    verdict: LotVerdict
    reason: str
    criteria: tuple[Criterion, ...]
    estimates: Mapping[str, Estimate]
    conventions: Mapping[str, float]
    flags: tuple[Flag, ...] = ()
    days: tuple[DayFigures, ...] = ()
    markers: tuple[MarkerThreshold, ...] = ()
