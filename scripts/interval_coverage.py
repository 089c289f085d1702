"""Print how often the intervals of simulated lots hold the truth, for every size law."""

import sys

from isletqc.decide.coverage import LAWS, Coverage, Setting, cover
from isletqc.protocol import Uncertainty

_WITH_ERROR = (
    "pixel_size_rsd",
    "aliquot_rsd",
    "dilution_rsd",
    "suspension_rsd",
    "recipient_rsd",
    "settled_tissue_rsd",
)
_EXACT = Uncertainty.model_validate(dict.fromkeys(_WITH_ERROR, 0))
_USUAL = Uncertainty.model_validate({})
# Name, errors of what is entered, segmentation error, true spread between badly mixed aliquots.
_CASES = (
    ("sampling alone", _EXACT, 0.0, 0.0),
    ("all errors, segmentation 6 %", _USUAL, 0.06, 0.0),
    ("all errors, badly mixed by 30 %", _USUAL, 0.06, 0.3),
)
_HEAD = (
    "law        aliquots  seen |  held   high    low | false pass >=    <= "
    "| mean P    met  wrongly passed | called badly mixed"
)


def _line(c: Coverage) -> str:
    s = c.setting
    return (
        f"{s.law:10s} {s.aliquots:8d} {s.seen:5d} "
        f"| {c.held:.3f}  {c.too_high:.3f}  {c.too_low:.3f} "
        f"| {c.false_pass:13.3f} {c.false_pass_upper:.3f} "
        f"| {c.mean_probability:.3f}  {c.met:.3f} {c.wrongly_passed:15.3f} "
        f"| {c.called_badly_mixed:.3f}\n"
    )


def main(lots: int = 2000, seed: int = 1) -> None:
    """Print one line for each error case, size law, number of aliquots and of islets."""
    for name, given, segmentation_rsd, mixing_rsd in _CASES:
        sys.stdout.write(f"\n{name}; {lots} lots a line, seed {seed}\n{_HEAD}\n")
        for law in LAWS:
            for aliquots in (1, 2, 3, 4):
                for seen in (20, 50, 100, 200, 600):
                    setting = Setting(law, aliquots, seen, given, segmentation_rsd, mixing_rsd)
                    sys.stdout.write(_line(cover(setting, lots=lots, seed=seed)))
                    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
