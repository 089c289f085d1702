"""What a person must look at: flags that keep a lot from passing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from isletqc.decide.lot import gather
from isletqc.decide.verdict import judge

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("source", "settings", "verdict"),
    [
        ("given", {}, "pass"),
        ("given (file says 1.362 from MetaXpress)", {}, "review"),
        ("sheet (file says 1.362 from MetaXpress)", {}, "review"),
        ("given (file says 1.362 from MetaXpress)", {"file_pixel_size": "ignored"}, "pass"),
    ],
)
def test_a_given_pixel_size_that_the_file_contradicts_keeps_the_lot_from_passing(
    picture: Make, protocol: Make, source: str, settings: dict[str, str], verdict: str
) -> None:
    seen = replace(picture([150] * 30), um_per_px_source=source)
    method = protocol(("islet_count", ">=", 1), fitness=settings)
    found = judge(gather([seen], [])[0], method, segmentation_rsd=0.05)
    assert found.verdict == verdict
    if verdict == "review":
        assert found.reason == "flag: pixel size"
        assert "2 um per pixel" in found.flags[0].message
        assert "1.362 from MetaXpress" in found.flags[0].message
