"""Time of the bench on a large picture: open, one correction until its numbers show, memory.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/bench_napari.py

Draws 4096 x 4096 pixels with about 2,000 islets (a drawn field, tiled), analyses them with
thresholds and with the network, opens the result in napari with all docks, and makes edits.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

TILES, SIDE_PX, UM_PER_PX, ISLETS = 4, 1024, 2.0, 155
PROTOCOL = """\
name: thresholds
version: "1"
status: draft
title: Thresholds and watershed
stain: dithizone
segmentation: {method: classical}
"""


def main() -> None:
    """Print one line a figure."""
    work = Path(tempfile.mkdtemp(prefix="isletqc-bench-"))
    os.environ["NAPARI_CONFIG"] = str(work / "napari.yaml")
    picture = draw(work)
    (work / "thresholds.yaml").write_text(PROTOCOL, encoding="utf-8")
    for method in (str(work / "thresholds.yaml"), "dtz-us-generic"):
        out = work / Path(method).stem
        say(f"run, {Path(method).stem}", analyse(picture, method, out))
    say_memory("analysed")
    edit(work / "thresholds")
    say_memory("opened and edited")


def draw(work: Path) -> Path:
    """Draw one field and tile it, with its mirror images."""
    from isletqc.run.phantoms import write_tiff
    from isletqc.synthetic.draw import dithizone_field

    field = dithizone_field(3, shape_yx=(SIDE_PX, SIDE_PX), um_per_px=UM_PER_PX, islets=ISLETS)
    both = np.concatenate([field.pixels, field.pixels[:, ::-1]], axis=1)
    four = np.concatenate([both, both[::-1]])
    return write_tiff(work / "large.tif", np.tile(four, (TILES // 2, TILES // 2, 1)), UM_PER_PX)


def analyse(picture: Path, protocol: str, out: Path) -> float:
    """Run it as the panel does; gives the seconds."""
    from isletqc.plugin.choice import Choice, order
    from isletqc.run import batch

    begun = perf_counter()
    batch.run(order(Choice(picture, None, protocol, out)))
    return perf_counter() - begun


def edit(out: Path) -> None:
    """Open the result with all docks, delete, exclude and split islets, undo."""
    import napari
    from qtpy.QtWidgets import QApplication

    from isletqc.plugin import preferences
    from isletqc.plugin.bench import bench_of
    from isletqc.run import correct

    preferences.set_who("bench")
    viewer = napari.Viewer()
    for name in ("Correct", "Review", "Results"):
        viewer.window.add_plugin_dock_widget("isletqc", name, tabify=True)
    bench = bench_of(viewer)
    begun = perf_counter()
    bench.open(out)
    QApplication.processEvents()
    say("open", perf_counter() - begun)
    if bench.work is None:
        raise SystemExit("the picture could not be opened")
    labels = [i.label for i in bench.work.picture.islets]
    say("islets", str(len(labels)))
    seconds: list[float] = []
    drawn: list[float] = []
    for label in labels[:: len(labels) // 10][:10]:
        for make in (
            lambda canvas, n=label: correct.exclude(canvas, [n], "bench"),
            lambda canvas, n=label: correct.delete(canvas, [n]),
        ):
            bench.change(make)
            seconds.append(bench.round_seconds)
            begun = perf_counter()
            QApplication.processEvents()
            drawn.append(perf_counter() - begun)
    say("edit to numbers, median", statistics.median(seconds))
    say("edit to numbers, longest", max(seconds))
    say("then drawn, median", statistics.median(drawn))
    bench.work = None
    viewer.close()


def say(what: str, found: float | str) -> None:
    """Print a figure; a number is a time."""
    words = found if isinstance(found, str) else f"{found:.2f} s"
    sys.stdout.write(f"{what:<28} {words}\n")
    sys.stdout.flush()


def say_memory(what: str) -> None:
    """Print the highest memory so far."""
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say(f"peak memory, {what}", f"{kib / 1024**2:.2f} GiB")


if __name__ == "__main__":
    main()
