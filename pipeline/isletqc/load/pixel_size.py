"""Decide how large a pixel is, or say why that cannot be known.

Takes what the places of a file claim about their pixel size, in order of trust, and what the user
gave. Gives micrometres per pixel and the name of the source that won. A given size wins; screen
and print resolutions count as unknown; sizes that contradict one another are refused, because an
error in the pixel size enters every volume three times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from isletqc.errors import PixelSizeUnknownError

PLAUSIBLE_UM = (0.05, 100.0)
_TOLERANCE = 0.01
_MAX_PRINT_DPI = 1200
# PNG stores whole pixels per metre: a dpi comes back from it up to 0.013 off a whole number.
_DPI_ROUNDING = 0.02
_FILE_SAYS = " (file says "
_REMEDY = "give the size of a pixel with --pixel-size UM or in the sheet's column pixel_size_um"

_UM_PER_UNIT = {
    "m": 1e6, "meter": 1e6, "metre": 1e6,
    "dm": 1e5,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4,
    "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "um": 1.0, "micron": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "pm": 1e-6,
    "å": 1e-4, "angstrom": 1e-4,
    "in": 25400.0, "inch": 25400.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claim:
    """What one place in a file says about the size of its pixels.

    ``resolution`` marks fields that cameras, editors and printers fill too (dots per inch); only
    there can a value mean nothing.
    """

    source: str
    x_um: float
    y_um: float
    resolution: bool = False


def unit_um(name: str) -> float | None:
    r"""Convert a named unit to micrometres; None when it is no length (``pixel``).

    Knows both micro signs and ImageJ's escaped ``\u00B5m``; plural and case do not matter.
    """
    text = name.strip().replace("\\u00B5", "u").replace("\\u00b5", "u")
    text = text.replace("\u00b5", "u").replace("\u03bc", "u").lower()
    singular = {"microns": "micron", "inches": "inch"}.get(text)
    return _UM_PER_UNIT.get(text) or _UM_PER_UNIT.get(singular or text.removesuffix("s"))


def decide(
    claims: Sequence[Claim], *, given_um: float | None = None, given_source: str = "given"
) -> tuple[float, str]:
    """Decide on the pixel size in micrometres and say where it came from.

    Parameters
    ----------
    claims : what the file says, the most trusted place first
    given_um : the user's own value; wins over the file. A file that says otherwise by more than
        1 % stays visible in the source: ``"given (file says 1.362 from MetaXpress)"``
    given_source : name of the given value's source

    Raises
    ------
    PixelSizeUnknownError
        Nothing usable; x and y differ by over 1 %; two places differ by over 1 %; a size outside
        0.05 to 100 um.
    """
    claims = [c for c in claims if _is_number(c)]
    stated = [c for c in claims if not (c.resolution and (_is_print(c) or not _is_plausible(c)))]
    if given_um is not None:
        return _given(given_um, given_source, stated)
    if not stated:
        raise PixelSizeUnknownError(f"pixel size unknown: {_found(claims)}; {_REMEDY}")
    for claim in stated:
        _refuse_unsound(claim)
    first, *others = stated
    for other in others:
        if not _agree(_mean(first), _mean(other)):
            raise PixelSizeUnknownError(
                f"pixel size contradictory: {_say(first)}, but {_say(other)}; {_REMEDY}"
            )
    return _mean(first), first.source


def _given(given_um: float, source: str, stated: Sequence[Claim]) -> tuple[float, str]:
    low, high = PLAUSIBLE_UM
    if not (math.isfinite(given_um) and low <= given_um <= high):
        raise PixelSizeUnknownError(
            f"pixel size ({source}): expected {low:g} to {high:g} micrometres per pixel, "
            f"found {given_um:g}"
        )
    against = [
        f"{_size(c)} from {c.source}"
        for c in stated
        if not (_agree(given_um, c.x_um) and _agree(given_um, c.y_um))
    ]
    return given_um, f"{source}{_FILE_SAYS}{', '.join(against)})" if against else source


def contradicted(source: str) -> bool:
    """Tell by the source of a pixel size whether the file says another than the one given."""
    return _FILE_SAYS in source


def _refuse_unsound(claim: Claim) -> None:
    if not _agree(claim.x_um, claim.y_um):
        raise PixelSizeUnknownError(
            f"pixels are not square: {_say(claim)} (x, y), over 1 % apart; {_REMEDY}"
        )
    if not _is_plausible(claim):
        low, high = PLAUSIBLE_UM
        raise PixelSizeUnknownError(
            f"pixel size implausible: {_say(claim)}, expected {low:g} to {high:g}; {_REMEDY}"
        )


def _found(claims: Sequence[Claim]) -> str:
    if not claims:
        return "the file states none"
    return "the file holds only " + ", ".join(
        f"{25400 / c.x_um:.4g} dpi in {c.source}, a screen or print resolution"
        if _is_print(c)
        else f"{_size(c)} um in {c.source}, no plausible pixel"
        for c in claims
    )


def _is_number(claim: Claim) -> bool:
    # Zero and minus one are how microscopes write "not calibrated".
    return all(math.isfinite(v) and v > 0 for v in (claim.x_um, claim.y_um))


def _is_print(claim: Claim) -> bool:
    """Tell a whole number of dots per inch, or per cm, that a screen or printer would have."""
    dpi = 25400 / claim.x_um
    per_cm = dpi / 2.54
    whole = abs(dpi - round(dpi)) < _DPI_ROUNDING or abs(per_cm - round(per_cm)) < 1e-6
    return whole and dpi <= _MAX_PRINT_DPI + _DPI_ROUNDING


def _is_plausible(claim: Claim) -> bool:
    low, high = PLAUSIBLE_UM
    return low <= claim.x_um <= high and low <= claim.y_um <= high


def _agree(a_um: float, b_um: float) -> bool:
    return abs(a_um - b_um) <= _TOLERANCE * max(a_um, b_um)


def _mean(claim: Claim) -> float:
    """Give the side of the square with the area of the pixel."""
    return claim.x_um if claim.x_um == claim.y_um else math.sqrt(claim.x_um * claim.y_um)


def _size(claim: Claim) -> str:
    same = claim.x_um == claim.y_um
    return f"{claim.x_um:.4g}" if same else f"{claim.x_um:.4g} x {claim.y_um:.4g}"


def _say(claim: Claim) -> str:
    return f"{claim.source} says {_size(claim)} um"
