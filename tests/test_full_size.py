"""Real clips through all stages, and by `wtal predict`, with the paper's networks, untrained.

224 pixels, full-width I3D, ViT-B/16, TV-L1 with OpenCV's own settings; nothing is fetched.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from stages.parts.trained import load_localizer
from tests.predicting.tiny_trained import write_round
from tests.video.test_decode import VIDEOS
from wtal_cli.main import app
from wtal_core.annotations import read_json
from wtal_core.checkpoint import load_checkpoint, save_checkpoint
from wtal_core.encoders.clip import build_clip, load_clip
from wtal_core.encoders.clip_image import encode_images
from wtal_core.encoders.i3d import InceptionI3d, load_i3d
from wtal_core.encoders.windows import centre_crop
from wtal_core.predicting.encoding import Encoded
from wtal_core.predicting.settings import read_settings
from wtal_core.store import read_sequences
from wtal_core.video.frames import read_flow, read_frames
from wtal_core.weights.convert import VIT_B_16

ROOT = Path(__file__).parents[1]
CLIP = "mmaction2/demo.mp4"
PACKETS = 38  # of the film's 280, at 28 frames per second: TV-L1 takes half a second a pair
FRAMES, SNIPPETS = 35, 2  # at 25
# Facts of an imported data set: what the paper used.
FACTS = """
dataset: {name: real}
video: {fps: 25.0, short_side: 256, crop: 224}
snippet: {frames: 16, stride: 16}
flow: {method: tvl1, bound: 20.0}
i3d: {rgb: encoders/i3d_rgb, flow: encoders/i3d_flow}
clip: {weights: encoders/clip}
evaluation: {protocol: activitynet}
method:
  cbp: {width: 8, heads: 2, embed: 1, stem: 1, levels: 1}
  vlp: {heads: 2, prefix: 2, suffix: 2, positions: 40}
  localize: {class_floor: 0.0}
"""
# A caller that reaches for the network ends in an error, in the stage's own process.
NO_NETWORK = """
import runpy, socket, sys
def refuse(*args, **more):
    raise RuntimeError("a stage reached for the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.reference,
    pytest.mark.skipif(not VIDEOS.is_dir(), reason="no ../shared/reference/videos"),
]


