"""Films from the world outside: every container, rate and oddity goes from file to segments."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.tiny_run import Clone
from tests.video.test_decode import CLIPS, VIDEOS
from wtal_core.annotations import read_json, read_predictions
from wtal_core.grid import SnippetGrid
from wtal_core.store import read_sequences

pytestmark = [
    pytest.mark.slow,
    pytest.mark.reference,
    pytest.mark.xdist_group("tiny_run"),
    pytest.mark.skipif(not VIDEOS.is_dir(), reason="no ../shared/reference/videos"),
]
FPS = 25.0
# id: a real clip; ids without the folder's name, since they become file names
REAL = {Path(name).stem + Path(name).suffix.replace(".", "_"): name for name in CLIPS}
LAST = "r2"


@pytest.fixture(scope="module")
def real(tiny_run: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real clips with made-up tags, encoded and localized by what the tiny run learned."""
    demo, data = tiny_run.root / "data" / "demo", tmp_path_factory.mktemp("data") / "real"
    shutil.copytree(demo / "encoders", data / "encoders")
    for branch in ("cbp", "vlp"):
        shutil.copytree(demo / LAST / branch, data / LAST / branch)
    dataset = yaml.safe_load((demo / "dataset.yaml").read_text(encoding="utf-8"))
    dataset["dataset"] = {"name": "real", "synthetic": False}
    dataset["video"]["fps"] = FPS
    (data / "dataset.yaml").write_text(yaml.safe_dump(dataset), encoding="utf-8")
    classes = read_json(demo / "labels.json")["classes"]
    videos: dict[str, object] = {}
    for number, (video, name) in enumerate(REAL.items()):
        (data / "videos").mkdir(exist_ok=True)
        shutil.copy(VIDEOS / name, data / "videos" / Path(name).name)
        videos[video] = {"file": f"videos/{Path(name).name}", "subset": "test"}
        if number % 4 == 0:
            videos[video] = {
                "file": f"videos/{Path(name).name}",
                "subset": "train",
                "labels": [classes[number % len(classes)]],
            }
    (data / "labels.json").write_text(json.dumps({"classes": classes, "videos": videos}))
    for stage in ("check", "frames", "flow", "features_i3d", "features_clip"):
        tiny_run.run("-m", f"stages.{stage}", str(data))
    tiny_run.run("-m", "stages.infer", str(data), "--round", LAST)
    return data


@pytest.mark.parametrize("video", REAL)
def test_durations_are_true(real: Path, video: str) -> None:
    _, (height, width), seconds = CLIPS[REAL[video]]
    facts = read_json(real / "frames" / "record.json")["videos"][video]
    assert facts["duration_s"] == pytest.approx(seconds, abs=0.001)
    assert facts["frames"] == pytest.approx(seconds * FPS, abs=1)
    # upright, and as wide or high as it was
    assert facts["width"] / facts["height"] == pytest.approx(width / height, rel=0.05)


def test_none_is_bad(real: Path) -> None:
    assert read_json(real / "frames" / "record.json")["bad"] == []


def test_both_features_cover_every_film(real: Path) -> None:
    frames = read_json(real / "frames" / "record.json")["videos"]
    for subset in ("train", "test"):
        i3d, clip = (read_sequences(real / kind / f"{subset}.zarr") for kind in ("i3d", "clip"))
        grid = SnippetGrid.from_dict(i3d.attrs["grid"])
        assert i3d.names == clip.names
        assert list(i3d.lengths) == list(clip.lengths)
        assert list(i3d.lengths) == [grid.count(frames[name]["frames"]) for name in i3d.names]


def test_segments_lie_inside_the_films(real: Path) -> None:
    labels, frames = read_json(real / "labels.json"), read_json(real / "frames" / "record.json")
    found = read_predictions(real / LAST / "predictions.json")
    tested = {video for video, facts in labels["videos"].items() if facts["subset"] == "test"}
    assert set(read_json(real / LAST / "predictions.json")["results"]) == tested
    assert len(found.score)
    assert set(found.video.tolist()) <= tested
    for video, start, end in zip(found.video, found.start_s, found.end_s, strict=True):
        assert 0 <= start < end <= frames["videos"][video]["duration_s"] + 1e-6


def test_predict_finds_what_the_stages_found(real: Path, tiny_run: Clone, tmp_path: Path) -> None:
    """In one pass over the files, without anything stored, true durations and equal segments."""
    found = read_json(real / LAST / "predictions.json")["results"]
    films = [str(VIDEOS / REAL[video]) for video in found]
    params, out = tiny_run.root / "params.yaml", tmp_path / "out"
    tiny_run.run(
        "-m", "wtal_cli.main", "predict", str(real), *films, "-o", str(out),
        "--params", str(params), "--media", "none",
    )  # fmt: skip
    record = read_json(out / "predict.json")
    assert record["bad"] == {}
    ids = {Path(one["file"]).name.replace(".", "_"): name for name, one in record["videos"].items()}
    results = read_json(out / "predictions.json")["results"]
    assert len(results) == len(found)
    for video, name in REAL.items():
        if video in found:
            assert results[ids[video]] == found[video]
            seconds = record["videos"][ids[video]]["duration_s"]
            assert seconds == pytest.approx(CLIPS[name][2], abs=0.001)
