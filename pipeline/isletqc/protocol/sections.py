"""What a protocol says, section by section, and how its sections must fit one another.

Frozen models that refuse unknown keys. Defaults stand here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from isletqc.records import Relation, Stain

Convention = Literal["sphere", "ricordi-long", "ricordi-short", "prolate", "oblate", "extrusion"]


class Frozen(BaseModel):
    """Never changed after it was read; no unknown key, no infinite number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Segmentation(Frozen):
    """How the islets are found."""

    method: Literal["network", "classical"] = "network"
    network: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*)?$",
        description="name of a folder under models/; classical needs none",
    )
    max_megapixels: float = Field(400, gt=0, description="larger pictures are refused")
    uncertainty: bool = Field(
        False, description="segment mirror images and other scales too and state the spread (6x)"
    )

    @model_validator(mode="after")
    def _network_has_a_name(self) -> Segmentation:
        if self.method == "network" and not self.network:
            raise ValueError("method network needs a network, the name of a folder under models/")
        return self


class Sizing(Frozen):
    """Which objects count, and what an islet equivalent is."""

    convention: Convention = "sphere"
    min_diameter_um: float = Field(50, ge=0, description="smaller islets do not count")
    border: Literal["none", "counting-frame", "miles-lantuejoul"] = "none"
    largest_share_flag: float = Field(
        0.25, gt=0, le=1, description="flag when the three largest objects hold more of the IEQ"
    )
    window_um: tuple[Annotated[float, Field(ge=0)], float] | None = Field(
        None, description="size window of the product, diameters in um, smallest first"
    )
    oversize_um: tuple[float, ...] = Field(
        (200, 250, 300), description="fractions of islets over these diameters are reported"
    )
    fused_neck_ratio: float = Field(
        0.85, gt=0, lt=1, description="clusters with a waist up to this share of a lobe are fused"
    )
    mantled_share: float = Field(
        0.5, gt=0, le=1, description="islets with more of their outline on exocrine tissue"
    )

    @model_validator(mode="after")
    def _smallest_first(self) -> Sizing:
        if self.window_um is not None and self.window_um[0] >= self.window_um[1]:
            raise ValueError("window_um must give the smallest diameter first, then the largest")
        return self


class Purity(Frozen):
    """Which purity is meant; the three definitions give different numbers."""

    definition: Literal["area", "volume", "count"] = "area"


class Viability(Frozen):
    """How live and dead tissue are told apart, and which viability is meant."""

    live_channel: str | Annotated[int, Field(ge=1)] = Field(
        1, description="name, or place in the file (1 is the first), of the live stain"
    )
    dead_channel: str | Annotated[int, Field(ge=1)] = Field(
        2, description="name, or place in the file (1 is the first), of the dead stain"
    )
    definition: Literal["tissue-weighted", "islet-mean", "by-islet"] = "tissue-weighted"
    live_threshold: float = Field(
        0.5, gt=0, le=1, description="live fraction from which an islet counts as live (by-islet)"
    )
    min_islets: int = Field(20, ge=2, description="with fewer the viability is not determined")
    bleed_through: float | Literal["estimate"] = Field(
        "estimate", description="live stain seen in the dead channel, share of the live channel"
    )
    max_saturated: float = Field(
        0.02, ge=0, le=1, description="fraction of islet pixels at full scale in either channel"
    )
    min_separation: float = Field(
        4, gt=1, description="live over dead light: ratio in live tissue / ratio in dead tissue"
    )
    depth_step_um: float = Field(20, gt=0, description="of the live fraction by depth")
    method_sd: float = Field(
        0.01, ge=0, description="standard deviation of the method itself, of the viability"
    )

    @model_validator(mode="after")
    def _two_channels(self) -> Viability:
        if self.live_channel == self.dead_channel:
            raise ValueError("live_channel and dead_channel must differ")
        if self.bleed_through != "estimate" and not 0 <= self.bleed_through < 1:
            raise ValueError("bleed_through must be estimate, or from 0 to under 1")
        return self


class Nuclei(Frozen):
    """How nuclei are found."""

    channel: str | Annotated[int, Field(ge=1)] = Field(
        1, description="name, or place in the file (1 is the first), of the nuclear stain"
    )
    diameter_um: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = Field(
        (4, 16), description="smallest and largest nucleus"
    )

    @model_validator(mode="after")
    def _smallest_first(self) -> Nuclei:
        if self.diameter_um[0] >= self.diameter_um[1]:
            raise ValueError("diameter_um must give the smallest nucleus first, then the largest")
        return self


