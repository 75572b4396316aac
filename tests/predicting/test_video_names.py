"""What new videos are called."""

from pathlib import Path

from wtal_core.predicting.names import name_videos


def _names(*paths: str) -> list[str]:
    return list(name_videos(Path(path) for path in paths))


def test_a_stem_is_the_name_where_no_other_file_has_it() -> None:
    assert _names("a/one.mp4", "b/two.avi") == ["one", "two"]
    assert _names("a/x.mp4", "y.mp4", "b/x.mp4", "x.avi") == ["x.mp4", "y", "x.mp4-2", "x.avi"]


def test_capitals_do_not_tell_names_apart() -> None:
    assert _names("X.mp4", "x.avi") == ["X.mp4", "x.avi"]
    assert _names("a/X.mp4", "b/x.mp4") == ["X.mp4", "x.mp4-2"]


def test_a_numbered_name_that_is_taken() -> None:
    assert _names("a/x.mp4", "b/x.mp4", "x.mp4-2.mkv") == ["x.mp4", "x.mp4-2", "x.mp4-2-2"]


def test_a_file_given_twice_comes_once_where_it_came_first() -> None:
    assert _names("a/x.mp4", "y.mp4", "a/../a/x.mp4") == ["x", "y"]


def test_every_name_can_be_a_file_name() -> None:
    hostile = ["a\nb.mp4", "\u202egpj.mp4", ".hidden.mp4", "\udce9t\udce9.mp4", "é" * 120 + ".mp4"]
    names = _names(*hostile, "<img onerror=x>.mp4", "'\" $(x); .mp4")
    assert names[:4] == ["a_b", "_gpj", "hidden", "_t_"]
    assert names[4] == "é" * 75
    assert names[5:] == ["<img onerror=x>", "'\" $(x); "]
    for name in names:
        assert len(name.encode()) <= 150
        assert Path(name).name == name
