"""What control charts and the index of runs say; see ``texts`` for the rest."""

from __future__ import annotations

from collections.abc import Mapping

TREND = "Trend of the last lots"
TREND_POINTS = "{n} lots, the last one is {last}."
CHART_TITLE = "Control chart: {figure}"
CHART_HEAD = "Control chart"
ANSWER_CLEAR = "No rule fires at the last value."
ANSWER_WARNING = "The last value is a warning: {rules}."
ANSWER_REJECT = "The last value breaks {rules}."
EARLIER_ONE, EARLIER_MANY = "{n} earlier value breaks a rule.", "{n} earlier values break rules."
BASELINE_GIVEN = "Mean {mean} and SD {sd} as given."
BASELINE_ESTABLISHED = "Mean {mean} and SD {sd} established from the first {n} values."
BASELINE_FEW = (
    "Fewer than 20 values establish mean and SD: they are uncertain, and so is where a rule fires."
)
ANSWER_FLAT = "Nothing is judged: values that do not differ have no limits."
BASELINE_FLAT = "The values that establish the SD are all the same: no rule can fire."
SKIPPED_ONE, SKIPPED_MANY = "{n} result without this figure:", "{n} results without this figure:"
LEVEY_JENNINGS = "Levey-Jennings chart"
LEVEY_JENNINGS_ALT = "{figure} of {n} values; mean {mean}, SD {sd}; rules fire at: {fired}"
INDIVIDUALS = "Individuals chart"
INDIVIDUALS_ALT = "{figure} of {n} values; limits {low} to {high}; outside: {fired}"
RANGES = "Moving ranges"
RANGES_ALT = "Differences of neighbours of {n} values; upper limit {high}; above it: {fired}"
NOTHING_FIRES = "nowhere"
LIMITS_OF = "limits {low} to {high}, mean moving range {range}"
RANGE_LIMIT = "upper limit {high}"
MEAN_LINE, SD_LINE = "mean", "{n} SD"
UPPER, LOWER = "upper limit", "lower limit"
ALL_VALUES = "All values"
NUMBER, LABEL, DATE, VALUE, Z, RULES = "No.", "Lot", "Date", "Value", "z", "Rules"
RULE_NAMES: Mapping[str, str] = {
    "1_2s": "1:2s",
    "1_3s": "1:3s",
    "2_2s": "2:2s",
    "R_4s": "R:4s",
    "4_1s": "4:1s",
    "10_x": "10:x",
    "individuals": "individuals limit",
    "moving range": "moving-range limit",
}
RULE_TEXTS: Mapping[str, str] = {
    "1_2s": "One value beyond 2 SD: a warning, look at the others.",
    "1_3s": "One value beyond 3 SD: random error.",
    "2_2s": "Two values in a row beyond the same 2 SD: systematic error.",
    "R_4s": (
        "Neighbours, one above +2 SD and one under −2 SD: random error. Meant within a run; here "
        "for values that follow each other."
    ),
    "4_1s": "Four values in a row beyond the same 1 SD: systematic error.",
    "10_x": "Ten values in a row on the same side of the mean: systematic error.",
    "individuals": "A value outside mean ± 2.66 × mean moving range.",
    "moving range": "Two neighbours further apart than 3.267 × mean moving range.",
}
RULES_HEAD = "The rules"
RULES_SOURCE = (
    "Westgard's rules as in doi 10.1007/s10815-013-0107-x, table 1; individuals chart as in the "
    "NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2."
)
CHART_FILES = "The same as files: chart.svg, individuals.svg, chart.csv, chart.json."

INDEX_TITLE = "Islet quality control: {n} lots"
INDEX_HEAD = "All lots"
INDEX_SUMMARY = "{lots} lots in {runs} runs: {tally}"
INDEX_BROKEN_ONE = "{n} result could not be read:"
INDEX_BROKEN_MANY = "{n} results could not be read:"
INDEX_COLUMNS: Mapping[str, str] = {
    "islet_count": "Islets counted",
    "ieq_total": "IEQ in the lot",
    "ieq_per_kg": "IEQ/kg",
    "purity": "Purity, %",
    "viability": "Viability, %",
}
FINISHED, PROTOCOL, PICTURES_COLUMN = "Finished", "Protocol", "Pictures"
NO_REPORT = "no report"
