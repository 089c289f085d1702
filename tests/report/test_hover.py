"""The islets that answer to a pointer."""

from __future__ import annotations

from typing import Any

from isletqc.report import hover, texts


def test_centre_and_radius_are_in_ten_thousandths_of_the_width(make: Any) -> None:
    # 80 px of 2.5 um: the picture is 200 um wide.
    picture = make.picture(islets=[make.islet(7, 150, centroid_yx_um=(50.0, 100.0))])
    places = {reason: k for k, reason in enumerate(hover.reasons([picture]))}
    assert hover.islet_data(picture, places, 10) == "7,5000,2500,3750,150,1,0"


def test_what_does_not_count_says_why(make: Any) -> None:
    nameless = make.islet(4, 100, included=False, exclusion_reason="")
    picture = make.picture(islets=[make.islet(1), make.islet(3, 30), nameless])
    reasons = hover.reasons([picture])
    assert reasons == ("", "smaller than 50 um", texts.NO)
    places = {reason: k for k, reason in enumerate(reasons)}
    last = [islet.split(",")[-1] for islet in hover.islet_data(picture, places, 10).split(";")]
    assert last == ["0", "2", "1"]


def test_the_largest_stay_where_not_all_have_room(make: Any) -> None:
    picture = make.picture(islets=[make.islet(k, 60 + k) for k in range(1, 50)])
    data = hover.islet_data(picture, {"": 0}, 3)
    assert [islet.split(",")[0] for islet in data.split(";")] == ["49", "48", "47"]


def test_the_page_shares_its_room_among_pictures(make: Any) -> None:
    assert hover.share([]) == hover.MOST_ON_PAGE
    assert hover.share([make.picture()] * 50) == hover.MOST_ON_PAGE // 50
    assert hover.share([make.picture()] * 100_000) > 0
