"""Every sentence and word that the report shows, in one place, for reading and for translation.

The definitions of terms are beside it in ``texts_definitions``, what control charts and the index
of runs say in ``texts_charts``. Names in braces are filled in by the writers; leave them as they
are.
"""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGE = "en"
TITLE = "{verdict}: {lots}"
REPORT = "Image quality control of islets"
DATE_LINE = "Finished {finished}"

VERDICT_WORDS: Mapping[str, str] = {
    "pass": "Pass",
    "fail": "Fail",
    "review": "Review",
    "not judged": "Not judged",
    "not applicable": "Not applicable",
}
OVERALL: Mapping[str, str] = {
    "pass": "Every limit of every lot is met.",
    "fail": "At least one limit is missed.",
    "review": "A person must decide: the pictures alone do not.",
    "not judged": "Measured only: there is nothing to judge the figures against.",
}
OVERALL_FAILED = "Some pictures could not be analysed. No lot can pass without them."
COUNT_FAILED = "{n} not analysed"
SUPPORTIVE = "(supportive, does not decide)"
DRAFT = "The protocol is a draft. Nobody has approved its limits for the release of a product."
RETIRED = "The protocol is retired. Its limits are no longer approved."
LOTS_ONE, LOTS_MANY = "{n} lot", "{n} lots"
PICTURES_ONE, PICTURES_MANY = "{n} picture", "{n} pictures"
ISLETS_ONE, ISLETS_MANY = "{n} islet counted", "{n} islets counted"

LOTS = "Lots"
LOT = "Lot"
VERDICT = "Verdict"
REASON = "Reason"
SPECIMEN = "Specimen"
PICTURE = "Picture"

ATTENTION = "Look at this first"
FAILED_ONE = "{n} picture could not be analysed. It is missing from every figure below."
FAILED_MANY = "{n} pictures could not be analysed. They are missing from every figure below."
UNFIT_ONE = "{n} picture is unfit. It was measured, but its figures may be wrong."
UNFIT_MANY = "{n} pictures are unfit. They were measured, but their figures may be wrong."
ERROR = "Cause"
MESSAGE = "What was found, what to do"
NOT_ANALYSED = "could not be analysed"
FLAGS = "Flags"

LIMITS = "Limits"
LIMIT = "Limit"
NO_LIMITS = "This protocol has no limits. Nothing was judged."
REQUIRED = "Required"
MEASURED = "Measured"
INTERVAL = "{confidence} interval"
INTERVAL_FROM_TO = "{low} to {high}"
INTERVAL_FROM = "{low} or more"
INTERVAL_TO = "up to {high}"
AGAINST = "Interval against limit"
PROBABILITY = "Probability that the limit is met"
PROBABILITY_NOTE = (
    "A limit is met when it is met with a probability of at least {assurance}, missed when it is "
    "missed with at least that probability, and under review between the two (JCGM 106)."
)
SOURCE = "Source"
NOT_DETERMINED = "not determined"
NOT_PART_OF_METHOD = "not determined: not part of this protocol"
BAR_ALT = "{name}: {value}, {interval}; limit {limit}"
NO_INTERVAL = "no interval"
BAR_ALT_NOTHING = "{name}: not determined; limit {limit}"
BAR_KEY = "Dot: value. Bar: interval. Line: limit. Tinted side: limit met."

