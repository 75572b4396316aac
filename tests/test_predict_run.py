"""`wtal predict` on the videos that a run localized itself says what the run said."""

from pathlib import Path

import numpy as np
import pytest

from tests.tiny_run import Clone
from wtal_core.annotations import read_json
from wtal_core.store import read_sequences

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tiny_run")]


def test_the_same_segments_as_the_pipelines(tiny_run: Clone, tmp_path: Path) -> None:
    demo, out = tiny_run.root / "data" / "demo", tmp_path / "out"
    films = sorted((demo / "videos").glob("test_*.mp4"))
    before = tiny_run.locks()
    tiny_run.run("-m", "wtal_cli.main", "predict", "data/demo", *map(str, films), "-o", str(out))
    found = read_json(out / "predictions.json")["results"]
    assert set(found) == {film.stem for film in films}
    assert any(found.values())
    assert found == read_json(demo / "r2" / "predictions.json")["results"]
    durations = read_json(demo / "frames" / "record.json")["videos"]
    for name, one in read_json(out / "predict.json")["videos"].items():
        assert one["duration_s"] == durations[name]["duration_s"]
    ours = read_sequences(out / "data" / "demo" / "scores" / "r2.zarr")
    theirs = read_sequences(demo / "scores" / "r2.zarr")
    for name in ours.names:
        for key in ("cbp", "vlp", "final"):
            np.testing.assert_array_equal(ours.of(name)[key], theirs.of(name)[key])
    assert tiny_run.locks() == before


def test_another_round_without_pages(tiny_run: Clone, tmp_path: Path) -> None:
    demo, out = tiny_run.root / "data" / "demo", tmp_path / "out"
    film = demo / "videos" / "test_000.mp4"
    said = tiny_run.run(
        "-m", "wtal_cli.main", "predict", "data/demo@r1", str(film), "-o", str(out), "--no-page"
    )
    assert "s per second of video" in said
    (found,) = read_json(out / "predictions.json")["results"].values()
    assert found == read_json(demo / "r1" / "predictions.json")["results"]["test_000"]
    assert not (out / "page").exists()