def cut(source: Path, target: Path, packets: int) -> None:
    """The first packets of a film, as they are, in a file of their own."""
    with av.open(str(source)) as film, av.open(str(target), "w") as short:
        stream = short.add_stream_from_template(film.streams.video[0])
        for packet, _ in zip(film.demux(video=0), range(packets), strict=False):
            packet.stream = stream
            short.mux(packet)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames, flow and features as the stages leave them."""
    root = tmp_path_factory.mktemp("full")
    data = root / "data" / "real"
    (data / "videos").mkdir(parents=True)
    film = data / "videos" / Path(CLIP).name
    cut(VIDEOS / CLIP, film, PACKETS)
    (data / "dataset.yaml").write_text(FACTS, encoding="utf-8")
    videos = {"film": {"file": f"videos/{film.name}", "subset": "train", "labels": ["flip"]}}
    (data / "labels.json").write_text(json.dumps({"classes": ["flip", "pour"], "videos": videos}))
    torch.manual_seed(11)
    for stream, channels in (("rgb", 3), ("flow", 2)):
        model = InceptionI3d(channels, classes=400)
        save_checkpoint(
            data / "encoders" / f"i3d_{stream}", model.state_dict(),
            {"network": "i3d", "stream": stream, "width": 1.0},
        )  # fmt: skip
    vit = build_clip(VIT_B_16).state_dict()
    save_checkpoint(data / "encoders" / "clip", vit, {"network": "clip", "config": VIT_B_16})
    threads = {"OMP_NUM_THREADS": "1", "WTAL_WORKERS": "2"}
    cache = {"WTAL_ITEM_CACHE": str(root / "cache")}
    for stage in ("frames", "flow", "features_i3d", "features_clip"):
        subprocess.run(
            [sys.executable, "-c", NO_NETWORK, f"stages.{stage}", str(data)],
            cwd=ROOT, check=True, env={**os.environ, **threads, **cache},
        )  # fmt: skip
    return data


def test_frames_and_flow(data: Path) -> None:
    facts = read_json(data / "frames" / "record.json")["videos"]["film"]
    assert facts["frames"] == FRAMES
    assert (facts["height"], facts["width"]) == (256, 340)
    assert read_json(data / "flow" / "record.json")["videos"]["film"]["fields"] == FRAMES - 1


@torch.inference_mode()
def test_i3d_features_are_both_streams_of_the_network(data: Path) -> None:
    torch.set_num_threads(2)
    store = read_sequences(data / "i3d" / "train.zarr")
    feat_TD = store.of("film")["feat"]
    assert feat_TD.shape == (SNIPPETS, 2048)
    assert np.isfinite(feat_TD).all()
    assert store.attrs["grid"] == {"fps": 25.0, "window": 16, "stride": 16, "offset": 0}
    assert (store.attrs["crop"], store.attrs["value_range"]) == (224, [-1, 1])
    assert store.attrs["flow"]["bound"] == 20.0
    for stream, read, columns in (
        ("rgb", read_frames, slice(0, 1024)),
        ("flow", read_flow, slice(1024, 2048)),
    ):
        folder = "frames" if stream == "rgb" else "flow"
        pictures = read(data / folder / "film.mkv")[16:32]
        window = np.stack([centre_crop(picture, 224) for picture in pictures])
        clip = torch.from_numpy(window.astype(np.float32) / 127.5 - 1).permute(3, 0, 1, 2)
        model = load_i3d(1.0, load_checkpoint(data / "encoders" / f"i3d_{stream}")[0])
        expected = model(clip[None])[0].numpy()
        np.testing.assert_allclose(feat_TD[1, columns], expected, rtol=5e-3, atol=1e-3)
        assert expected.std() > 1e-3
    # No snippet is another's: time went into them.
    assert np.abs(feat_TD[0].astype(np.float32) - feat_TD[1]).max() > 1e-2


@torch.inference_mode()
def test_clip_features_are_of_the_frame_in_the_middle(data: Path) -> None:
    torch.set_num_threads(2)
    store = read_sequences(data / "clip" / "train.zarr")
    feat_TE = store.of("film")["feat"]
    assert feat_TE.shape == (SNIPPETS, 512)
    assert store.attrs["model"] == VIT_B_16
    rgb = torch.from_numpy(read_frames(data / "frames" / "film.mkv")[[8, 24]])
    model = load_clip(VIT_B_16, load_checkpoint(data / "encoders" / "clip")[0])
    expected = encode_images(model, rgb).numpy()
    np.testing.assert_allclose(feat_TE, expected, rtol=5e-3, atol=2e-3)


def test_new_videos_get_the_numbers_of_the_stages(data: Path, tmp_path: Path) -> None:
    """One that the stages encoded, too, and a phone's with a rotation flag."""
    shutil.copy(ROOT / "params.yaml", data.parents[1] / "params.yaml")
    write_round(data, ("flip", "pour"), 2048)
    film, turned = data / "videos" / Path(CLIP).name, VIDEOS / "decord/video_90.mov"
    ran = CliRunner().invoke(
        app, ["predict", str(data), str(film), str(turned), "-o", str(tmp_path / "out")]
    )
    assert ran.exit_code == 0, ran.output
    made = read_json(tmp_path / "out" / "predict.json")["videos"]
    assert made["video_90"]["duration_s"] == pytest.approx(0.1, abs=0.001)
    assert made["demo"]["duration_s"] == pytest.approx(FRAMES / 25, abs=0.04)
    run = read_settings(data, "r1", data.parents[1] / "params.yaml")
    i3d, clip = (read_sequences(data / kind / "train.zarr").of("film") for kind in ("i3d", "clip"))
    encoded = Encoded(
        film, i3d["feat"], clip["feat"], made["demo"]["duration_s"], FRAMES, 340, 256, 0, 1.0
    )
    expected = load_localizer(run).localize_video(encoded, "demo")
    found = read_sequences(tmp_path / "out/data/real/scores/r1.zarr").of("demo")
    for key, score_TC in expected.scores.items():
        assert score_TC.shape == (SNIPPETS, 2)
        np.testing.assert_array_equal(found[key], score_TC)
    assert found["vlp"].std() > 0
