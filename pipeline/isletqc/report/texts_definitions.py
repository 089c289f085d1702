"""The sentences that define every term of the report; the other texts are in ``texts``."""

from __future__ import annotations

from collections.abc import Mapping

DEFINE_IEQ = "Islet equivalent (IEQ)"
DEFINE_IEQ_TEXT = (
    "The volume of a sphere of 150 µm diameter, 1.767146 nL (doi 10.1177/0963689718779898)."
)
DEFINE_CONVENTION = "Convention in use"
DEFINE_CONVENTION_TEXT = "{name}. {text}"
CONVENTION_TEXTS: Mapping[str, str] = {
    "sphere": (
        "Each islet is taken as a sphere whose diameter is that of the circle of equal area, "
        "d = 2·√(area/π). Its IEQ is (d/150 µm)³."
    ),
    "ricordi-long": (
        "Islets are put in classes of 50 µm by area-equivalent diameter. Each class counts with "
        "the mean of the volumes at its two ends: 0.167, 0.648, 1.685, 3.500, 6.315, 10.352, and "
        "15.833 from 350 µm on. For usual size distributions this states about a tenth more than "
        "one sphere per islet."
    ),
    "ricordi-short": (
        "Islets are put in classes of 50 µm by area-equivalent diameter. Each class counts with "
        "its rounded factor: 1/6, 1/1.5, 1.7, 3.5, 6.3, 10.4, and 15.8 from 350 µm on."
    ),
    "prolate": (
        "Each islet is taken as a spheroid turned about its long axis: π/6 × long axis × short "
        "axis², divided by 1.767146 nL."
    ),
    "oblate": (
        "Each islet is taken as a spheroid turned about its short axis: π/6 × long axis² × short "
        "axis, divided by 1.767146 nL."
    ),
    "extrusion": (
        "The volume of each islet is twice its area times the mean height of spheres that fit its "
        "outline (doi 10.5566/ias.1869), divided by 1.767146 nL."
    ),
}
DEFINE_DIAMETER = "Diameter"
DEFINE_DIAMETER_TEXT = "That of the circle of equal area, 2·√(area/π)."
DEFINE_MINIMUM = "Smallest islet"
DEFINE_MINIMUM_TEXT = "Islets under {minimum} µm are shown, but do not count."
DEFINE_BORDER = "Islets at the border"
BORDER_TEXTS: Mapping[str, str] = {
    "none": "Counted like all others: the whole sample is in the pictures.",
    "counting-frame": (
        "Unbiased counting frame: what touches two of the four sides does not count "
        "(doi 10.1111/j.1365-2818.1977.tb00062.x)."
    ),
    "miles-lantuejoul": (
        "Objects that touch the border do not count; each other object counts for W·H/((W-w)(H-h)) "
        "objects, where W × H is the picture and w × h the box around the object."
    ),
}
DEFINE_PURITY = "Purity"
PURITY_TEXTS: Mapping[str, str] = {
    "area": "By area: islet area / (islet area + exocrine area).",
    "volume": "By volume, extrapolated from area: islet volume / (islet + exocrine volume).",
    "count": "By count: islets / all clusters, as in the Chinese indicators of 2017.",
}
DEFINE_VIABILITY = "Viability"
VIABILITY_TEXTS: Mapping[str, str] = {
    "tissue-weighted": "Tissue-weighted: live tissue / all tissue of the islets, by area.",
    "islet-mean": "Mean of the islets: each islet's live share of its area, each islet alike.",
    "by-islet": (
        "By islet: islets with a live share of at least {threshold} / all islets, as in the "
        "Chinese indicators of 2017."
    ),
}
VIABILITY_METHOD = (
    "A pixel is live when its light in the live channel outweighs that in the dead channel; the "
    "picture itself shows how the two are to be weighted."
)
DEFINE_SIZE_INDEX = "Size index"
DEFINE_SIZE_INDEX_TEXT = (
    "IEQ divided by the number of islets. Under 1 the islets are, in the mean of their volumes, "
    "smaller than 150 µm (PMC4682552)."
)
DEFINE_CIRCULARITY = "Circularity"
DEFINE_CIRCULARITY_TEXT = "4π × area / perimeter², with the perimeter after Crofton. A disc has 1."
DEFINE_FUSED = "Fused clusters"
DEFINE_FUSED_TEXT = (
    "One outline with a waist no wider than {ratio} of the narrower of its two lobes, both widths "
    "taken along the waist; each lobe holds at least 15 % of the area. Clusters that only touch "
    "and were outlined apart are two."
)
DEFINE_GROWTH = "Growth"
DEFINE_GROWTH_TEXT = (
    "Slope of the weighted line through the mean diameters of the days of one lot. Its interval "
    "holds the scatter of the clusters, of the pictures and of the days about the line."
)
DEFINE_POSITIVE = "Positive and co-expressing nuclei"
DEFINE_POSITIVE_TEXT = (
    "Nuclei whose brightness, in the nucleus or in a ring around it, is above the threshold, as a "
    "fraction of all nuclei found. The shares on the wrong side of the threshold are corrected for "
    "(doi 10.1093/oxfordjournals.aje.a112510). The interval joins sampling, or the scatter between "
    "pictures where it is larger, and the threshold."
)
DEFINE_SCOPE_CELLS = (
    "The fractions are supportive. They describe the nuclei that the pictures show and do not "
    "replace flow cytometry."
)
DEFINE_TOTAL = "Totals of the lot"
DEFINE_TOTAL_TEXT = (
    "Mean over the aliquots of (counted / aliquot volume) × dilution × suspension volume."
)
DEFINE_INTERVAL = "Interval and probability"
DEFINE_INTERVAL_TEXT = (
    "The interval joins sampling, pixel size, segmentation and the entered volumes. The "
    "probability that a limit is met follows JCGM 106:2012; {assurance} decides."
)
DEFINE_SCOPE = "Scope"
DEFINE_SCOPE_TEXT = (
    "The figures describe quantity, identity, purity and viability as far as pictures show them. "
    "They say nothing about how the islets will work in a patient."
)
