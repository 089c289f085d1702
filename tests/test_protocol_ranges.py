"""Ranges in a protocol run from small to large; the shipped protocols load and are drafts."""

from __future__ import annotations

from pathlib import Path

import pytest

from isletqc import assets, protocol
from isletqc.errors import ProtocolError


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("fitness:\n  um_per_px: [25, 0.2]\n", "smallest pixel size first"),
        ("fitness:\n  um_per_px: [0, 25]\n", "greater than 0"),
        ("sizing:\n  window_um: [300, 100]\n", "smallest diameter first"),
        ("sizing:\n  mantled_share: 0\n", "greater than 0"),
    ],
)
def test_reversed_and_empty_ranges_are_refused(tmp_path: Path, section: str, said: str) -> None:
    path = tmp_path / "ours.yaml"
    head = "name: ours\nversion: '1'\nstatus: draft\ntitle: ours\nstain: brightfield\n"
    path.write_text(head + "segmentation:\n  method: classical\n" + section)
    with pytest.raises(ProtocolError, match=said):
        protocol.load(str(path))


@pytest.mark.parametrize("path", assets.configs(), ids=lambda p: p.stem)
def test_shipped_protocols_are_drafts_whose_limits_have_sources(path: Path) -> None:
    shipped = protocol.load(path.stem).protocol
    assert shipped.name == path.stem
    assert shipped.status == "draft"
    assert all(limit.source for limit in shipped.limits)


def test_the_chinese_indicators_count_clusters_and_live_islets() -> None:
    purity = protocol.load("dtz-cn-2017").protocol
    assert purity.purity is not None
    assert purity.purity.definition == "count"
    assert all(limit.supportive for limit in purity.limits)
    viability = protocol.load("viability-cn-2017").protocol.viability
    assert viability is not None
    assert viability.definition == "by-islet"
