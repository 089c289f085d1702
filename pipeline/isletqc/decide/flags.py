"""What a person should look at before believing the numbers; any flag keeps a lot from passing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from isletqc.decide.dispersion import Dispersion
from isletqc.decide.lot import sample_pictures
from isletqc.decide.spread import Known
from isletqc.load.pixel_size import contradicted
from isletqc.protocol import Protocol
from isletqc.records import Flag, Lot


def flags(
    lot: Lot,
    protocol: Protocol,
    known: Mapping[str, Known],
    *,
    mixing: Mapping[str, Dispersion],
) -> tuple[Flag, ...]:
    """Raise every flag of a lot.

    Parameters
    ----------
    lot : for its failed, unfit and repeated pictures
    protocol : for the share that the largest objects may hold
    known : the estimates, with ``largest_three_share``
    mixing : dispersion between aliquots, by unit
    """
    return (
        *_failed(lot),
        *_unfit(lot),
        *_corrected(lot),
        *_repeated(lot),
        *_sized_twice(lot, protocol),
        *_largest(protocol, known),
        *_mixing(mixing),
    )


def _failed(lot: Lot) -> list[Flag]:
    return [
        Flag("failed picture", f"{PurePath(f.sample.image).name}: {f.error}: {f.message}")
        for f in lot.failures
    ]


def _unfit(lot: Lot) -> list[Flag]:
    return [
        Flag("unfit picture", f"{p.name}: {'; '.join(p.fitness.reasons)}")
        for p in lot.pictures
        if p.fitness.verdict == "unfit"
    ]


def _corrected(lot: Lot) -> list[Flag]:
    """Corrections by hand wait for a person who approves them; approved ones raise no flag."""
    return [
        Flag(
            "edits by hand",
            f"{p.name}: corrected by hand ({_edits(len(p.edits))}), not approved as it stands; "
            "look at the picture and approve it",
        )
        for p in lot.pictures
        if p.edits and not p.approved
    ]


def _repeated(lot: Lot) -> list[Flag]:
    names: dict[str, list[str]] = {}
    for p in sample_pictures(lot):
        names.setdefault(p.sha256, []).append(p.name)
    return [
        Flag("repeated picture", f"the same file is counted {len(n)} times: {', '.join(n)}")
        for n in names.values()
        if len(n) > 1
    ]


def _sized_twice(lot: Lot, protocol: Protocol) -> list[Flag]:
    """Flag pixel sizes given against the file's: a wrong one enters every volume three times."""
    if protocol.fitness.file_pixel_size == "ignored":
        return []
    return [
        Flag(
            "pixel size",
            f"{p.name}: {p.um_per_px:g} um per pixel: {p.um_per_px_source}; find "
            "out which is right, and correct the sheet, the command or the file",
        )
        for p in lot.pictures
        if contradicted(p.um_per_px_source)
    ]


def _largest(protocol: Protocol, known: Mapping[str, Known]) -> list[Flag]:
    if "largest_three_share" not in known:
        return []  # nuclei have no islet equivalents
    share, limit = known["largest_three_share"].estimate.value, protocol.sizing.largest_share_flag
    if share is None or share <= limit:
        return []
    message = f"the three largest objects hold {share:.0%} of the IEQ, over {limit:.0%}; "
    return [Flag("largest objects", message + "look whether they are islets, and single ones")]


def _mixing(mixing: Mapping[str, Dispersion]) -> list[Flag]:
    return [
        Flag(
            "mixing",
            f"{unit} differ between aliquots {d.ratio:.1f} times as much (variance) as chance "
            f"and pipetting allow (p = {d.probability:.2g}); look at the mixing of the suspension",
        )
        for unit, d in mixing.items()
        if d.excessive
    ]


def _edits(count: int) -> str:
    return "1 edit" if count == 1 else f"{count} edits"
