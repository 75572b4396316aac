"""Stages features_i3d and features_clip on three tiny videos with untrained encoders."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stages import features_clip, features_i3d
from stages.parts import encoding_clip, encoding_i3d
from wtal_core.checkpoint import load_checkpoint, save_checkpoint
from wtal_core.encoders.clip import build_clip, load_clip
from wtal_core.encoders.clip_image import encode_images
from wtal_core.encoders.i3d import InceptionI3d, load_i3d
from wtal_core.errors import WtalError
from wtal_core.store import read_sequences
from wtal_core.video.frames import read_flow, read_frames, write_flow, write_frames

WIDTH = 0.07
CONFIG = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8},
    "text_cfg": {"context_length": 7, "width": 8, "heads": 1, "layers": 1},
}
# frames of each video; snippets of 4 every 3 frames: T = 1 (short), 1 (a single frame), 3
LENGTHS = {"a": 3, "b": 1, "c": 11}
SUBSETS = {"a": "train", "b": "test", "c": "test"}
YAML = """
video: {fps: 25.0, short_side: 20, crop: 18}
snippet: {frames: 4, stride: 3}
i3d: {rgb: encoders/i3d_rgb, flow: encoders/i3d_flow, batch: 2}
clip: {weights: encoders/clip, batch: 2}
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Frames and flow of the videos as the stages before leave them, and encoders."""
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WTAL_WORKERS", "1")
    torch.set_num_threads(1)
    data = tmp_path / "data" / "tiny"
    (data / "frames").mkdir(parents=True)
    (data / "flow").mkdir()
    (data / "dataset.yaml").write_text(YAML)
    rng = np.random.default_rng(3)
    for name, n in LENGTHS.items():
        pictures = rng.integers(0, 256, (n, 20, 24, 3), dtype=np.uint8)
        write_frames(data / "frames" / f"{name}.mkv", pictures, 25)
        fields = rng.integers(100, 156, (n - 1, 20, 24, 2), dtype=np.uint8)
        write_flow(data / "flow" / f"{name}.mkv", fields)
    videos = {name: {"frames": n} for name, n in LENGTHS.items()}
    (data / "frames" / "record.json").write_text(json.dumps({"fps": 25.0, "videos": videos}))
    write_flow_record(data, LENGTHS)
    labels = {
        "classes": ["hop", "run"],
        "videos": {
            name: {"file": f"videos/{name}.mp4", "subset": subset}
            | ({"labels": ["run"]} if subset == "train" else {})
            for name, subset in SUBSETS.items()
        },
    }
    (data / "labels.json").write_text(json.dumps(labels))
    torch.manual_seed(4)
    for stream, channels in (("rgb", 3), ("flow", 2)):
        model = InceptionI3d(channels, WIDTH, 5)
        meta = {"network": "i3d", "stream": stream, "width": WIDTH}
        save_checkpoint(data / "encoders" / f"i3d_{stream}", model.state_dict(), meta)
    state = build_clip(CONFIG).state_dict()
    save_checkpoint(data / "encoders" / "clip", state, {"config": CONFIG})
    return data


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes, which take seconds to import torch."""
    for part in (encoding_i3d, encoding_clip):
        monkeypatch.setattr(part, "map_items", lambda work, items, title: map(work, items))


def write_flow_record(data: Path, lengths: dict[str, int]) -> None:
    videos = {name: {"fields": n - 1} for name, n in lengths.items()}
    record = {"method": "tvl1", "bound": 20.0, "videos": videos}
    (data / "flow" / "record.json").write_text(json.dumps(record))


def i3d_row(data: Path, stream: str, pictures: np.ndarray) -> np.ndarray:
    """Features of one snippet, given its cropped pictures (F, 18, 18, C), by hand."""
    tensors, meta = load_checkpoint(data / "encoders" / f"i3d_{stream}")
    model = load_i3d(meta["width"], tensors)
    clip = torch.from_numpy(pictures.astype(np.float32) * 2 / 255 - 1).permute(3, 0, 1, 2)
    with torch.no_grad():
        return model(clip[None])[0].numpy()


