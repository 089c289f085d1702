"""Speed and memory in one table; see scripts/bench."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import bench_batch
import bench_huge
import bench_many
import bench_measure as measure
from bench_measure import STAGES

from isletqc import protocol

COMMITTED = Path(__file__).with_name("bench.json")
WORSE = 1.2


def main() -> None:
    """Draw, measure, print."""
    options = _options()
    loaded = protocol.load(options.protocol)
    with tempfile.TemporaryDirectory() as folder:
        if options.batch:
            figures = bench_batch.figures(loaded, options.device, options.repeats)
            text = bench_batch.table(figures)
        elif options.huge:
            figures = bench_huge.figures(options.huge, loaded, options.device, Path(folder))
            text = bench_huge.table(figures)
        elif options.many:
            figures = bench_many.figures(options.many, loaded, Path(folder))
            text = bench_many.table(figures)
            if options.svg is not None:
                options.svg.write_text(bench_many.plot(figures), encoding="utf-8")
        else:
            figures = measure.figures(loaded, options, Path(folder))
            text = _table(figures)
    sys.stdout.write(text)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if options.commit:
        COMMITTED.write_text(json.dumps(figures["ratios"], indent=2) + "\n", encoding="utf-8")
    if options.check and (worse := _worse(figures["ratios"])):
        sys.exit("\n".join(worse))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="measure speed and memory")
    parser.add_argument("--protocol", default="dtz-us-generic")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=12, help="pictures for the throughput")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--many", type=int, metavar="N", help="measure a run over N pictures")
    parser.add_argument("--batch", action="store_true", help="several pictures in one pass")
    parser.add_argument(
        "--huge", type=int, nargs="+", metavar="SIDE_PX", help="measure scans of these sides"
    )
    parser.add_argument("--svg", type=Path, help="with --many: write the plot there")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--check", action="store_true", help="compare with scripts/bench.json")
    parser.add_argument("--commit", action="store_true", help="write scripts/bench.json")
    return parser.parse_args()


def _worse(ratios: dict[str, float]) -> list[str]:
    """Say which ratios are over 20 % worse than the committed ones; all are costs."""
    committed: dict[str, float] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return [
        f"{name}: {ratios[name]:.3g}, over {WORSE:g} times the committed {old:.3g}"
        for name, old in committed.items()
        if name in ratios and ratios[name] > WORSE * old
    ]


def _table(figures: dict[str, Any]) -> str:
    own, other = figures["seconds"], figures["seconds_classical"]
    height, width = measure.SHAPE_YX
    lines = [
        f"one drawn picture of {width} x {height}, {figures['method']}, {figures['device']}, "
        f"{figures['threads']} threads, median of {figures['repeats']}",
        f"{'stage':<16} {'seconds':>8} {'classical':>10} {'ratio':>7}",
    ]
    for stage in (*STAGES, "file_to_islets"):
        ratio = own[stage] / other[stage]
        lines.append(f"{stage:<16} {own[stage]:>8.3f} {other[stage]:>10.3f} {ratio:>7.2f}")
    return "\n".join([*lines, *_network(figures), *_others(figures)]) + "\n"


def _network(figures: dict[str, Any]) -> list[str]:
    if "network_seconds" not in figures:
        return []
    return [
        f"network: {figures['network_seconds']:.3f} s, "
        f"{figures['network_gflops_per_s']:.0f} of "
        f"{figures['matrix_product_gflops_per_s']:.0f} GFLOP/s "
        f"({figures['share_of_matrix_product_rate']:.0%} of a matrix product)"
    ]


def _others(figures: dict[str, Any]) -> list[str]:
    rates = figures["pictures_per_second"]
    lines = [
        f"pictures/s: {rates['1']:.2f} with 1 worker of 1 thread, {rates['2']:.2f} with 2 workers "
        f"({rates['2'] / rates['1']:.2f} times)",
        f"whole process, 1 picture: {figures['process']['seconds']:.1f} s, "
        f"peak memory {figures['process']['peak_mb']:.0f} MB",
        f"{'picture':<34} {'megapixels':>10} {'islets':>7} {'seconds':>8} {'s/megapixel':>12}",
    ]
    for row in figures["growth"]:
        each = row["seconds"] / row["megapixels"]
        lines.append(
            f"{row['picture']:<34} {row['megapixels']:>10.1f} {row['islets']:>7} "
            f"{row['seconds']:>8.3f} {each:>12.3f}"
        )
    for name, peer in figures["peers"].items():
        ratio = peer["seconds"] / figures["process"]["seconds"]
        lines.append(
            f"{name}: {peer['seconds']:.1f} s a picture, whole process, {ratio:.1f} times isletqc; "
            f"peak memory {peer['peak_mb']:.0f} MB"
        )
    return lines


if __name__ == "__main__":
    main()
