from __future__ import annotations

from isletqc.decide.release import missing_roles, standing
from isletqc.protocol import Release
from isletqc.records import Signature

BOTH = Release(signatures="author-and-reviewer")


def signature(role: str, *, valid: bool = True) -> Signature:
    return Signature(f"the {role}", role, "seen", "2026-01-01", "k", "d", valid)  # type: ignore[arg-type]


def test_a_protocol_that_asks_for_no_signatures_says_nothing() -> None:
    assert standing(Release(), "pass", ()).released is None
    assert standing(Release(), "fail", ()).sentence == ""


def test_what_is_missing_is_named() -> None:
    assert standing(BOTH, "pass", ()).sentence == (
        "Not released: author's signature missing; reviewer's signature missing"
    )
    found = standing(BOTH, "pass", (signature("author"),))
    assert found.sentence == "Not released: reviewer's signature missing"
    assert found.released is False


def test_a_void_signature_does_not_count() -> None:
    given = (signature("author", valid=False),)
    assert missing_roles(BOTH, given) == ("author", "reviewer")
    assert standing(Release(signatures="author"), "pass", given).sentence == (
        "Not released: author's signature is void"
    )


def test_signatures_never_make_a_missed_limit_good() -> None:
    given = (signature("author"), signature("reviewer"))
    assert standing(BOTH, "fail", given).sentence == "Not released: a limit is missed"
    assert standing(BOTH, "review", given).sentence == "Not released: a lot needs review"
    assert standing(BOTH, "not judged", given).released is False


def test_a_passing_run_with_all_signatures_is_released_and_names_them() -> None:
    found = standing(BOTH, "pass", (signature("author"), signature("reviewer")))
    assert found.released is True
    assert found.sentence == (
        "Released: all limits are met, signed by the author (author), the reviewer (reviewer)"
    )
