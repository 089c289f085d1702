"""What is to be analysed: paths and a sample sheet become samples, in a fixed order.

A file is a picture of the lot named after its folder; ``FILE#SERIES`` is one of several in a file.
A folder is searched with all its subfolders; each folder is a lot of one specimen. With a sheet
the sheet names the pictures, and the paths choose among its lots. Nothing is left out without a
note that says so.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isletqc.errors import UsageError
from isletqc.load import location
from isletqc.load import sheet as sheets
from isletqc.protocol import Protocol
from isletqc.records import Sample

# Names that promise a picture. Those that the loader cannot read become error rows, not gaps.
SUFFIXES = frozenset(
    (
        *(".bmp", ".gif", ".jp2", ".jpe", ".jpeg", ".jpg", ".png", ".pnm", ".ppm", ".webp"),
        *(".btf", ".dcm", ".dng", ".lsm", ".qptiff", ".stk", ".tf8", ".tif", ".tiff"),
        *(".czi", ".ims", ".lif", ".mrxs", ".nd2", ".ndpi", ".oib", ".oif", ".oir", ".scn"),
        *(".svs", ".vsi", ".zarr", ".zvi"),
    )
)
SHEET_NAME = "samples.csv"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Samples in the order of analysis, and what a person should know about the choice."""

    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """Pictures by folder, other files, folders left out."""

    pictures: tuple[Path, ...]
    others: tuple[Path, ...]
    skipped: tuple[Path, ...]


def gather(paths: Sequence[Path], *, sheet: Path | None, out: Path) -> Inputs:
    """Find all samples.

    Parameters
    ----------
    paths : pictures and folders; may be empty when there is a sheet
    sheet : sample sheet, or None
    out : the run's output folder, which is never searched

    Raises
    ------
    UsageError
        A path does not exist, there is nothing to analyse, or a named picture is not in the sheet.
    SheetError
        The sheet is wrong.
    """
    missing = [str(p) for p in paths if not location.exists(p)]
    if missing:
        raise UsageError(f"no such file or folder: {', '.join(missing)}")
    if sheet is None and not paths:
        raise UsageError("expected pictures, folders or a sample sheet (-s), found none")
    found = _search(paths, out)
    inputs = _without_sheet(paths, found) if sheet is None else _with_sheet(paths, found, sheet)
    if not inputs.samples:
        names = ", ".join(map(str, paths))
        raise UsageError(f"no pictures in {names}; picture names end in .tif, .png, .jpg, ...")
    return inputs


def check_stains(samples: Iterable[Sample], protocol: Protocol) -> None:
    """Refuse samples whose sheet names a stain other than the protocol's.

    Raises
    ------
    UsageError
        With the first such picture.
    """
    for sample in samples:
        if sample.stain is not None and sample.stain != protocol.stain:
            raise UsageError(
                f"{sample.image}: the sheet says stain {sample.stain}, but protocol "
                f"{protocol.name} is for {protocol.stain}; choose another protocol with -p"
            )


def check_pixel_sizes(samples: Iterable[Sample], um_per_px: float | None) -> None:
    """Refuse a pixel size that contradicts the sheet's.

    Raises
    ------
    UsageError
        The command and the sheet give different pixel sizes for one picture.
    """
    for sample in samples:
        if um_per_px and sample.pixel_size_um and sample.pixel_size_um != um_per_px:
            raise UsageError(
                f"{sample.image}: the sheet says {sample.pixel_size_um} um per pixel, the command "
                f"says {um_per_px}; give it in one place only"
            )


def _search(paths: Sequence[Path], out: Path) -> _Found:
    pictures: dict[Path, Path] = {}
    others: list[Path] = []
    skipped: list[Path] = []
    for path in paths:
        if not path.is_dir() or location.is_zarr(path):
            pictures.setdefault(location.real(path), path)
            continue
        for folder, names in _folders(path, out, skipped):
            for name in names:
                if _is_picture(folder / name):
                    pictures.setdefault(location.real(folder / name), folder / name)
                else:
                    others.append(folder / name)
    return _Found(tuple(pictures.values()), tuple(others), tuple(skipped))


def _folders(top: Path, out: Path, skipped: list[Path]) -> Iterable[tuple[Path, list[str]]]:
    """Every folder below ``top`` with its files, sorted; results of runs are left out."""
    seen: set[Path] = set()
    for here, subfolders, names in os.walk(top, onerror=_refuse, followlinks=True):
        folder = Path(here)
        if location.real(folder) in seen:  # a link that leads back
            subfolders.clear()
            continue
        seen.add(location.real(folder))
        results = [s for s in subfolders if _is_results(folder / s, out)]
        # A folder called like a picture and empty is a mistake to be shown, not an empty lot.
        odd = [s for s in subfolders if _is_picture(folder / s) and _is_whole(folder / s)]
        skipped.extend(
            folder / s for s in results if location.real(folder / s) != location.real(out)
        )
        subfolders[:] = sorted(
            s for s in subfolders if s not in results + odd and not s.startswith(".")
        )
        if location.real(folder) == location.real(out):
            subfolders[:] = [s for s in subfolders if s != "images"]
        yield folder, sorted([n for n in names if not _is_clutter(n)] + odd)


