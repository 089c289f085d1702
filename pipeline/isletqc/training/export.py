"""A network -> ONNX, and a package for the BioImage Model Zoo, both checked against PyTorch.

The exported network takes a prepared picture, (1, 3, y, x) float32 at the working pixel size as
``segment.prepare`` makes it, with y and x multiples of 16, and gives the probability of each class
and, last, the core map.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isletqc import __version__, assets
from isletqc.errors import IsletQCError, UsageError
from isletqc.segment import learned
from isletqc.segment.learned import TrainedNetwork

OPSET = 18
# Two programs add in another order: single precision leaves this much between them.
TOLERANCE = 1e-4
_SAMPLE_PX = 128
_SEED = 0
_MISSING = 'export needs more packages: pip install "isletqc[export]" ({})'


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and the largest difference to PyTorch on a sample."""

    onnx: Path
    package: Path
    largest_difference: float


class _Shares(nn.Module):
    """Probabilities and core map instead of logits."""

    def __init__(self, trained: TrainedNetwork) -> None:
        super().__init__()
        self.network = trained.network
        self.classes = len(trained.network.architecture.classes)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.network(x)
        classes, core = logits[:, : self.classes], logits[:, self.classes :]
        return torch.cat((classes.softmax(dim=1), core.sigmoid()), dim=1)


def export(name: str, out: Path) -> Exported:
    """Export a shipped network into the folder ``out``.

    Raises
    ------
    UsageError
        The packages that write the formats are not installed.
    MissingWeightsError
        There is no such network.
    IsletQCError
        The exported network disagrees with PyTorch; nothing should use it.
    """
    trained = learned.load(assets.model(name), torch.device("cpu"))
    out.mkdir(parents=True, exist_ok=True)
    sample = _sample()
    onnx = out / f"{name}.onnx"
    with torch.inference_mode():
        expected = _Shares(trained).eval()(torch.from_numpy(sample)).numpy()
    _write_onnx(trained, sample, onnx)
    difference = float(np.abs(_answer(onnx, sample) - expected).max())
    if difference > TOLERANCE:
        raise IsletQCError(
            f"{onnx}: expected the answers of PyTorch to {TOLERANCE:g}, found {difference:g}; "
            "do not use this file; try other versions of onnx and onnxruntime"
        )
    package = out / f"{name}.bioimageio.zip"
    _write_package(trained, onnx, package, (sample, expected))
    return Exported(onnx, package, difference)


def _sample() -> NDArray[np.float32]:
    """Smooth random light, the same every time."""
    rng = np.random.default_rng(_SEED)
    coarse = rng.uniform(-1, 1, (1, 3, _SAMPLE_PX // 8, _SAMPLE_PX // 8)).astype(np.float32)
    smooth = nn.functional.interpolate(torch.from_numpy(coarse), scale_factor=8.0, mode="bilinear")
    return np.ascontiguousarray(smooth.numpy())


def _write_onnx(trained: TrainedNetwork, sample: NDArray[np.float32], path: Path) -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as e:
        raise UsageError(_MISSING.format(e.name)) from e
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses packages we do not use
    sizes = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations
        torch.onnx.export(
            _Shares(trained).eval(),
            (torch.from_numpy(sample),),
            path,
            input_names=["picture"],
            output_names=["shares"],
            dynamic_shapes=(sizes,),
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def _answer(path: Path, sample: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        import onnxruntime
    except ImportError as e:
        raise UsageError(_MISSING.format(e.name)) from e
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"picture": sample})
    return np.asarray(answer, dtype=np.float32)


def _write_package(
    trained: TrainedNetwork,
    onnx: Path,
    package: Path,
    tensors: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    try:
        from bioimageio import spec
        from bioimageio.spec.model import v0_5 as model
    except ImportError as e:
        raise UsageError(_MISSING.format(e.name)) from e
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        for name, tensor in zip(("picture", "shares"), tensors, strict=True):
            np.save(there / f"{name}.npy", tensor)
        card = assets.model(trained.name) / "README.md"
        (there / "README.md").write_text(_documentation(trained, card), encoding="utf-8")
        (there / onnx.name).write_bytes(onnx.read_bytes())
        with spec.ValidationContext(root=there, perform_io_checks=False):
            described = model.ModelDescr.model_validate(_description(trained, there, onnx.name))
            package.unlink(missing_ok=True)
            spec.save_bioimageio_package(described, output_path=package, local_files_only=True)


def _documentation(trained: TrainedNetwork, card: Path) -> str:
    if card.is_file():
        return card.read_text(encoding="utf-8")
    return f"# {trained.name}\n\n[bioimageio/Validation]: no card is shipped with this network.\n"


def _description(trained: TrainedNetwork, folder: Path, onnx_name: str) -> dict[str, Any]:
    size = {"min": 64, "step": trained.network.architecture.multiple_px}
    scale = {"unit": "micrometer", "scale": trained.um_per_px}
    like = {axis: {"tensor_id": "picture", "axis_id": axis} for axis in "yx"}
    title = trained.facts.get("title", trained.name)
    return {
        "format_version": "0.5.14",
        "type": "model",
        "name": f"isletqc {trained.name.replace('_', ' ')}",
        "description": f"{title}: class probabilities and a core map that parts touching objects.",
        "version": __version__,
        "authors": [{"name": "The isletqc developers"}],
        "license": "BSD-3-Clause",
        "documentation": {"source": folder / "README.md"},
        "tags": ["segmentation", "islets", trained.facts.get("stain", "microscopy"), "unet"],
        "inputs": [
            {
                "id": "picture",
                "description": "prepared picture: resampled to the scale, -1 dark, +1 bright",
                "axes": [
                    {"type": "batch", "size": 1},
                    {"type": "channel", "channel_names": ["first", "second", "third"]},
                    *({"type": "space", "id": axis, "size": size, **scale} for axis in "yx"),
                ],
                "test_tensor": {"source": folder / "picture.npy"},
                "data": {"type": "float32", "range": [-1.0, 2.0]},
            }
        ],
        "outputs": [
            {
                "id": "shares",
                "description": "probability of each class, then the core map, 0 to 1",
                "axes": [
                    {"type": "batch", "size": 1},
                    {
                        "type": "channel",
                        "channel_names": [*trained.network.architecture.classes, "core"],
                    },
                    *({"type": "space", "id": axis, "size": like[axis], **scale} for axis in "yx"),
                ],
                "test_tensor": {"source": folder / "shares.npy"},
                "data": {"type": "float32", "range": [0.0, 1.0]},
            }
        ],
        "weights": {"onnx": {"source": folder / onnx_name, "opset_version": OPSET}},
    }
