"""Is this installation sound? Versions, device, known traps, networks, one drawn picture."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch

from isletqc import __version__, assets, protocol
from isletqc.errors import IsletQCError
from isletqc.measure import islets
from isletqc.run import provenance
from isletqc.run.pool import cores
from isletqc.segment import run as segmentation
from isletqc.synthetic.draw import dithizone_field
from isletqc.training.drawn_accuracy import image_of

QT_BINDINGS = ("PySide6", "PySide6-Essentials", "PyQt6", "PyQt5", "PySide2")
OPENCVS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
Version = Callable[[str], str]
# A sound installation stays far inside; a broken one (wrong weights, wrong channel order) does not.
_FINE_IEQ_ERROR = 0.25


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    fine: bool
    message: str


def examine() -> Iterator[Finding]:
    """Look at everything; findings come as they are made."""
    yield Finding("isletqc", True, f"{__version__}, Python {platform.python_version()}")
    found = provenance.packages()
    missing = [name for name, number in found.items() if not number]
    listed = ", ".join(f"{name} {number}" for name, number in found.items())
    yield Finding("packages", not missing, f"missing: {', '.join(missing)}" if missing else listed)
    yield _device()
    yield opencv(provenance.installed)
    yield qt(provenance.installed, sys.version_info[:2])
    yield from _networks()
    yield from _protocols()
    yield _self_check()


def opencv(version_of: Version) -> Finding:
    """Two OpenCV distributions overwrite each other's files."""
    found = [name for name in OPENCVS if version_of(name)]
    if len(found) == 1:
        return Finding("OpenCV", True, f"{found[0]} {version_of(found[0])}")
    return Finding(
        "OpenCV",
        False,
        f"expected one OpenCV, found {' and '.join(found) or 'none'}; "
        f"repair: pip uninstall -y {' '.join(found or OPENCVS[1:2])} && "
        "pip install opencv-python-headless",
    )


def qt(version_of: Version, python: tuple[int, int]) -> Finding:
    """Several Qt bindings clash; one release of PySide6 ends Python 3.11 without a word."""
    found = {name: version_of(name) for name in QT_BINDINGS if version_of(name)}
    families = {name.split("-")[0] for name in found}
    if len(families) > 1:
        return Finding(
            "Qt", False, f"expected one Qt binding, found {' and '.join(sorted(found))}; keep one"
        )
    if python < (3, 12) and "6.12.0" in found.values():
        return Finding(
            "Qt",
            False,
            "PySide6 6.12.0 crashes Python 3.11 after some minutes; "
            'repair: pip install "PySide6-Essentials!=6.12.0"',
        )
    listed = ", ".join(f"{name} {number}" for name, number in found.items())
    return Finding("Qt", True, listed or "none, and none is needed")


def _device() -> Finding:
    gpu = f"GPU {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "no CUDA GPU"
    return Finding("device", True, f"{gpu}, {cores()} processor cores; auto takes {_auto()}")


def _auto() -> str:
    return segmentation.device_name("auto")


def _networks() -> Iterable[Finding]:
    folders = assets.models()
    if not folders:
        yield Finding("networks", False, "expected networks under models/, found none; reinstall")
    for folder in folders:
        name = f"network {folder.name}"
        try:
            facts = segmentation.network_facts(folder.name)
        except IsletQCError as e:
            yield Finding(name, False, str(e))
        else:
            yield Finding(name, True, f"{facts.title}, SHA-256 {facts.sha256}")


def _protocols() -> Iterable[Finding]:
    for path in assets.configs():
        try:
            found = protocol.load(path.stem)
        except IsletQCError as e:
            yield Finding(f"protocol {path.stem}", False, str(e))
            continue
        settings = found.protocol.segmentation
        if settings.method == "network" and assets.model(settings.network) not in assets.models():
            missing = f"its network {settings.network} is not installed"
            yield Finding(f"protocol {path.stem}", False, missing)


def _self_check() -> Finding:
    """Analyse one drawn picture and hold it against its truth."""
    field = dithizone_field(1, shape_yx=(512, 640), islets=20, dirt=0, bar=False, whole=True)
    settings = protocol.load("dtz-us-generic").protocol
    image = image_of(field)
    try:
        regions = segmentation.segment(image, settings.segmentation, device="cpu")
    except IsletQCError as e:
        return Finding("drawn picture", False, str(e))
    measured = islets.measure(image, regions, settings.sizing).islets
    ieq = sum(islet.weight * islet.ieq for islet in measured if islet.included)
    error = ieq / field.ieq - 1
    message = f"{ieq:.1f} IEQ measured, {field.ieq:.1f} drawn ({error:+.0%})"
    return Finding("drawn picture", abs(error) <= _FINE_IEQ_ERROR, message)