ESTIMATES = "Estimates"
QUANTITY = "Quantity"
VALUE = "Value"
ESTIMATE_NAMES: Mapping[str, str] = {
    "islet_count": "Islets counted",
    "islet_total": "Islets in the lot",
    "ieq_counted": "IEQ counted",
    "ieq_total": "IEQ in the lot",
    "ieq_per_kg": "IEQ per kg of recipient",
    "ieq_per_ml_tissue": "IEQ per mL of settled tissue",
    "settled_tissue_ml": "Settled tissue",
    "size_index": "Size index (IEQ per islet)",
    "diameter_mean_um": "Mean diameter",
    "diameter_median_um": "Median diameter",
    "diameter_cv": "Variation of the diameters (CV)",
    "fraction_in_window": "Fraction in the size window",
    "nuclei_count": "Nuclei found",
    "fraction_fused": "Fraction of fused clusters",
    "diameter_slope_um_per_day": "Growth of the mean diameter",
    "largest_three_share": "Share of the three largest in the IEQ",
    "purity": "Purity",
    "viability": "Viability",
    "viability_tissue_weighted": "Viability, tissue-weighted",
    "viability_islet_mean": "Viability, mean of the islets",
    "viability_by_islet": "Viability, live islets of all islets",
    "loose_dead_per_islet": "Loose dead cells per islet",
    "weibull_shape": "Weibull law of sizes, shape",
    "weibull_scale_um": "Weibull law of sizes, scale",
    "weibull_ks": "Weibull law, greatest distance from the islets",
    "weibull_fit_p": "Weibull law, p of the fit",
    "lognormal_sigma": "Lognormal law of sizes, sigma",
    "lognormal_median_um": "Lognormal law of sizes, median",
    "lognormal_ks": "Lognormal law, greatest distance from the islets",
    "lognormal_fit_p": "Lognormal law, p of the fit",
    "circularity_mean": "Mean circularity",
    "solidity_mean": "Mean solidity",
    "axis_ratio_mean": "Mean short axis / long axis",
    "border_width_mean_um": "Mean width of the border",
    "mantled_fraction": "Mantled islets, share of the islets",
    "mantled_ieq_share": "Mantled islets, share of the IEQ",
    "small_objects_per_islet": "Objects too small to count, per islet",
    "small_objects_area_share": "Objects too small to count, share of the area",
}
POSITIVE_FOR = "Positive for {marker}"
COEXPRESSING = "Co-expressing {markers}"
UNIT_NAMES: Mapping[str, str] = {
    "um/day": "µm/day",
    "um": "µm",
    "um2": "µm²",
    "nl": "nL",
    "ul": "µL",
    "ml": "mL",
}
# Fractions that people read as percentages.
PERCENT_NAMES = frozenset(
    {"purity", "viability", "fraction", "share", "cv", "positive", "coexpression"}
)

UNCERTAINTY = "Where the uncertainty comes from"
UNCERTAINTY_NOTE = (
    "Relative standard deviations. The parts add in squares. A pixel size that is 1 % wrong makes "
    "every volume 3 % wrong."
)
TOTAL = "together"

PURITIES = "What the other definitions of purity would have said"
PURITY_DEFINITION = "Definition"
PURITY_NAMES: Mapping[str, str] = {
    "purity-area": "By area",
    "purity-volume": "By volume",
    "purity-count": "By count of clusters",
}
CONVENTIONS = "What the other IEQ conventions would have said"
CONVENTION = "Convention"
RELATIVE = "against the one in use"
IN_USE = "in use"
CONVENTION_NAMES: Mapping[str, str] = {
    "sphere": "Sphere of equal area",
    "ricordi-long": "50 µm classes, long factors",
    "ricordi-short": "50 µm classes, short factors",
    "prolate": "Prolate spheroid",
    "oblate": "Oblate spheroid",
    "extrusion": "Spherical extrusion",
}

SIZES = "Size of the islets"
HISTOGRAM_TITLE = "Islets and IEQ by diameter"
HISTOGRAM_ALT = "Histogram of islet diameters in classes of 50 µm: {classes}"
HISTOGRAM_CLASS = "{low} to {high} µm: {count} islets, {ieq} of the IEQ"
HISTOGRAM_LAST = "{low} µm and more: {count} islets, {ieq} of the IEQ"
HISTOGRAM_OPEN = "more"
HISTOGRAM_COUNT = "number of islets"
HISTOGRAM_IEQ = "share of IEQ, %"
CURVE_TITLE = "IEQ in islets up to a diameter"
CURVE_ALT = "Cumulative IEQ: half of it lies in islets up to {half} µm"
CURVE_HALF = "half up to {half} µm"
DIAMETER_AXIS = "diameter, µm"
CURVE_Y = "% of IEQ"
NO_ISLETS = "No islets that count were found."

