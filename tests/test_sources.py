"""Which video files of labels.json are taken, and which names are refused."""

import logging
from pathlib import Path

import pytest

from wtal_core.annotations import Video
from wtal_core.errors import WtalError
from wtal_core.sources import find_sources, warn_of_twins


def video(name: str, file: str | None = None) -> Video:
    return Video(name, Path(file or f"videos/{name}.mp4"), "test", ())


def folder(tmp_path: Path, *names: str) -> Path:
    (tmp_path / "videos").mkdir()
    for name in names:
        (tmp_path / "videos" / f"{name}.mp4").touch()
    return tmp_path


def test_sorted_by_id_whatever_the_file_is_called(tmp_path: Path) -> None:
    data = folder(tmp_path, "one", "two")
    sources = find_sources(data, [video("z", "videos/one.mp4"), video("b c", "videos/two.mp4")])
    assert list(sources.items()) == [
        ("b c", data / "videos/two.mp4"),
        ("z", data / "videos/one.mp4"),
    ]


@pytest.mark.parametrize(
    "file",
    [
        "../x.mp4", "videos/../../x.mp4", "/etc/passwd", "http://host/x.mp4", "concat:a|b",
        "pipe:0", "C:\\x.mp4", "C:x.mp4", "videos\\..\\..\\x.mp4", "file:x.mp4",
    ],
)  # fmt: skip
def test_paths_out_of_the_folder_are_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(WtalError, match=r"E120 paths .*\n  b: "):
        find_sources(folder(tmp_path, "a"), [video("a"), video("b", file)])


@pytest.mark.parametrize("name", ["a/b", "../a", ".a", "", "a\nb", "a\0b", "x" * 201, "\udcff"])
def test_ids_that_cannot_be_file_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WtalError, match="E110 ids"):
        find_sources(folder(tmp_path, "a"), [video("a"), video(name, "videos/a.mp4")])


def test_odd_but_good_ids(tmp_path: Path) -> None:
    names = ["-i", "a b", "é😀", "$(x);'\"", "a.b", "x" * 200]
    data = folder(tmp_path, "a")
    found = find_sources(data, [video(name, "videos/a.mp4") for name in names])
    assert sorted(found) == sorted(names)


def test_missing_files_are_listed(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match=r"2 files that do not exist") as caught:
        find_sources(folder(tmp_path, "a"), [video("a"), video("b"), video("c")])
    assert "b.mp4" in str(caught.value)
    assert "a.mp4" not in str(caught.value)


def test_a_broken_link_is_left_to_the_decoder(tmp_path: Path) -> None:
    data = folder(tmp_path)
    (data / "videos" / "a.mp4").symlink_to(tmp_path / "gone")
    assert list(find_sources(data, [video("a")])) == ["a"]


def test_no_video_at_all(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="names no video"):
        find_sources(tmp_path, [])


def test_strangers_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        find_sources(folder(tmp_path, "a", "b"), [video("a")])
    assert [r.getMessage().rsplit("/", 1)[1] for r in caplog.records] == [
        "b.mp4 is not in labels.json and is left out"
    ]


def test_twins_are_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_twins({"a": "1", "b": "2", "c": "1"})
    assert [r.getMessage() for r in caplog.records] == [
        "W210 the same video under several ids: a, c"
    ]
