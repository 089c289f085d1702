"""How far the area purity of drawn dithizone fields is off, and how many touching pairs are parted.

Takes folders that ``isletqc phantom --stain dithizone`` wrote; prints one line for each.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from isletqc import assets
from isletqc.load import picture
from isletqc.records import BACKGROUND, ISLET
from isletqc.segment import learned
from isletqc.segment.run import segment_with

_LEAST_UM = 50.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    trained = learned.load(assets.model("dithizone"), learned.choose_device("cpu"))
    for folder in parser.parse_args().folders:
        errors, pairs = [], []
        for path in sorted((folder / "images").iterdir()):
            image = picture.read(path, stain="dithizone")
            found = segment_with(image, trained)
            labels, classes = (
                tifffile.imread(folder / n / path.name) for n in ("labels", "classes")
            )
            errors.append(abs(_purity(found.classes) - _purity(classes)))
            least_px = np.pi / 4 * (_LEAST_UM / image.um_per_px) ** 2
            pairs += [_parted(found.labels, labels, pair) for pair in _touching(labels, least_px)]
        purity = f"mean purity error {np.mean(errors):.3f}, largest {np.max(errors):.3f}"
        print(f"{folder.name}: {purity}; touching pairs parted {sum(pairs)} of {len(pairs)}")  # noqa: T201


def _purity(classes: NDArray[Any]) -> float:
    return float((classes == ISLET).sum() / max(1, (classes != BACKGROUND).sum()))


def _touching(labels: NDArray[Any], least_px: float) -> set[tuple[int, int]]:
    """Pairs of islets, both large enough to count, that share a border."""
    areas = np.bincount(labels.ravel())
    found: set[tuple[int, int]] = set()
    for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        meet = (one != other) & (one > 0) & (other > 0)
        found |= {(min(a, b), max(a, b)) for a, b in zip(one[meet], other[meet], strict=True)}
    return {(int(a), int(b)) for a, b in found if min(areas[a], areas[b]) >= least_px}


def _parted(found: NDArray[Any], labels: NDArray[Any], pair: tuple[int, int]) -> bool:
    """Whether the two lie, for the most part, in two different islets that were found."""
    first, second = (_mostly(found[labels == number]) for number in pair)
    return first != second and min(first, second) > 0


def _mostly(numbers: NDArray[Any]) -> int:
    inside = numbers[numbers > 0]
    return int(np.bincount(inside).argmax()) if inside.size else 0


if __name__ == "__main__":
    main()
