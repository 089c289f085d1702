"""Islets of a picture -> the few bytes by which the page answers to a pointer over its overlay.

Each islet is ``label,x,y,r,diameter,ieq,reason``: centre and radius in ten-thousandths of the
picture's width, diameter in um, and the place of the reason why it does not count in a list that
the whole page shares (0: it counts). Islets are parted by ``;`` and fall in size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from isletqc.records import Islet, Picture
from isletqc.report import texts

# About 40 bytes each: at most 800 kB of the page.
MOST_ON_PAGE = 20_000
_WIDTH = 10_000


def reasons(pictures: Iterable[Picture]) -> tuple[str, ...]:
    """Give every reason for which an islet does not count; the first one is empty: it counts."""
    found = (_reason(i) for p in pictures for i in p.islets if not i.included)
    return ("", *dict.fromkeys(found))


def islet_data(picture: Picture, places: Mapping[str, int], most: int) -> str:
    """Write the largest ``most`` islets of a picture; ``places`` is where each reason stands."""
    largest = sorted(picture.islets, key=lambda i: (-i.diameter_um, i.label))[:most]
    per_um = _WIDTH / (picture.shape_yx[1] * picture.um_per_px)
    return ";".join(_one(islet, per_um, places) for islet in largest)


def share(pictures: Sequence[Picture]) -> int:
    """How many islets of each picture the page can hold."""
    return max(MOST_ON_PAGE // max(len(pictures), 1), 20)


def _one(islet: Islet, per_um: float, places: Mapping[str, int]) -> str:
    y, x = islet.centroid_yx_um
    reason = 0 if islet.included else places[_reason(islet)]
    where = f"{x * per_um:.0f},{y * per_um:.0f},{islet.diameter_um / 2 * per_um:.0f}"
    return f"{islet.label},{where},{islet.diameter_um:.0f},{islet.ieq:.3g},{reason}"


def _reason(islet: Islet) -> str:
    return islet.exclusion_reason or texts.NO
