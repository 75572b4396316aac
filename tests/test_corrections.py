"""corrections.json: what is written is read, and what does not fit is named."""

import json
from pathlib import Path

import pytest

from wtal_core.annotations import Labels, Video
from wtal_core.corrections import NO_CORRECTIONS, Corrected, read_corrections, write_corrections
from wtal_core.errors import WtalError

LABELS = Labels(
    ("hop", "run"),
    (
        Video("a", Path("a.mp4"), "train", ("hop", "run")),
        Video("b", Path("b.mp4"), "train", ("run",)),
        Video("t", Path("t.mp4"), "test", ()),
    ),
)
HOP = {"label": "hop", "segment": [1, 2.5]}


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "corrections.json"
    videos = {
        "a": Corrected((("hop", 0.5, 1.25), ("run", 2.0, 3.0)), ("hop",)),
        "b": Corrected((), ("run",)),
    }
    write_corrections(path, videos)
    assert read_corrections(path, LABELS) == videos
    assert len(path.read_text().splitlines()) == 6  # a line a video
    write_corrections(path, {})
    assert path.read_text() == NO_CORRECTIONS
    assert read_corrections(path, LABELS) == {}


@pytest.mark.parametrize(
    ("videos", "said"),
    [
        ({"t": {"reviewed": [], "segments": []}}, "'t' is no training video"),
        ({"c": {"reviewed": [], "segments": []}}, "'c' is no training video"),
        (
            {"b": {"reviewed": [], "segments": [HOP]}},
            "names 'hop', labels.json gives the video run",
        ),
        ({"b": {"reviewed": ["hop"], "segments": []}}, "names 'hop'"),
        ({"a": {"reviewed": ["hop"]}}, "needs the lists"),
        ({"a": {"reviewed": [], "segments": [HOP | {"segment": [2, 2]}]}}, "0 <= start < end"),
        ({"a": {"reviewed": [], "segments": [{"label": "hop"}]}}, "needs 'segment'"),
        ([], "needs 'videos'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, videos: object, said: str) -> None:
    path = tmp_path / "corrections.json"
    path.write_text(json.dumps({"videos": videos}))
    with pytest.raises(WtalError, match=said) as caught:
        read_corrections(path, LABELS)
    assert str(path) in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="wtal import corrections"):
        read_corrections(tmp_path / "corrections.json", LABELS)
