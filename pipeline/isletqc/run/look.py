"""What the program sees in a picture before it measures anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from isletqc.errors import PictureError
from isletqc.load import fitness, picture
from isletqc.measure import viability
from isletqc.protocol import Protocol
from isletqc.records import Image
from isletqc.segment import channels


@dataclass(frozen=True, slots=True)
class Seen:
    """Facts to show, and why the picture could not be analysed; empty when it could."""

    facts: Mapping[str, str]
    problem: str = ""


def at(path: Path, protocol: Protocol, *, pixel_size_um: float | None) -> Seen:
    """Describe one picture as the protocol would read it."""
    facts = _facts(picture.describe(path), pixel_size_um)
    try:
        image = picture.read(
            path,
            stain=protocol.stain,
            pixel_size_um=pixel_size_um,
            max_megapixels=protocol.segmentation.max_megapixels,
        )
        image, roles = _roles(image, protocol)
    except PictureError as e:
        return Seen(facts, f"{e.code}: {e}")
    facts |= roles
    fit = fitness.assess(image, protocol.fitness)
    facts["fitness"] = fit.verdict
    for check in fit.checks:
        value = "-" if check.value is None else f"{check.value:.3g}"
        facts[f"  {check.name}"] = f"{value} (limit {check.relation} {check.limit:g})" + (
            f": {check.reason}" if check.reason else ""
        )
    return Seen(facts)


def _roles(image: Image, protocol: Protocol) -> tuple[Image, dict[str, str]]:
    """Choose the channels that the protocol measures, and say which they are."""
    if protocol.viability is not None:
        chosen = viability.channels(image, protocol.viability)
        names = zip(("live channel", "dead channel"), chosen.channels, strict=True)
        return chosen, dict(names)
    if protocol.markers is None:
        return image, {}
    wanted = {"nuclei": protocol.markers.nuclei.channel}
    wanted |= {m.title or m.name: m.channel for m in protocol.markers.positive}
    places = {what: channels.place(image, which) for what, which in wanted.items()}
    return image, {f"{what} channel": image.channels[k] for what, k in places.items()}


def _facts(found: picture.FileFacts, given_um: float | None) -> dict[str, str]:
    series = {"series": "; ".join(found.series)} if found.series else {}
    if not found.form:
        return series
    size = "unknown"
    if given_um is not None:
        size = f"{given_um:g} um, given"
    elif found.um_per_px is not None:
        size = f"{found.um_per_px:g} um, from {found.um_per_px_source}"
    pages = {"pages": str(found.pages)} if found.pages > 1 else {}
    return {
        "format": found.form,
        "shape": " x ".join(map(str, found.shape)),
        "type": found.dtype,
        "channels": ", ".join(found.channels),
        "pixel size": size,
        **pages,
        **series,
    }
