"""The benchmark of decoding: it runs, and what it compares is the same pictures. No times."""

import json
from pathlib import Path

import pytest

from benchmarks import decode as benchmark
from benchmarks.harness import read_rows
from tests.video.films import picture, write_film


def test_it_measures_and_writes_its_files(tmp_path: Path) -> None:
    benchmark.main(smoke=True, out=tmp_path)
    found = json.loads((tmp_path / "decode.json").read_text())
    (row,) = found["clips"].values()
    assert row["frames"] == dict.fromkeys(benchmark.WAYS, 100)
    assert row["late_s"] == 0
    assert row["levels_most"] <= 1
    assert found["faster_cpu"] == row["faster_cpu"]
    assert set(row["ms"]) == set(benchmark.WAYS)
    assert min(row["ms"].values()) > 0
    median, least = read_rows(tmp_path / "decode.json")
    assert median.accurate
    assert median.measured == least.measured == row["faster_cpu"]
    assert "| 720p.mp4 | 100 | " in (tmp_path / "decode.md").read_text()
    assert (tmp_path / "decode.svg").is_file()


def test_the_worst_clip_and_lost_frames_are_told() -> None:
    row = {"faster_cpu": 0.95, "late_s": 0.0, "levels_most": 1}
    row["ms"] = {"decoding alone": 1.0, "ours": 2.0}  # type: ignore[assignment]
    clips = {"a.mp4": row, "b.mp4": {**row, "faster_cpu": 0.8}, "c.mp4": row}
    median, least = benchmark.judge({"clips": clips, "faster_cpu": 0.95})
    assert (median.reached, least.reached) == (True, False)
    assert "b.mp4" in least.what
    clips["c.mp4"] = {**row, "late_s": -1.0}
    assert not benchmark.judge({"clips": clips, "faster_cpu": 0.95})[0].accurate


def test_times_that_opencv_makes_up_are_seen(tmp_path: Path) -> None:
    film = write_film(
        tmp_path / "film.mkv", [picture(i) for i in range(6)], [0, 15, 90, 95, 300, 500]
    )
    found = benchmark.compare_times(film)
    assert found["late_s"] == 0
    assert found["opencv_late_s"] < 1e-3  # Matroska tells it the times
    assert benchmark.find_clips(tmp_path) == []  # too short


def test_all_ways_give_pictures_of_one_size(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [picture(i, 46, 62) for i in range(5)])
    for way in (benchmark.by_opencv, benchmark.by_us, benchmark.by_swscale):
        found = list(way(film))
        assert [(rgb.shape, grey.shape) for rgb, grey in found] == [((256, 345, 3), (256, 345))] * 5
        assert found[0][1].mean() == pytest.approx(found[0][0].mean(), abs=20)
    assert len(list(benchmark.bare(film))) == 5