class Marker(Frozen):
    """One marker: where its stain is read."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]*$", description="short name, for estimates")
    title: str = Field("", description="name for people; empty takes the short one")
    channel: str | Annotated[int, Field(ge=1)] = Field(
        description="name, or place in the file (1 is the first), of its channel"
    )
    place: Literal["nucleus", "ring"] = Field(
        "nucleus", description="in the nucleus, or in a ring around it for cytoplasmic markers"
    )
    ring_um: float = Field(2, gt=0, le=10, description="width of the ring")
    bleed_through: dict[str | int, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default_factory=dict, description="channel: share of it that is seen in this channel"
    )


class Markers(Frozen):
    """Which fractions of the nuclei are reported, and where positive begins."""

    nuclei: Nuclei = Nuclei()
    positive: tuple[Marker, ...] = Field(min_length=1)
    coexpression: tuple[tuple[str, ...], ...] = ()
    threshold: Literal["control", "two-components"] = "control"
    control_percentile: float = Field(99, gt=50, lt=100, description="of the control's nuclei")
    max_control_shift: float = Field(
        0.3, ge=0, description="negative nuclei of the sample may be brighter by up to this share"
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Markers:
        names = [marker.name for marker in self.positive]
        if len(set(names)) < len(names):
            raise ValueError("markers must have different names")
        for group in self.coexpression:
            unknown = sorted(set(group) - set(names))
            if unknown or len(set(group)) < 2:
                raise ValueError(
                    "coexpression needs two or more different markers of the list positive; "
                    f"found {', '.join(group)}"
                )
        return self


class FitnessLimits(Frozen):
    """Beyond these a picture is unfit and its lot goes to review."""

    min_focus: float = Field(
        0.42, ge=0, description="sharpness of edges: 1 sharp, 0.42 blurred by 11 um, 0.25 wholly"
    )
    max_saturated: float = Field(0.02, ge=0, le=1, description="fraction of pixels at full scale")
    max_black: float = Field(
        0.1, ge=0, le=1, description="fraction under 1 % of full scale, on a bright ground"
    )
    min_contrast: float = Field(
        0.1, ge=0, le=1, description="difference of the strongest object from the background"
    )
    min_evenness: float = Field(0.5, ge=0, le=1, description="dimmest background / brightest")
    max_off_field: float = Field(
        0.06, ge=0, le=1, description="fraction of the field with a light unlike the rest"
    )
    um_per_px: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = Field(
        (0.2, 25), description="plausible pixel sizes, smallest and largest"
    )
    file_pixel_size: Literal["must-agree", "ignored"] = Field(
        "must-agree",
        description="with a pixel size that was given: a file that says another by over 1 % sends "
        "the lot to review, unless what files say is known to be wrong",
    )
    min_likeness: float = Field(0.75, ge=0, le=1, description="likeness to the training pictures")

    @model_validator(mode="after")
    def _smallest_first(self) -> FitnessLimits:
        if self.um_per_px[0] >= self.um_per_px[1]:
            raise ValueError("um_per_px must give the smallest pixel size first, then the largest")
        return self


class Uncertainty(Frozen):
    """Relative standard deviations that the pictures cannot tell."""

    confidence: float = Field(0.95, gt=0.5, lt=1)
    pixel_size_rsd: float = Field(0.01, ge=0, description="cubed in volumes: counts three times")
    segmentation_rsd: float | None = Field(
        None, ge=0, description="of total volume; None takes the network's own validation figure"
    )
    aliquot_rsd: float = Field(0.03, ge=0, description="volume of one aliquot; pipetting")
    mixing_rsd: float = Field(
        0, ge=0, description="of concentration between aliquots; one aliquot alone cannot show it"
    )
    dilution_rsd: float = Field(0.02, ge=0)
    suspension_rsd: float = Field(0.01, ge=0)
    recipient_rsd: float = Field(0.005, ge=0)
    settled_tissue_rsd: float = Field(0.05, ge=0)


class Release(Frozen):
    """Who must sign the results before they may be used for release."""

    signatures: Literal["none", "author", "author-and-reviewer"] = Field(
        "none", description="author-and-reviewer needs two different people with keys of their own"
    )


class Limit(Frozen):
    """One release limit, held against the estimate of that name."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    estimate: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    relation: Relation
    limit: float
    unit: str
    infusion: Literal["first", "later"] | None = Field(
        None, description="only for this infusion; the sheet says which it is"
    )
    supportive: bool = Field(False, description="shown, but never decides the lot")
    entered: bool = Field(
        False, description="about an assay of that name that a person types in, never computed"
    )
    source: str = ""


class Protocol(Frozen):
    """The whole method."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str
    status: Literal["draft", "approved", "retired"]
    title: str
    stain: Stain
    segmentation: Segmentation
    sizing: Sizing = Sizing()
    purity: Purity | None = None
    viability: Viability | None = None
    markers: Markers | None = None
    fitness: FitnessLimits = FitnessLimits()
    uncertainty: Uncertainty = Uncertainty()
    assurance: float = Field(0.95, gt=0.5, lt=1, description="probability that decides")
    limits: tuple[Limit, ...] = ()
    release: Release = Release()
    notes: str = ""

    @model_validator(mode="after")
    def _limit_names_differ(self) -> Protocol:
        names = [limit.name for limit in self.limits]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"limits must have different names; found twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _markers_fit_the_stain(self) -> Protocol:
        if (self.markers is not None) != (self.stain == "immunofluorescence"):
            raise ValueError(
                "a markers section goes with stain immunofluorescence, and only with it"
            )
        if self.markers is None:
            return self
        binding = [limit.name for limit in self.limits if not limit.supportive]
        if binding:
            raise ValueError(
                "limits on immunofluorescence must say supportive: true, as flow cytometry is the "
                f"method of record; found {', '.join(binding)}"
            )
        return self

    @model_validator(mode="after")
    def _viability_fits_the_stain(self) -> Protocol:
        if (self.viability is not None) != (self.stain == "live-dead"):
            raise ValueError("a viability section goes with stain live-dead, and only with it")
        return self
