"""The recipe of a network: one YAML file beside its weights, enough to train it again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isletqc.errors import UsageError
from isletqc.records import Stain
from isletqc.segment.split import SMALLEST_UM
from isletqc.training.core_map import Core


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RealSource(_Frozen):
    """Pictures with label images: ``images/``, ``labels/`` and, where there is one, ``ignore/``."""

    kind: Literal["real"]
    images: Path = Field(description="folder of pictures, relative to the data folder")
    labels: Path = Field(description="folder of label images (PNG, TIFF) with the pictures' stems")
    classes: Path | None = Field(
        None,
        description="folder of class images (0 background, 1 exocrine, 2 islet); a network that "
        "knows exocrine tissue needs them",
    )
    ignore: Path | None = Field(None, description="folder of masks: neither rewarded nor punished")
    boxes: Path | None = Field(None, description="CSV with the burnt-in scale bar of each picture")
    um_per_px: float | None = Field(None, gt=0)
    object_um: float | None = Field(
        None,
        gt=0,
        description="where pixel sizes are unknown: diameter of each picture's median object",
    )
    drafts: bool = Field(False, description="labels are drafts: move outlines, leave out doubts")
    pasted: int = Field(0, ge=0, description="clusters pasted into a copy of each picture")
    share: float = Field(1, gt=0, description="how often crops come from here, against others")

    @model_validator(mode="after")
    def _one_scale(self) -> RealSource:
        if (self.um_per_px is None) == (self.object_um is None):
            raise ValueError("expected either um_per_px or object_um")
        return self


class CorrectedSource(_Frozen):
    """A folder of results that a person corrected and approved."""

    kind: Literal["corrected"]
    results: Path = Field(description="OUT of a run; its approved pictures are used")
    share: float = Field(1, gt=0, description="how often crops come from here, against others")


class DrawnSource(_Frozen):
    """Drawn fields with exact truth."""

    kind: Literal["drawn"]
    stain: Stain
    fields: int = Field(gt=0)
    side_px: int = Field(768, gt=0)
    um_per_px: tuple[float, float] = Field(description="drawn log-uniformly from this range")
    without: tuple[str, ...] = Field((), description="named looks that are left out")
    seed: int = 1
    share: float = Field(1, gt=0)


class Recipe(_Frozen):
    """Everything that decides the weights, but for the pictures themselves."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    stain: Stain
    classes: tuple[str, ...]
    channels: tuple[int, ...] = (16, 32, 64, 96, 128)
    um_per_px: float = Field(gt=0, description="working pixel size")
    core: Core = Field("distance", description="what the map that parts touching islets shows")
    core_um: float = Field(25, gt=0, description="depth at which the core map reaches one")
    smallest_um: float = Field(SMALLEST_UM, gt=0, description="smaller findings are no objects")
    outline_level: float = Field(
        0.5, gt=0, lt=1, description="probability of an islet on its outline, chosen by validation"
    )
    tissue_level: float = Field(
        0.5, gt=0, lt=1, description="the same of exocrine tissue; below 0.5 pale tissue counts"
    )
    scale_jitter: float = Field(0.3, ge=0, description="largest change of scale, natural log")
    sources: tuple[RealSource | CorrectedSource | DrawnSource, ...] = Field(min_length=1)
    crop_px: int = Field(160, gt=0, multiple_of=16)
    batch: int = Field(8, gt=0)
    steps: int = Field(gt=0)
    second_round_steps: int = Field(
        0,
        ge=0,
        description="steps of a second cycle; drafts give way to the first round's outlines",
    )
    learning_rate: float = Field(2e-3, gt=0)
    averaging: float = Field(0.998, gt=0, lt=1, description="decay of the averaged weights")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of training; bfloat16 takes half the time where the chip knows it"
    )
    start_from: str | None = Field(None, description="network whose weights to start from")
    seed: int = 0


def load(path: Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    UsageError
        Not there, not YAML, or a value out of range.
    """
    try:
        return Recipe.model_validate(YAML(typ="safe", pure=True).load(path))
    except (OSError, YAMLError) as e:
        raise UsageError(f"{path}: cannot be read as a recipe: {e}") from e
    except ValidationError as e:
        faults = (f"{path}: {'.'.join(map(str, f['loc']))}: {f['msg']}" for f in e.errors())
        raise UsageError("\n".join(faults)) from e
