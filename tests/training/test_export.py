"""Exported networks answer as PyTorch does, at other sizes too, and the zoo's package is valid."""

from pathlib import Path

import numpy as np
import pytest
import torch

from isletqc import assets
from isletqc.segment import learned
from isletqc.training.export import TOLERANCE, export

# The model zoo's library leaves its files for the garbage collector to close.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

onnxruntime = pytest.importorskip("onnxruntime", reason="needs isletqc[export]")
spec = pytest.importorskip("bioimageio.spec", reason="needs isletqc[export]")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    done = export("cluster_brightfield", tmp_path_factory.mktemp("exported"))
    return done.onnx, done.package


def test_onnx_runtime_gives_the_probabilities_of_the_program(written: tuple[Path, Path]) -> None:
    trained = learned.load(assets.model("cluster_brightfield"), torch.device("cpu"))
    pixels = np.random.default_rng(1).uniform(-1, 1, (96, 160, 3)).astype(np.float32)
    expected = learned.predict(trained, pixels)
    session = onnxruntime.InferenceSession(str(written[0]), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"picture": pixels.transpose(2, 0, 1)[None]})
    shares = np.moveaxis(np.asarray(expected.probabilities), -1, 0)
    np.testing.assert_allclose(answer[0, :-1], shares, atol=TOLERANCE)
    np.testing.assert_allclose(answer[0, -1], expected.core, atol=TOLERANCE)


def test_the_package_follows_the_format_of_the_model_zoo(written: tuple[Path, Path]) -> None:
    described = spec.load_description(written[1], perform_io_checks=False)
    assert described.validation_summary.status in {"valid-format", "passed"}
    assert described.inputs[0].axes[2].scale == pytest.approx(3.2)
