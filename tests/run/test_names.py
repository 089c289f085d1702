from __future__ import annotations

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isletqc.run.names import folder_names, picture_names


def test_a_picture_is_called_by_its_file_and_its_folder_by_the_stem() -> None:
    names = picture_names(["/data/a/x.tif", "/data/a/y.tif"])
    assert names == {"/data/a/x.tif": "x.tif", "/data/a/y.tif": "y.tif"}
    assert folder_names(tuple(names.values())) == {"x.tif": "x", "y.tif": "y"}


def test_equal_file_names_are_told_apart_by_as_little_path_as_needed() -> None:
    names = picture_names(["/data/a/x.tif", "/data/b/x.tif", "/data/b/y.tif"])
    assert list(names.values()) == ["a/x.tif", "b/x.tif", "y.tif"]


def test_two_pictures_of_one_stem_have_folders_of_their_own_whatever_their_order() -> None:
    one = folder_names(("x.tif", "x.png"))
    other = folder_names(("x.png", "x.tif"))
    assert one == other
    assert len(set(one.values())) == 2
    assert all(name.startswith("x~") for name in one.values())


def test_names_that_differ_only_in_case_have_folders_that_differ_in_more() -> None:
    folders = folder_names(("A.tif", "a.tif"))
    assert len({name.casefold() for name in folders.values()}) == 2


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("<script>alert(1)<.tif", "_script_alert(1)_"),
        ("a:b*c?.tif", "a_b_c_"),
        ("CON.tif", "_CON"),
        ("...tif", "_"),
        ("日本 語.tif", "日本 語"),
        (" blank .tif", "blank"),
    ],
)
def test_hostile_names_become_names_that_every_file_system_takes(name: str, folder: str) -> None:
    assert folder_names((name,)) == {name: folder}


def test_a_very_long_name_is_cut_and_stays_unique() -> None:
    names = ("é" * 120 + "1.tif", "é" * 120 + "2.tif")
    folders = folder_names(names)
    assert len(set(folders.values())) == 2
    assert all(len(folder.encode()) < 160 for folder in folders.values())


def test_a_name_that_is_not_utf8_can_be_written_down() -> None:
    path = "/data/" + b"caf\xe9.tif".decode("utf-8", errors="surrogateescape")
    (name,) = picture_names([path]).values()
    name.encode("utf-8")
    folder_names((name,))


paths = st.lists(
    st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20).map(
        lambda t: f"/data/{t}.tif"
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


@given(paths)
def test_different_pictures_never_share_a_folder_or_leave_it(found: list[str]) -> None:
    names = picture_names(found)
    folders = folder_names(tuple(names.values()))
    assert len(set(names.values())) == len(found)
    assert len(set(folders.values())) == len(found)
    for folder in folders.values():
        assert PurePath(folder).name == folder
        assert folder not in {"", ".", ".."}


@given(paths)
def test_names_do_not_depend_on_the_order_of_the_inputs(found: list[str]) -> None:
    forward = folder_names(tuple(picture_names(found).values()))
    backward = folder_names(tuple(picture_names(found[::-1]).values()))
    assert forward == backward
