"""Commands about this installation: doctor, sbom."""

from __future__ import annotations

import typer

from isletqc.cli import telling


def doctor() -> None:
    """Check this installation: versions, device, known traps, networks, a drawn picture."""
    with telling.errors():
        from isletqc.run import health

        faults = 0
        for finding in health.examine():
            faults += not finding.fine
            telling.line(
                f"{'ok ' if finding.fine else 'BAD'}  {finding.name:<22} {finding.message}"
            )
        telling.line("no faults found" if not faults else f"{faults} found: see the lines with BAD")
        raise typer.Exit(1 if faults else 0)


def sbom() -> None:
    """Print the software bill of materials: CycloneDX JSON of all packages and networks."""
    with telling.errors():
        import json

        from isletqc.run import bill

        telling.line(json.dumps(bill.of_materials(), indent=2))
