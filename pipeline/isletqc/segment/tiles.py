"""Large picture -> tiles that a network sees one at a time, and what of each is kept.

Neighbours overlap by more than the network's field of view and start on whole blocks of its
deepest level, so that tiles give what the whole picture would give, to rounding. Of all grids whose
tiles stay under the limit, the one that reads the fewest pixels is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

MARGIN_PX = 96

Slices = tuple[slice, slice]
_Spans = tuple[tuple[slice, slice], ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: what is read, where the kept part lies in the picture, and where in the tile."""

    read: Slices
    write: Slices
    keep: Slices


def plan(shape_yx: tuple[int, int], limit_px: float, block_px: int) -> Iterator[Tile]:
    """Cover a picture by tiles, the largest first: memory for it then serves all others.

    Parameters
    ----------
    shape_yx : height and width of the picture
    limit_px : most pixels that a tile may have, as far as margins allow
    block_px : tiles start on multiples of this
    """
    across, down = (_cuts(length, block_px) for length in shape_yx)
    grids = [(y, x) for y, x in product(across, down) if _most(y) * _most(x) <= limit_px]
    rows, columns = min(
        grids or [(across[-1], down[-1])], key=lambda grid: _reads(grid[0]) * _reads(grid[1])
    )
    for (write_y, read_y), (write_x, read_x) in sorted(product(rows, columns), key=_smallness):
        keep = (_within(write_y, read_y), _within(write_x, read_x))
        yield Tile((read_y, read_x), (write_y, write_x), keep)


def _cuts(length: int, block_px: int) -> list[_Spans]:
    """Cut a length into 1, 2, 3, ... even spans, down to spans as long as their margin."""
    most = max(1, length // MARGIN_PX)
    steps = dict.fromkeys(-(-length // (n * block_px)) * block_px for n in range(1, most + 1))
    margin = -(-MARGIN_PX // block_px) * block_px
    return [_spans(length, step, margin) for step in steps]


def _spans(length: int, step: int, margin: int) -> _Spans:
    """Give each span's kept part and what is read around it."""
    return tuple(
        (
            slice(start, min(start + step, length)),
            slice(max(0, start - margin), min(start + step + margin, length)),
        )
        for start in range(0, length, step)
    )


def _smallness(spans: _Spans) -> int:
    """Less the pixels that are read for a span of rows and one of columns."""
    (_, rows), (_, columns) = spans
    return -int((rows.stop - rows.start) * (columns.stop - columns.start))


def _most(spans: _Spans) -> int:
    return max(int(read.stop - read.start) for _, read in spans)


def _reads(spans: _Spans) -> int:
    return sum(read.stop - read.start for _, read in spans)


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)
