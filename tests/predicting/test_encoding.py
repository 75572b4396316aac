"""Features and segments of one film, against the functions of the stages one after the other."""

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from stages.parts import encoding_clip, encoding_i3d
from stages.parts.trained import load_localizer, load_predictor
from tests.predicting.tiny_trained import D, E, make_trained, write_stores
from tests.video.films import picture, write_film
from wtal_core.encoders.backends import Backend
from wtal_core.encoders.nets import REFERENCE
from wtal_core.errors import WtalError
from wtal_core.items import ItemCache
from wtal_core.predicting.encoding import Encoders, backend_of
from wtal_core.predicting.localizing import fix_share
from wtal_core.predicting.settings import RunSettings, read_settings
from wtal_core.store import write_sequences
from wtal_core.video.extract import extract_frames
from wtal_core.video.flow import iter_flow
from wtal_core.video.frames import iter_frames, write_flow

FILMS = {"one frame": 1, "one window": 12, "batches and a rest": 70}  # frames at 25/s
DIMS = dict.fromkeys(("cbp", "vlp", "final"), ("T", "C"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSettings:
    """Settings of a run that learnt nothing."""
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    data = make_trained(tmp_path)
    return read_settings(data, "r1", tmp_path / "params.yaml")


def film_of(folder: Path, n_frames: int) -> Path:
    return write_film(folder / "film.mp4", [picture(i, 46, 62) for i in range(n_frames)])


def encode_as_stages(
    film: Path, run: RunSettings, backend: Backend = REFERENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Frames and flow on disk, then one network after the other: what the stages call."""
    stored, fields = film.with_suffix(".stored.mkv"), film.with_suffix(".flow.mkv")
    n = extract_frames(film, stored, run.video).frames
    write_flow(fields, iter_flow(iter_frames(stored), run.flow))
    cache = ItemCache("none", "0", {})
    streams = [
        encoding_i3d.encode(
            encoding_i3d.Job(
                stream, stored, fields, n, run.weights[f"i3d_{stream}"], run.grid,
                run.video.crop, run.i3d.batch, backend, cache,
            )
        )
        for stream in ("rgb", "flow")
    ]  # fmt: skip
    clip = encoding_clip.Job(
        stored, n, run.weights["clip"], run.grid, run.clip.batch, REFERENCE, cache
    )
    return np.concatenate(streams, axis=1), encoding_clip.encode(clip)


@pytest.mark.parametrize("n_frames", FILMS.values(), ids=FILMS)
@pytest.mark.parametrize("threads", [1, 3])
def test_features_are_those_of_the_stages(
    run: RunSettings, tmp_path: Path, n_frames: int, threads: int
) -> None:
    film = film_of(tmp_path, n_frames)
    found = Encoders(run, threads).encode(film)
    i3d_TD, clip_TE = encode_as_stages(film, run)
    assert found.i3d_TD.shape == (run.grid.count(found.frames), D)
    assert found.clip_TE.shape == (len(i3d_TD), E)
    np.testing.assert_array_equal(found.i3d_TD, i3d_TD)
    np.testing.assert_array_equal(found.clip_TE, clip_TE)
    assert found.duration_s == pytest.approx(n_frames / 25, abs=1e-6)
    assert found.frames == round(found.duration_s * 20)
    assert (found.width, found.height, found.broken) == (46, 34, 0)
    assert found.work_s > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_backend_is_that_of_the_runs_features(
    run: RunSettings, tmp_path: Path, precision: Literal["fp32", "bf16"]
) -> None:
    write_stores(run.data, backend="torch", precision=precision)
    backend = Backend("torch", precision)
    assert backend_of(run, "i3d") == backend
    assert backend_of(run, "clip") == REFERENCE
    film = film_of(tmp_path, 40)
    i3d_TD, _ = encode_as_stages(film, run, backend)
    np.testing.assert_array_equal(Encoders(run, 2).encode(film).i3d_TD, i3d_TD)
    other_TD, _ = encode_as_stages(film, run, Backend("torch", "bf16"))
    assert np.array_equal(i3d_TD, other_TD) == (precision == "bf16")


def test_without_features_of_its_own_it_is_what_the_facts_ask_for(run: RunSettings) -> None:
    shutil.rmtree(run.data / "clip" / "test.zarr")
    facts = run.data / "dataset.yaml"
    facts.write_text(facts.read_text() + "encoders: {backend: torch, precision: bf16}\n")
    assert backend_of(run, "clip") == Backend("torch", "bf16")
    assert backend_of(run, "i3d") == REFERENCE
    imported = replace(run, i3d=replace(run.i3d, imported="theirs", sha256="0" * 64))
    assert backend_of(imported, "i3d") == Backend("torch", "bf16")


def test_progress_is_told_after_each_snippet(run: RunSettings, tmp_path: Path) -> None:
    heard: list[tuple[float, float]] = []
    found = Encoders(run, 1).encode(film_of(tmp_path, 50), lambda *at: heard.append(at))
    assert len(heard) == len(found.i3d_TD) == 6
    assert [done for done, _ in heard] == pytest.approx([0.4 + 0.3 * i for i in range(6)])
    assert {total for _, total in heard} == {2.0}


def test_what_a_program_gets(run: RunSettings, tmp_path: Path) -> None:
    before = torch.get_num_threads(), threading.active_count()
    predictor = load_predictor(run.data, "r1", run.params, threads=2)
    found = predictor.predict(film_of(tmp_path, 90), "mine")
    assert (torch.get_num_threads(), threading.active_count()) == before
    assert found.name == "mine"
    assert set(found.segments.video.tolist()) == {"mine"}
    assert set(found.segments.label.tolist()) == set(run.classes)  # class_floor is 0
    assert (np.diff(found.segments.score) <= 0).all()
    assert 0 <= found.segments.start_s.min() < found.segments.end_s.max() <= found.duration_s
    assert {key: one.shape for key, one in found.scores.items()} == dict.fromkeys(DIMS, (11, 3))
    np.testing.assert_array_equal(found.scores["final"], found.scores["cbp"])
    assert found.effort == found.work_s / 3.6
    assert predictor.predict(film_of(tmp_path, 5)).name == "film"


def test_the_share_that_infer_chose(run: RunSettings, tmp_path: Path) -> None:
    auto = replace(run, localize=replace(run.localize, branch="fused", fuse_weight="auto"))
    score = np.full((2, 3), 0.5, np.float32)
    path = run.data / "scores" / "r1.zarr"
    write_sequences(path, [("v", dict.fromkeys(DIMS, score))], DIMS, {"fuse_weight": 0.25})
    assert fix_share(auto).fuse_weight == 0.25
    assert fix_share(run) is run.localize
    encoded = Encoders(auto, 1).encode(film_of(tmp_path, 40))
    found = load_localizer(auto).localize_video(encoded, "v").scores
    np.testing.assert_allclose(found["final"], 0.25 * found["cbp"] + 0.75 * found["vlp"], rtol=1e-6)
    write_sequences(path, [("v", dict.fromkeys(DIMS, score))], DIMS, {})
    with pytest.raises(WtalError, match="no share was chosen for this round"):
        fix_share(auto)


def test_other_flow_than_the_runs_is_refused(run: RunSettings) -> None:
    write_stores(run.data, flow={"method": "dis", "preset": "medium", "bound": 3.0})
    with pytest.raises(WtalError, match=r"the run's flow was another \(.*preset.*\)"):
        Encoders(run, 1)


def test_encoders_of_another_width_than_the_branch_learnt_from(run: RunSettings) -> None:
    path = run.checkpoint("cbp") / "meta.json"
    tree = json.loads(path.read_text())
    tree["meta"]["in_channels"] = 2048
    path.write_text(json.dumps(tree))
    with pytest.raises(WtalError, match=r"r1/cbp: trained on 2048 columns .* give 48"):
        Encoders(run, 1)
