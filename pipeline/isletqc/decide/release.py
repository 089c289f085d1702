"""May these results be used for release? Verdicts and signatures in, one sentence out.

The verdict says whether limits are met; a protocol may also ask for signatures. Signatures never
turn a missed limit or a review into a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from isletqc.protocol import Release
from isletqc.records import LotVerdict, Signature

Role = Literal["author", "reviewer"]
_ROLES: dict[str, tuple[Role, ...]] = {
    "none": (),
    "author": ("author",),
    "author-and-reviewer": ("author", "reviewer"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """``released`` is None where the protocol asks for no signatures; ``sentence`` says why."""

    released: bool | None
    sentence: str


def missing_roles(rule: Release, signatures: Sequence[Signature]) -> tuple[Role, ...]:
    """Roles whose valid signature the protocol asks for and that nobody has given."""
    given = {signature.role for signature in signatures if signature.valid}
    return tuple(role for role in _ROLES[rule.signatures] if role not in given)


def standing(rule: Release, verdict: LotVerdict, signatures: Sequence[Signature]) -> Standing:
    """Say whether the results may be used for release.

    Parameters
    ----------
    rule : what the protocol asks for
    verdict : of the whole run, the worst lot's
    signatures : under the results, void ones among them
    """
    if rule.signatures == "none":
        return Standing(None, "")
    said = {"fail": "a limit is missed", "review": "a lot needs review", "not judged": "not judged"}
    missing = missing_roles(rule, signatures)
    reasons = [said[verdict]] if verdict in said else []
    reasons += [f"{role}'s signature {_state(role, signatures)}" for role in missing]
    if reasons:
        return Standing(False, f"Not released: {'; '.join(reasons)}")
    signed = ", ".join(f"{s.who} ({s.role})" for s in signatures if s.valid)
    return Standing(True, f"Released: all limits are met, signed by {signed}")


def _state(role: Role, signatures: Sequence[Signature]) -> str:
    return "is void" if any(s.role == role for s in signatures) else "missing"
