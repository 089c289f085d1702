"""Pictures larger than memory: `isletqc run` on drawn slide scans, its seconds and its memory.

A field is drawn once and laid out in tiles over a pyramidal BigTIFF, so that a scan of any size
is written without holding it. `isletqc run` then analyses it part by part in a process of its
own, whose highest resident memory (VmHWM) and files are watched from here.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import bench_measure as measure
import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from isletqc.protocol import LoadedProtocol

UM_PER_PX = 1.2  # 30,000 pixels are then the 36 mm of a dish
_FIELD_PX, _TILE_PX, _LEVELS, _WATCH_SECONDS = 2048, 256, 4, 0.1

Pixels = NDArray[np.uint8]


def figures(
    sides: Sequence[int], loaded: LoadedProtocol, device: str, folder: Path
) -> dict[str, Any]:
    """Analyse a drawn scan of each side, in pixels."""
    field = _field(folder)
    method = _without_limit(loaded, folder)
    rows = [_run(side, field, (method, device), folder) for side in sides]
    return {"um_per_px": UM_PER_PX, "scans": rows, "ratios": {}}


def table(found: dict[str, Any]) -> str:
    """One line a scan, and where its time went."""
    lines = [
        f"drawn scans at {found['um_per_px']} um a pixel, JPEG tiles of {_TILE_PX}, "
        f"{_LEVELS} levels"
    ]
    for row in found["scans"]:
        stages = ", ".join(f"{name} {taken:.0f}" for name, taken in row["stages"].items())
        lines.append(
            f"{row['side_px']} x {row['side_px']} ({row['file_mb']:.0f} MB): "
            f"{row['seconds']:.0f} s ({stages}), {row['megapixels_per_second']:.2f} megapixels/s, "
            f"{row['islets']} islets, peak memory {row['peak_mb']:.0f} MB, "
            f"planes of {row['planes_mb']:.0f} MB on disk, results of {row['results_mb']:.0f} MB"
        )
    return "\n".join(lines) + "\n"


def scan(path: Path, field: Pixels, side: int) -> None:
    """Write a pyramid of JPEG tiles that shows a field side by side as often as it fits."""
    levels = [field]
    for _ in range(_LEVELS - 1):
        half = levels[-1].shape[0] // 2
        levels.append(
            np.asarray(cv2.resize(levels[-1], (half, half), interpolation=cv2.INTER_AREA))
        )
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, level in enumerate(levels):
            long = side >> number
            file.write(
                _tiles(level, long),
                shape=(long, long, 3),
                dtype=np.uint8,
                photometric="rgb",
                tile=(_TILE_PX, _TILE_PX),
                compression="jpeg",
                subifds=_LEVELS - 1 if number == 0 else 0,
                subfiletype=int(number > 0),
                resolution=(1e4 / UM_PER_PX / 2**number,) * 2,
                resolutionunit="CENTIMETER",
                maxworkers=1,
                metadata=None,
            )


def _tiles(field: Pixels, side: int) -> Iterator[Pixels]:
    period = field.shape[0]
    for top in range(0, side, _TILE_PX):
        for left in range(0, side, _TILE_PX):
            y, x = top % period, left % period
            yield np.ascontiguousarray(field[y : y + _TILE_PX, x : x + _TILE_PX])


def _field(folder: Path) -> Pixels:
    command = ["phantom", str(folder / "field"), "--count", "1", "--seed", "5"]
    command += ["--um-per-px", str(UM_PER_PX), "--shape", f"{_FIELD_PX}x{_FIELD_PX}"]
    subprocess.run(measure.isletqc(*command), check=True, stdout=subprocess.DEVNULL)
    return np.asarray(tifffile.imread(next((folder / "field" / "images").iterdir())))


def _without_limit(loaded: LoadedProtocol, folder: Path) -> Path:
    """Copy a protocol, but for its limit of megapixels."""
    text = Path(loaded.path).read_text(encoding="utf-8")
    path = folder / "huge.yaml"
    path.write_text(
        re.sub(r"(?m)^segmentation:$", "segmentation:\n  max_megapixels: 10000", text),
        encoding="utf-8",
    )
    return path


def _run(side: int, field: Pixels, how: tuple[Path, str], folder: Path) -> dict[str, Any]:
    path, out = folder / f"{side}.tif", folder / f"out-{side}"
    scan(path, field, side)
    method, device = how
    command = ["run", str(path), "-p", str(method), "-o", str(out), "--device", device]
    command += ["--workers", "1", "--fail-on", "never"]
    began = perf_counter()
    process = subprocess.Popen(measure.isletqc(*command), stdout=subprocess.DEVNULL)
    peak_mb, planes_mb = _watched(process, out)
    seconds = perf_counter() - began
    if process.returncode:
        raise SystemExit(f"isletqc run ended with {process.returncode}")
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    picture = results["lots"][0]["images"][0]
    row = {
        "side_px": side,
        "file_mb": path.stat().st_size / 1e6,
        "seconds": seconds,
        "stages": picture["seconds"],
        "megapixels_per_second": side**2 / 1e6 / seconds,
        "islets": picture["islet_count"],
        "peak_mb": peak_mb,
        "planes_mb": planes_mb,
        "results_mb": _size_mb(out),
    }
    path.unlink()
    return row


def _watched(process: subprocess.Popen[bytes], out: Path) -> tuple[float, float]:
    """Highest memory of a process, and most room that its planes on disk took."""
    peak_mb = planes_mb = 0.0
    while process.poll() is None:
        peak_mb = max(peak_mb, _peak_mb(process.pid))
        planes_mb = max(planes_mb, sum(_size_mb(p) for p in out.glob("images/*/planes")))
        sleep(_WATCH_SECONDS)
    return peak_mb, planes_mb


def _peak_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return sum(int(x.split()[1]) for x in text.splitlines() if x.startswith("VmHWM:")) / 1024


def _size_mb(folder: Path) -> float:
    """Room that the files of a folder take on the disk."""
    return sum(_blocks(path) for path in folder.rglob("*")) * 512 / 1e6


def _blocks(path: Path) -> int:
    try:
        return path.stat().st_blocks if path.is_file() else 0
    except OSError:  # taken away meanwhile
        return 0
