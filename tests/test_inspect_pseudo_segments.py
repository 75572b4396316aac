"""`wtal inspect` on what FuSTAL's filter wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_inspect import row, text_of
from wtal_cli.artifacts.kinds import artifacts_in, kind_of
from wtal_core.errors import WtalError


def segment(start: float, end: float, score: float, support: float, *fails: str) -> dict[str, Any]:
    tree = {"label": "Jump", "score": score, "segment": [start, end], "support": support}
    return tree | ({"fails": list(fails)} if fails else {})


def write(path: Path, dropped_label: str = "Spin") -> Path:
    dropped = segment(0.0, 8.0, 0.3, 0.1, "score", "support") | {"label": dropped_label}
    tree = {
        "results": {"a": [segment(1.0, 3.0, 0.9, 0.5), segment(2.0, 6.0, 0.7, 0.75)], "b": []},
        "dropped": {"a": [dropped], "b": [segment(4.0, 5.0, 0.8, 0.0, "support")]},
        "filter": {"rule": "both", "proposals": "r2"},
    }
    path.write_text(json.dumps(tree))
    return path


def test_kept_and_dropped_with_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "pseudo_segments.json")
    assert kind_of(path) == "pseudo-segments"
    assert artifacts_in(tmp_path) == {"pseudo_segments.json": "pseudo-segments"}
    text = text_of(path)
    assert "2 kept, 2 dropped in 2 videos, 1 of them left with nothing" in text
    assert row(text, "kept") == ["kept", "2", "3.000", "0.800", "0.625"]
    assert row(text, "dropped") == ["dropped", "2", "4.500", "0.550", "0.050"]
    assert row(text, "dropped by score") == ["dropped by score", "1", "8.000", "0.300", "0.100"]
    assert row(text, "dropped by support")[1] == "2"
    assert row(text, "Jump") == ["Jump", "2", "1"]
    assert row(text, "Spin") == ["Spin", "0", "1"]
    assert "r2" in text


def test_one_video(tmp_path: Path) -> None:
    text = text_of(write(tmp_path / "p.json"), video="a")
    assert row(text, "Spin") == [
        "Spin",
        "0.00",
        "8.00",
        "0.3000",
        "0.100",
        "dropped: score, support",
    ]
    assert row(text, "Jump")[-1] == "kept"
    with pytest.raises(WtalError, match="no video 'c'"):
        text_of(tmp_path / "p.json", video="c")


def test_two_of_them(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.json"), write(tmp_path / "b.json", "Hop")
    assert row(text_of(a, b), "Jump")[1:] == ["2", "2", "100.0%", "100.0%"]


def test_a_segment_without_its_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "p.json")
    path.write_text(path.read_text().replace('"support": 0.5', '"other": 0.5'))
    with pytest.raises(WtalError, match="lacks a number"):
        text_of(path)
