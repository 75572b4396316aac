"""The benchmark of training: it runs, and its plain loop computes the same as ours. No times."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.plain import train_plainly, with_plain_attention
from benchmarks.train import LENGTHS, WAYS, Case, build, main, make_videos, measure, run_apart
from wtal_core.schema.losses import LossParams
from wtal_core.schema.training import StepParams
from wtal_core.training.batches import collate
from wtal_core.training.loop import make_objective
from wtal_core.training.weights import learning

TOY = Case("cbp", 3, "lognormal", "plain", batch=4, length=50, toy=True)
BRANCHES = ("cbp", "vlp")


@pytest.mark.parametrize("branch", BRANCHES)
def test_plain_and_ours_are_the_same_branch(branch: str) -> None:
    """Same weights: the dense attention and the full context change no score and no gradient."""
    case = replace(TOY, branch=branch)
    batch = collate(make_videos(case)[:5])
    found = []
    for way in ("plain", "fp32"):
        torch.manual_seed(3)
        model = build(replace(case, way=way)).eval()
        output = model(batch.feat_BTD, batch.mask_BT)
        real = output.cas_BTC[batch.mask_BT]
        found.append((real, torch.autograd.grad(real.square().sum(), learning(model))))
    (plain, plain_grads), (ours, grads) = found
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
    for one, other in zip(grads, plain_grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_plain_pass_takes_every_snippet_once() -> None:
    videos = make_videos(TOY)
    model = with_plain_attention(build(replace(TOY, way="fp32")))
    params = StepParams(batch=TOY.batch, crop=TOY.length)
    seen = list(train_plainly(model, make_objective(LossParams(), 1.0, 1.0, 0.05), videos, params))
    assert len(videos) == 13  # 4 * 200 / 64, rounded up
    assert len(seen) == 4
    assert sum(snippets for _, snippets in seen) == sum(len(video.feat_TD) for video in videos)


def test_lengths_are_those_of_thumos() -> None:
    lengths = [len(v.feat_TD) for v in make_videos(replace(TOY, batch=64, length=1000, classes=2))]
    assert len(lengths) == 200
    assert abs(lengths[99] - 240) < 5
    assert lengths[189] == lengths[199] == 1000  # cropped; the 95 % quantile is 1090
    equal = make_videos(replace(TOY, lengths="equal"))
    assert [len(video.feat_TD) for video in equal] == [50] * 4


def test_it_writes_one_row_for_each_measurement(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    numbers = {"--batch": "4", "--length": "50", "--repeats": "2", "--threads": "1"}
    flat = [word for pair in numbers.items() for word in pair]
    main(["--toy", *flat, "--classes", "3", "5", "--out", str(tmp_path)], run=measure)
    torch.set_num_threads(threads)
    found = json.loads((tmp_path / "train_cpu.json").read_text())
    assert set(found["limits"]) == {"gemm_fp32", "gemm_bf16", "triad"}
    assert all(limit > 0 for limit in found["limits"].values())
    rows: list[dict[str, Any]] = found["rows"]
    keys = {(r["branch"], r["classes"], r["lengths"], r["way"]) for r in rows}
    assert keys == {
        (branch, classes, lengths, way)
        for branch in BRANCHES
        for lengths in LENGTHS
        for classes in ((3, 5) if lengths == "equal" else (3,))
        for way in WAYS
    }
    assert len(rows) == len(keys) == 18
    for row in rows:
        assert row["step_s"] > 0
        assert row["cpu_s"] > 0
        assert row["steps"] == (1 if row["lengths"] == "equal" else 4)
    padding = {(r["lengths"], r["way"]): r["padding"] for r in rows}
    assert padding["equal", "plain"] == padding["equal", "fp32"] == 0
    assert padding["lognormal", "fp32"] < padding["lognormal", "plain"]
    page = (tmp_path / "train_cpu.md").read_text()
    assert page.count("\n| CBP | 3 |") == page.count("\n| VLP | 3 |") == 6
    assert page.count("\n| CBP | 5 | plain |") == 1


def test_a_measurement_in_a_process_of_its_own() -> None:
    result = run_apart(replace(TOY, branch="vlp", way="bf16"))
    assert set(result) == {"steps", "step_s", "cpu_s", "peak_gib", "padding"}
    assert 0.1 < result["peak_gib"] < 2
