"""Corrections by hand, approvals and signatures -> rows of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from isletqc.records import Edit, Picture, Signature, Verdict
from isletqc.report import figures, texts


@dataclass(frozen=True, slots=True)
class EditRow:
    """One correction: of which picture, and what it changed in words."""

    image: str
    edit: Edit
    time: str
    labels: str
    change: str


def edit_rows(verdict: Verdict) -> tuple[EditRow, ...]:
    """List the corrections of a lot in the order in which they were made."""
    rows = [
        EditRow(
            image=picture.name,
            edit=edit,
            time=clock(edit.time),
            labels=", ".join(map(str, edit.labels)),
            change="; ".join(_changes(edit.old, edit.new)),
        )
        for picture in verdict.lot.pictures
        for edit in picture.edits
    ]
    return tuple(sorted(rows, key=lambda row: row.edit.time))


def edits_summary(verdict: Verdict) -> str:
    """Say how many corrections were made, in how many pictures, and by whom."""
    edited = [p for p in verdict.lot.pictures if p.edits]
    if not edited:
        return texts.EDITS_NONE
    count = sum(len(p.edits) for p in edited)
    who = ", ".join(dict.fromkeys(e.who for p in edited for e in p.edits))
    where = texts.EDITS_WHERE.format(pictures=len(edited), all=len(verdict.lot.pictures), who=who)
    return f"{figures.counted(count, texts.EDITS_ONE, texts.EDITS_MANY)} {where}"


def approvals_summary(verdict: Verdict) -> str:
    """Say how many pictures a person agreed with; empty where nobody was asked."""
    pictures = verdict.lot.pictures
    if not any(p.approval for p in pictures):
        return ""
    standing = sum(p.approved for p in pictures)
    return texts.APPROVALS_COUNT.format(n=standing, all=len(pictures))


def approval_words(picture: Picture) -> str:
    """Say who agreed with a picture's result, and whether it was changed afterwards."""
    approval = picture.approval
    if approval is None:
        return ""
    words = texts.APPROVED_BY if picture.approved else texts.APPROVAL_VOID
    return words.format(who=approval.who, time=clock(approval.time))


def signature_line(signatures: Sequence[Signature]) -> str:
    """Say in one line who signed, or that nobody did."""
    if not signatures:
        return texts.NOT_SIGNED
    void = sum(not s.valid for s in signatures)
    if void:
        return figures.counted(void, texts.SIGNATURE_VOID_ONE, texts.SIGNATURE_VOID_MANY)
    roles = (f"{s.who} ({texts.ROLES[s.role].lower()})" for s in signatures)
    return texts.SIGNED_BY.format(who=", ".join(roles))


def clock(time: str) -> str:
    """Write an ISO time as people read it, to the second."""
    return time.replace("T", " ").replace("+00:00", "").removesuffix("Z").split(".")[0]


def _changes(old: Mapping[str, float | str], new: Mapping[str, float | str]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        before, after = (_words(values.get(name)) for values in (old, new))
        yield f"{texts.EDIT_NAMES.get(name) or figures.spaced(name)}: {before} → {after}"


def _words(value: float | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else figures.number(value)