def _refuse(error: OSError) -> None:
    raise UsageError(
        f"{error.filename}: expected a folder that can be searched for pictures, found: "
        f"{error.strerror}; make it readable, or name the other folders"
    ) from error


def _is_whole(folder: Path) -> bool:
    """Tell a folder that stands for one picture (OME-Zarr), or for none where one was meant."""
    return location.is_zarr(folder) or not any(folder.iterdir())


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _is_clutter(name: str) -> bool:
    """Files that desktops leave in folders; a hidden picture is no clutter."""
    return name.startswith("._") or (name.startswith(".") and not _is_picture(Path(name)))


def _is_results(folder: Path, out: Path) -> bool:
    wrote = (folder / "log.jsonl").is_file() and (folder / "images").is_dir()
    return wrote or location.real(folder) == location.real(out)


def _without_sheet(paths: Sequence[Path], found: _Found) -> Inputs:
    lots = _lot_names(paths, found.pictures)
    samples = tuple(Sample(image=str(p), lot=lots[p.parent]) for p in found.pictures)
    sheets_seen = [p for p in found.others if p.name.lower() == SHEET_NAME]
    notes = [f"{p} is not used: name it with -s to use it" for p in sheets_seen]
    return Inputs(samples, (*notes, *_leftovers(found, used=sheets_seen)))


def _lot_names(paths: Sequence[Path], pictures: Sequence[Path]) -> Mapping[Path, str]:
    """Name each folder by its path below the folder that was given, or else by its own name."""
    folders = dict.fromkeys(p.parent for p in pictures)
    tops = [p for p in paths if p.is_dir()]
    names = {f: _below(f, tops) or location.real(f).name or str(f) for f in folders}
    counts = Counter(names.values())
    return {f: name if counts[name] == 1 else f.as_posix() for f, name in names.items()}


def _below(folder: Path, tops: Sequence[Path]) -> str:
    for top in tops:
        if folder != top and folder.is_relative_to(top):
            return folder.relative_to(top).as_posix()
    return ""


def _with_sheet(paths: Sequence[Path], found: _Found, sheet: Path) -> Inputs:
    samples = sheets.read(sheet)
    if not paths:
        return Inputs(samples)
    given = {location.real(p) for p in found.pictures}
    listed = {place for s in samples for place in _places(s)}
    named = [p for p in paths if not p.is_dir() and location.real(p) not in listed]
    if named:
        raise UsageError(
            f"{', '.join(map(str, named))}: not in the sample sheet {sheet}; add a line for each"
        )
    # A lot is analysed whole: leaving pictures out of it could only flatter it.
    lots = {s.lot for s in samples if given & _places(s)}
    chosen = tuple(s for s in samples if s.lot in lots)
    if not chosen:
        raise UsageError(f"no picture of the sample sheet {sheet} is in {_names(paths)}")
    return Inputs(chosen, tuple(_sheet_notes(samples, chosen, found, sheet)))


def _places(sample: Sample) -> frozenset[Path]:
    """Resolve a picture's location, and the file that holds it among others."""
    path = Path(sample.image)
    return frozenset((location.real(path), location.real(location.split(path)[0])))


def _sheet_notes(
    samples: Sequence[Sample], chosen: Sequence[Sample], found: _Found, sheet: Path
) -> Iterable[str]:
    listed = {place for s in samples for place in _places(s)}
    unlisted = [p for p in found.pictures if location.real(p) not in listed]
    if unlisted:
        yield f"not in the sample sheet, so not analysed: {_names(unlisted)}"
    if len(chosen) < len(samples):
        left = dict.fromkeys(s.lot for s in samples if s not in chosen)
        yield f"lots of the sheet without a picture in the paths given: {', '.join(left)}"
    yield from _leftovers(found, used=[sheet])


def _leftovers(found: _Found, *, used: Sequence[Path]) -> Iterable[str]:
    known = {location.real(p) for p in used}
    others = [p for p in found.others if location.real(p) not in known]
    if others:
        yield f"no pictures by their names, so not analysed: {_names(others)}"
    if found.skipped:
        yield f"results of earlier runs, so not searched: {_names(found.skipped)}"


def _names(paths: Sequence[Path], most: int = 5) -> str:
    shown = ", ".join(str(p) for p in paths[:most])
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most} more"
