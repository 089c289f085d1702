"""Pictures of something else, and the table of those that networks flag."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from isletqc.records import Stain
from isletqc.training import flagged, strangers
from isletqc.training.flagged import Shown


def test_every_kind_of_stranger_is_there() -> None:
    kinds = Counter(kind for kind, _ in strangers.drawn())
    assert set(kinds) == {"text", "black", "white", "noise", "clouds", "natural spectrum"}
    natural = Counter(kind for kind, _, _ in strangers.natural())
    assert natural == {kind: len(names) for kind, names in strangers.NATURAL.items()}


def test_the_same_seed_draws_the_same_strangers() -> None:
    for (kind, one), (_, two) in zip(strangers.drawn(4), strangers.drawn(4), strict=True):
        assert np.array_equal(one, two), kind


def test_a_natural_spectrum_falls_with_its_power() -> None:
    field = strangers._spectrum(np.random.default_rng(0), 1.5)
    power = np.abs(np.fft.fft2(field)) ** 2
    y, x = (np.fft.fftfreq(n) for n in field.shape)
    frequency = np.hypot(y[:, None], x[None, :])
    low, high = ((frequency > f) & (frequency < 1.1 * f) for f in (0.02, 0.2))
    # ten times the frequency: 10^(2 * 1.5) less power
    assert power[low].mean() / power[high].mean() == pytest.approx(1000, rel=0.3)


@pytest.mark.parametrize(
    ("stain", "channels"),
    [("dithizone", 3), ("brightfield", 3), ("live-dead", 2), ("immunofluorescence", 1)],
)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_strangers_wear_the_channels_of_a_stain(stain: Stain, channels: int, count: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (6, 7, count), dtype=np.uint8)
    assert strangers.worn(pixels, stain).shape == (6, 7, channels)


def test_the_table_counts_flags_and_brackets_what_is_the_networks_own() -> None:
    shown = [
        Shown("drawn dithizone", "a", True, 1.0),
        Shown("drawn dithizone", "b", True, 0.2),
        Shown("text", "c", False, 0.3),
        Shown("text", "d", False, 0.9),
    ]
    text = flagged.table({"dithizone": shown, "nuclei": shown[2:3]})
    assert text.splitlines()[2:] == [
        "| drawn dithizone | (1 of 2) |  |",
        "| text | 1 of 2 | 1 of 1 |",
    ]
    assert list(flagged.wrong(shown)) == ["drawn dithizone, b: 0.20", "text, d: 0.90"]