GROWTH = "Growth over the days"
GROWTH_KEY_QUARTILES = "middle half of the clusters"
GROWTH_KEY_MEDIAN = "median"
GROWTH_KEY_MEAN = "mean with its {confidence} interval"
GROWTH_KEY_LINE = "line of growth"
GROWTH_ALT = "Diameters by day, mean: {days}"
GROWTH_NOTE = (
    "Diameters of the clusters that count. Totals, limits and all other figures of this lot are "
    "about its last day. Broken lines mark the diameters over which fractions are reported."
)
DAY_AXIS = "day; diameters in µm"
DAY_COUNT = "{n} clusters"
DAY_ALT = "day {day}: {mean} µm, {interval}"
DAY, CLUSTERS = "Day", "Clusters"
MEAN_DIAMETER, MEDIAN_DIAMETER = "Mean diameter", "Median diameter"

MARKERS = "Markers"
MARKERS_NOTE = (
    "Supportive: flow cytometry is the method of record. A picture shows the nuclei in its plane "
    "only, and in whole clusters mostly those of the outer shell."
)
MARKER = "Marker"
THRESHOLD = "Threshold"
THRESHOLD_NOTE = "positive from here"
THRESHOLD_FROM = "Threshold from"
THRESHOLD_SOURCES: Mapping[str, str] = {
    "control": "control pictures",
    "two-components": "two components of the sample",
}
FALSE_POSITIVE, FALSE_NEGATIVE = "Negative above it", "Positive below it"
MARKER_SAMPLE, MARKER_CONTROL = "nuclei of the sample", "nuclei of the control"
MARKER_ALT = "{marker}: brightness of {n} nuclei of the sample and {control} of the control"
BRIGHTNESS_AXIS = "brightness above the background, of full scale (logarithmic)"
NUCLEI = "Nuclei"
NUCLEI_ONE, NUCLEI_MANY = "{n} nucleus", "{n} nuclei"
NUCLEI_ALT = "{image} with {count} nuclei outlined"
LEGEND_NUCLEI = "Nuclei are outlined in white. Channels are shown in green, magenta, blue, yellow."

PICTURES = "Pictures"
LEGEND_INCLUDED = "counted"
LEGEND_EXCLUDED = "not counted"
LEGEND_EXOCRINE = "exocrine tissue"
OVERLAY_ALT = "{image} with {count} counted islets outlined"
NO_OVERLAY = "The overlay is missing."
OPEN_OVERLAY = "Open the overlay"
SOME_SHOWN = (
    "{shown} of the {n} pictures of this run are shown: unfit ones first, then corrected ones, "
    "then those least like what the network was trained on. The others link to their overlays."
)
FIT, UNFIT = "Fit", "Unfit"
ISLETS = "Islets"
IEQ = "IEQ"
PIXEL_SIZE = "Pixel size"
PIXEL_SIZE_FROM = "from {source}"
CONTROL = "control"
OPEN_FULL = "Open the file in full size"
CLOSE, PREVIOUS, NEXT = "Close", "Previous", "Next"
LIGHTBOX = "Picture in large"
ZOOM_IN, ZOOM_OUT, ZOOM_WHOLE = "Zoom in", "Zoom out", "Whole picture"
NEXT_ISLET, PREVIOUS_ISLET = "Next islet", "Previous islet"
LIGHTBOX_HINT = (
    "Point at an islet for its figures. Click or turn the wheel to zoom, drag to move. Keys: "
    "← → pictures, ↑ ↓ islets by size, + − 0 zoom, Esc closes."
)
ISLET_TIP = "Islet {label}: {diameter} µm, {ieq} IEQ, {counted}"
PICTURES_FILTER = "Show only pictures whose name or facts contain"
PICTURES_SHOWN = "{shown} of {n} pictures shown"
LARGEST_ONLY = "Only the largest islets of each picture answer to the pointer: {file} has all."

