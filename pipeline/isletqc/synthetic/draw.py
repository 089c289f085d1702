"""Draw pictures with exact truth: islets, clusters, live/dead, immunofluorescence, whole lots."""

from isletqc.synthetic.brightfield import Culture, brightfield_field, random_culture
from isletqc.synthetic.dithizone import dithizone_field
from isletqc.synthetic.field import DrawnIslet, Field
from isletqc.synthetic.immunofluorescence import (
    Camera,
    CellField,
    DrawnMarker,
    immunofluorescence_field,
)
from isletqc.synthetic.livedead import LiveDeadField, LiveDeadIslet, livedead_field
from isletqc.synthetic.looks import LOOKS, MEASURED, DithizoneLook, look, random_look
from isletqc.synthetic.lot import LotTruth, phantom_lot
from isletqc.synthetic.shapes import (
    HUMAN_LOGNORMAL,
    HUMAN_WEIBULL,
    SC_MICROWELL,
    SC_SUSPENSION,
    SizeLaw,
)

__all__ = [
    "HUMAN_LOGNORMAL",
    "HUMAN_WEIBULL",
    "LOOKS",
    "MEASURED",
    "SC_MICROWELL",
    "SC_SUSPENSION",
    "Camera",
    "CellField",
    "Culture",
    "DithizoneLook",
    "DrawnIslet",
    "DrawnMarker",
    "Field",
    "LiveDeadField",
    "LiveDeadIslet",
    "LotTruth",
    "SizeLaw",
    "brightfield_field",
    "dithizone_field",
    "immunofluorescence_field",
    "livedead_field",
    "look",
    "phantom_lot",
    "random_culture",
    "random_look",
]