@pytest.mark.usefixtures("in_process")
def test_i3d_features(data: Path) -> None:
    features_i3d.main(data)
    train = read_sequences(data / "i3d" / "train.zarr")
    test = read_sequences(data / "i3d" / "test.zarr")
    assert train.names == ("a",)
    assert test.names == ("b", "c")
    assert test.lengths.tolist() == [1, 3]
    feat = test.of("c")["feat"]
    assert feat.dtype == np.float16

    # Snippet 2 of c: frames 6..9 and fields 6..9, cut 18 x 18 out of 20 x 24.
    rgb = read_frames(data / "frames" / "c.mkv")[6:10, 1:19, 3:21]
    flow = read_flow(data / "flow" / "c.mkv")[6:10, 1:19, 3:21]
    expected = np.concatenate([i3d_row(data, "rgb", rgb), i3d_row(data, "flow", flow)])
    np.testing.assert_allclose(feat[2], expected, rtol=2e-3, atol=1e-3)

    # a: three frames and two fields make up one window of four.
    rgb = read_frames(data / "frames" / "a.mkv")[[0, 1, 2, 2], 1:19, 3:21]
    flow = read_flow(data / "flow" / "a.mkv")[[0, 1, 1, 1], 1:19, 3:21]
    expected = np.concatenate([i3d_row(data, "rgb", rgb), i3d_row(data, "flow", flow)])
    np.testing.assert_allclose(train.of("a")["feat"], expected[None], rtol=2e-3, atol=1e-3)

    # b: one frame, hence no motion.
    still = i3d_row(data, "flow", np.full((4, 18, 18, 2), 128))
    half = feat.shape[1] // 2
    np.testing.assert_allclose(test.of("b")["feat"][0, half:], still, rtol=2e-3, atol=1e-3)


@pytest.mark.usefixtures("in_process")
def test_clip_features_lie_on_the_grid_of_i3d(data: Path) -> None:
    features_i3d.main(data)
    features_clip.main(data)
    for subset in ("train", "test"):
        i3d = read_sequences(data / "i3d" / f"{subset}.zarr")
        clip = read_sequences(data / "clip" / f"{subset}.zarr")
        assert clip.names == i3d.names
        assert clip.lengths.tolist() == i3d.lengths.tolist()
        assert clip.attrs["grid"] == i3d.attrs["grid"]
    # Snippets of c start at 0, 3, 6; the middle of four frames is the third. b has one frame.
    model = load_clip(CONFIG, load_checkpoint(data / "encoders" / "clip")[0])
    for name, centres in (("c", [2, 5, 8]), ("b", [0])):
        rgb = torch.from_numpy(read_frames(data / "frames" / f"{name}.mkv")[centres])
        expected = encode_images(model, rgb).numpy()
        feat = clip.of(name)["feat"]
        assert feat.dtype == np.float16
        np.testing.assert_allclose(feat, expected, rtol=2e-3, atol=1e-3)


@pytest.mark.usefixtures("in_process")
def test_the_stores_say_what_made_them(data: Path) -> None:
    features_i3d.main(data)
    features_clip.main(data)
    i3d = read_sequences(data / "i3d" / "test.zarr").attrs
    assert i3d["grid"] == {"fps": 25.0, "window": 4, "stride": 3, "offset": 0}
    assert (i3d["crop"], i3d["channel_order"]["rgb"]) == (18, "RGB")
    assert i3d["flow"] == {"method": "tvl1", "bound": 20.0}
    rgb, flow = i3d["streams"]["rgb"], i3d["streams"]["flow"]
    half = rgb["columns"][1]
    assert (rgb["columns"], flow["columns"]) == ([0, half], [half, 2 * half])
    assert rgb["weights_sha256"] != flow["weights_sha256"]
    clip = read_sequences(data / "clip" / "test.zarr").attrs
    assert clip["model"] == CONFIG
    for attrs in (i3d, clip):
        assert (attrs["backend"], attrs["precision"]) == ("torch", "fp32")
    assert clip["normalised"] is False
    for folder, digest in (("i3d_flow", flow["weights_sha256"]), ("clip", clip["weights_sha256"])):
        meta = json.loads((data / "encoders" / folder / "meta.json").read_text())
        assert digest == meta["sha256"]