EDITS = "Corrections by hand"
EDITS_ONE, EDITS_MANY = "{n} correction by hand", "{n} corrections by hand"
EDITS_NONE = "Nothing was corrected by hand."
EDITS_WHERE = "in {pictures} of {all} pictures, by {who}. Every figure on this page holds them."
TIME, WHO, WHAT, WHY = "Time (UTC)", "Who", "What", "Why"
ISLET_NUMBERS, CHANGE = "Islets", "Before → after"
EDIT_NAMES: Mapping[str, str] = {"ieq": "IEQ", "diameter_um": "Diameter, µm"}
APPROVED_BY = "Approved by {who}, {time}"
APPROVAL_VOID = "The approval of {who}, {time}, is void: the picture was corrected after it"
APPROVALS_COUNT = "{n} of {all} pictures approved"

SIGNATURES = "Signatures"
NOT_SIGNED = "Not signed"
SIGNED_BY = "Signed by {who}"
SIGNATURE_VOID_ONE, SIGNATURE_VOID_MANY = "{n} signature is void", "{n} signatures are void"
SIGNATURE_VOID_TEXT = (
    "What was signed has changed since. This report is not covered by the signatures marked void."
)
SIGNATURE_VALID, SIGNATURE_VOID = "Valid", "Void"
ROLE, NAME, MEANING, KEY, STATE = "Role", "Name", "Meaning", "Key", "State"
ROLES: Mapping[str, str] = {"author": "Author", "reviewer": "Reviewer"}
DIGEST = "Signed digest"
SIGNATURES_NOTE = (
    "A signature covers pictures, labels, protocol, weights and results, as they were when this "
    "page was written."
)

SHEET_FACTS = "Entered for this lot"
FACTS: Mapping[str, tuple[str, str]] = {
    "suspension_ml": ("Suspension", "mL"),
    "recipient_kg": ("Recipient", "kg"),
    "settled_tissue_ml": ("Settled tissue", "mL"),
    "infusion": ("Infusion", ""),
    "day": ("Day", ""),
}
ALIQUOT = "Aliquot of specimen {name}"
DILUTION = "dilution {dilution}"

ISLET_TABLE = "Every islet"
ISLET_TABLE_TOO_LONG = "{n} objects were found, too many for this page. All of them are in {file}."
ISLET_TABLE_NOT_PRINTED = "{n} objects; the full table is in {file}."
FILTER = "Show only rows that contain"
FILTER_ALL, FILTER_COUNTED, FILTER_EXCLUDED = "all", "counted", "not counted"
FILTER_SHOWN = "{shown} of {n} shown"
WHICH = "Objects"
SORT_HINT = "A click on a column's title sorts by it, a click on a row shows the islet."
LABEL = "Label"
DIAMETER, AREA, LONG_AXIS, SHORT_AXIS = "Diameter", "Area", "Long axis", "Short axis"
CIRCULARITY, SOLIDITY, VOLUME = "Circularity", "Solidity", "Volume"
COUNTED = "Counted"
YES = "yes"
NO_BECAUSE = "no: {reason}"
NO = "no"

DEFINITIONS = "Definitions in use"
PROVENANCE = "Provenance"
PROTOCOL = "Protocol"
PROTOCOL_LINE = "{name}, version {version}, {status}"
PROTOCOL_HASH = "Protocol SHA-256"
NETWORK = "Network"
NO_NETWORK = "none: classical segmentation"
NETWORK_HASH = "Weights SHA-256"
NETWORK_SCALE = "Working pixel size"
COMMAND = "Command"
STARTED = "Started"
FINISHED = "Finished"
EXIT_CODE = "Exit code"
EXIT_CODES: Mapping[int, str] = {
    0: "every limit is met, or there was none",
    1: "internal error",
    2: "the command or the protocol is wrong",
    3: "some inputs could not be analysed",
    4: "a limit is missed",
    5: "review is needed",
}
OVERALL_SCOPE = "Quantity, identity, purity and viability of islets as far as pictures show them."
LICENCE_OF_DATA = "Not stated: ask whoever made the pictures."
SUMMARY_CUT = "{n} more lots are not shown: see report.html."
INPUTS = "Inputs"
SHA256 = "SHA-256"
FILES = "The same figures as files: results.json, objects.csv, images.csv, lots.csv, junit.xml."
TO_TOP = "To the top"
