"""The approved method: one YAML file, read strictly.

A protocol names what is measured, how each word is defined, how sure the answer must be and which
limits it is held against. Unknown and duplicate keys are refused with file and line; the file's
SHA-256 is part of every result.
"""

from isletqc.protocol.files import LoadedProtocol, json_schema, load
from isletqc.protocol.sections import (
    Convention,
    FitnessLimits,
    Limit,
    Marker,
    Markers,
    Nuclei,
    Protocol,
    Purity,
    Release,
    Segmentation,
    Sizing,
    Uncertainty,
    Viability,
)

__all__ = [
    "Convention",
    "FitnessLimits",
    "Limit",
    "LoadedProtocol",
    "Marker",
    "Markers",
    "Nuclei",
    "Protocol",
    "Purity",
    "Release",
    "Segmentation",
    "Sizing",
    "Uncertainty",
    "Viability",
    "json_schema",
    "load",
]
