"""Commands about networks and drawn pictures: evaluate, phantom, train, export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from isletqc.cli import telling
from isletqc.cli.options import (
    DEFAULT_PROTOCOL,
    Device,
    DeviceOption,
    PixelSizeOption,
    ProtocolOption,
    checked_pixel_size,
)


class DrawnStain(StrEnum):
    """What phantom can draw."""

    dithizone = "dithizone"
    brightfield = "brightfield"
    live_dead = "live-dead"


def evaluate(
    images: Annotated[Path, typer.Argument(help="folder of pictures")],
    labels: Annotated[Path, typer.Argument(help="folder of label images of the same names")],
    *,
    ignore: Annotated[
        Path | None, typer.Option(help="folder of masks: neither rewarded nor punished")
    ] = None,
    pixel_size: PixelSizeOption = None,
    object_um: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="where no pixel size is known: diameter of each picture's median object"
        ),
    ] = None,
    protocol: ProtocolOption = DEFAULT_PROTOCOL,
    device: DeviceOption = Device.auto,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="CSV with all figures; JSON and page beside it"),
    ] = None,
) -> None:
    """Hold the protocol's segmentation against masks, beside the classical one."""
    with telling.errors():
        from isletqc import protocol as protocol_files
        from isletqc.run import accuracy, provenance

        masks = accuracy.Masks(images, labels, ignore, object_um)
        method = protocol_files.load(protocol).protocol
        found = accuracy.evaluate(masks, method, pixel_size_um=pixel_size, device=device.value)
        rows = []
        telling.line(accuracy.HEADING)
        for row in found:
            rows.append(row)
            telling.line(accuracy.line(row))
        if out is not None:
            written = accuracy.write(out, rows, command=provenance.command_line())
            telling.line(f"all figures: {', '.join(str(path) for path in written)}")


def phantom(
    out: Annotated[Path, typer.Argument(help="folder for pictures, labels, classes, truth.csv")],
    *,
    stain: Annotated[DrawnStain, typer.Option(help="what to draw")] = DrawnStain.dithizone,
    count: Annotated[int, typer.Option(min=1, help="number of pictures")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same pictures")] = 0,
    um_per_px: Annotated[
        float,
        typer.Option("--um-per-px", callback=checked_pixel_size, help="micrometres per pixel"),
    ] = 2.0,
    shape: Annotated[
        str, typer.Option(callback=_shape, help="height x width in pixels")
    ] = "1024x1280",
) -> None:
    """Draw pictures with exact truth."""
    with telling.errors():
        from isletqc.run import phantoms

        height, width = (int(part) for part in shape.lower().split("x"))
        drawn = phantoms.write(
            out,
            stain=stain.value,
            seeds=range(seed, seed + count),
            um_per_px=um_per_px,
            shape_yx=(height, width),
        )
        telling.line(f"{len(drawn)} pictures in {out}; truth.csv has one row an islet")


def _shape(value: str) -> str:
    parts = value.lower().split("x")
    if len(parts) != 2 or not all(p.isdecimal() and 64 <= int(p) <= 20_000 for p in parts):
        raise typer.BadParameter(f"expected height x width like 1024x1280, found {value}")
    return value


def train(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml of the network")],
    *,
    data: Annotated[Path, typer.Option(help="folder that the recipe's pictures lie in")] = (Path()),
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the weights")] = (
        Path("trained")
    ),
    device: DeviceOption = Device.auto,
    workers: Annotated[int, typer.Option(min=1, help="processes that draw pictures")] = 1,
) -> None:
    """Train a network from its recipe; the same command goes on after a stop."""
    with telling.errors():
        from isletqc.segment.learned import choose_device
        from isletqc.training import recipe as recipes
        from isletqc.training import train as training

        weights = training.train(
            recipes.load(recipe),
            data=data,
            out=out,
            device=choose_device(device.value),
            workers=workers,
            on_progress=lambda step, steps: telling.line(f"step {step} of {steps}"),
        )
        telling.line(f"weights: {weights}")


def export(
    network: Annotated[str, typer.Argument(help="name of a shipped network")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the files")] = (
        Path("exported")
    ),
) -> None:
    """Write a network as ONNX and as a BioImage Model Zoo package, checked against PyTorch."""
    with telling.errors():
        from isletqc.training import export as exporting

        written = exporting.export(network, out)
        telling.line(f"{written.onnx}")
        telling.line(f"{written.package}")
        telling.line(f"largest difference to PyTorch on a sample: {written.largest_difference:.1g}")
