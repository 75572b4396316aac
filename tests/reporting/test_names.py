"""Names as text, and as file names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtal_core.reporting.names import shown, slugs


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("Pole vault, 2nd", "Pole vault, 2nd"),
        ("Überholen 走る", "Überholen 走る"),
        ("clip_\u202e4pm.exe", "clip_\\u202e4pm.exe"),
        ("zero\u200bwidth\n", "zero\\u200bwidth\\n"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_what_does_not_show_itself_is_written_out(name: str, seen: str) -> None:
    assert shown(name) == seen


def test_a_plain_name_is_its_own_slug() -> None:
    assert slugs(["video_test_0000004", "v_-Abc"]) == {
        "video_test_0000004": "video_test_0000004",
        "v_-Abc": "v_-Abc",
    }


def test_names_that_would_collide_do_not() -> None:
    found = slugs(["a", "A", "a b", "a-b", "a?b", "../a", "con", "", "x" * 300])
    assert found["a"] == "a"
    assert found["a-b"] == "a-b"
    assert found["A"].startswith("A-")
    assert found["con"].startswith("con-")
    assert len({slug.casefold() for slug in found.values()}) == 9


@given(st.lists(st.text(), unique=True, max_size=20))
def test_slugs_are_safe_and_distinct(names: list[str]) -> None:
    found = slugs(names)
    assert list(found) == names
    assert len({slug.casefold() for slug in found.values()}) == len(names)
    for slug in found.values():
        assert slug.isascii()
        assert slug.replace("-", "").replace("_", "").isalnum() or set(slug) <= {"-", "_"}
        assert len(slug) <= 70
