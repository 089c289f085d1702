"""Check that a wheel holds isletqc, its protocols and its networks, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZipFile


def faults(names: list[str], root: Path) -> list[str]:
    """List what is wrong with a wheel built from ``root``; empty when nothing is."""
    tops = {name.split("/")[0] for name in names}
    strange = sorted(t for t in tops if t != "isletqc" and not t.endswith(".dist-info"))
    shipped = [*root.glob("configs/*.yaml"), *root.glob("models/*/weights.safetensors")]
    wanted = [f"isletqc/{path.relative_to(root).as_posix()}" for path in shipped]
    return [f"unexpected: {top}" for top in strange] + [
        f"missing: {name}" for name in wanted if name not in names
    ]


if __name__ == "__main__":
    with ZipFile(sys.argv[1]) as wheel:
        sys.exit("\n".join(faults(wheel.namelist(), Path(__file__).parents[1])) or 0)
