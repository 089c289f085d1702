"""Draw a lot, analyse it, correct it in napari, and photograph every dock.

Without a folder the four pictures of docs/napari.md are made anew; with one, every dock in both
themes and both sizes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZES = ((1600, 1000), (1280, 800))
THEMES = ("dark", "light")
DOCKS = ("Islet QC", "Correct", "Results", "Review")


def main(out: Path, themes: Sequence[str], sizes: Sequence[tuple[int, int]]) -> None:
    """Photograph all docks into ``out``."""
    # A short path, for it is in the pictures.
    work = Path(tempfile.mkdtemp(prefix="lots-"))
    os.environ["NAPARI_CONFIG"] = str(work / "napari.yaml")
    import napari

    from isletqc.plugin import preferences
    from isletqc.plugin.bench import bench_of
    from isletqc.run import batch, correct, demo

    order, _ = demo.prepare(work / "lot", device="cpu")
    finished = batch.run(order)
    pictures = [p for v in finished.results.verdicts for p in v.lot.pictures]
    preferences.set_who("A. Scientist")
    viewer = napari.Viewer()
    docks = {
        name: viewer.window.add_plugin_dock_widget("isletqc", name, tabify=k > 0)
        for k, name in enumerate(DOCKS)
    }
    bench = bench_of(viewer)
    bench.open(order.out)
    panel = docks["Islet QC"][1]
    panel.set_input("Sample sheet", str(work / "lot" / "pictures" / "samples.csv"))
    panel.form.out.setText(str(order.out))
    panel.form.message.say(
        "done", f"{sum(len(p.counted) for p in pictures)} islets counted. {order.out}"
    )
    if bench.work is None:
        raise SystemExit("the drawn lot could not be opened")
    largest = max(bench.work.picture.counted, key=lambda i: i.area_um2)
    bench.change(lambda canvas: correct.exclude(canvas, [largest.label], "out of focus"))
    out.mkdir(parents=True, exist_ok=True)
    for theme in themes:
        viewer.theme = theme
        for width, height in sizes:
            viewer.window.resize(width, height)
            for name in DOCKS:
                docks[name][0].show()
                docks[name][0].raise_()
                if name == "Correct":
                    bench.select([largest.label], fly=True)
                else:
                    viewer.reset_view()
                _settle()
                shot = viewer.window.screenshot(canvas_only=False, flash=False)
                ending = f"_{theme}_{width}" if len(themes) > 1 else ""
                _write(out / f"{name.replace(' ', '_').lower()}{ending}.png", shot)
    bench.save()  # else closing asks, and nobody is there to answer
    while bench.busy:
        _settle()
    viewer.close()


def _settle() -> None:
    from qtpy.QtTest import QTest

    for _ in range(4):
        QTest.qWait(120)


def _write(path: Path, pixels: Any) -> None:
    """Write 256 colours, rare ones kept: a third of the size."""
    from PIL import Image

    few = Image.fromarray(pixels[:, :, :3]).quantize(
        256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    few.save(path, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), THEMES, SIZES)
    else:
        main(Path("docs/napari"), THEMES[1:], SIZES[1:])