@pytest.mark.usefixtures("in_process")
def test_another_precision_makes_other_features(data: Path) -> None:
    features_i3d.main(data)
    features_clip.main(data)
    facts = (data / "dataset.yaml").read_text()
    (data / "dataset.yaml").write_text(f"{facts}encoders: {{backend: torch, precision: bf16}}\n")
    before = {kind: read_sequences(data / kind / "test.zarr") for kind in ("i3d", "clip")}
    features_i3d.main(data)
    features_clip.main(data)
    for kind, old in before.items():
        new = read_sequences(data / kind / "test.zarr")
        assert (new.attrs["backend"], new.attrs["precision"]) == ("torch", "bf16")
        assert old.attrs | {"precision": "bf16"} == new.attrs
        for name in ("b", "c"):
            one, other = old.of(name)["feat"], new.of(name)["feat"]
            assert (one != other).any()
            np.testing.assert_allclose(one, other, rtol=0.1, atol=0.05)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_equal_bytes_whatever_the_batch(
    data: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = f"{YAML}encoders: {{backend: torch, precision: {precision}}}\n"
    made = []
    for number, batch in enumerate((2, 1, 5)):
        monkeypatch.setenv("WTAL_ITEM_CACHE", str(data.parent / f"cache{number}"))
        (data / "dataset.yaml").write_text(facts.replace("batch: 2", f"batch: {batch}"))
        features_i3d.main(data)
        features_clip.main(data)
        made.append(contents(data / "i3d") | contents(data / "clip"))
    assert made[0] == made[1] == made[2]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("stage", [features_i3d, features_clip], ids=["i3d", "clip"])
def test_finished_videos_are_not_encoded_again(
    data: Path, stage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = stage.main  # type: ignore[attr-defined]
    out = data / str(stage.__name__).removeprefix("stages.features_")  # type: ignore[attr-defined]
    cache = data.parents[1] / "cache" / f"features_{out.name}"
    main(data)
    first = contents(out)
    stamps = {p: p.stat().st_mtime_ns for p in cache.glob("*.npy")}
    assert len(stamps) == (6 if out.name == "i3d" else 3)

    write_frames(data / "frames" / "a.mkv", np.zeros((3, 20, 24, 3), np.uint8), 25)
    main(data)
    after = {p: p.stat().st_mtime_ns for p in cache.glob("*.npy")}
    assert {p: after[p] for p in stamps} == stamps
    assert len(after) == len(stamps) + (2 if out.name == "i3d" else 1)
    second = contents(out)
    changed = {name.split("/")[0] for name in first if first[name] != second[name]}
    assert changed == {"train.zarr"}


@pytest.mark.usefixtures("in_process")
def test_an_empty_subset_has_no_store(data: Path) -> None:
    labels = json.loads((data / "labels.json").read_text())
    labels["videos"]["a"] = {"file": "videos/a.mp4", "subset": "test"}
    (data / "labels.json").write_text(json.dumps(labels))
    features_clip.main(data)
    assert [path.name for path in (data / "clip").iterdir()] == ["test.zarr"]


@pytest.mark.parametrize("lengths", [{**LENGTHS, "c": 10}, {"a": 3, "b": 1}])
def test_flow_of_other_frames_is_refused(data: Path, lengths: dict[str, int]) -> None:
    write_flow_record(data, lengths)
    with pytest.raises(WtalError, match="c does not match frames/; rerun stage flow"):
        features_i3d.main(data)
