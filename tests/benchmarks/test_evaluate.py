"""The benchmark of the evaluation: it runs, and all ways find the same AP. No times."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.evaluate import TIOUS, WAYS, Size, describe, main, make_world, measure
from benchmarks.plain_evaluation import average_precision_by_loop
from wtal_core.evaluation.detection import evaluate_detections

SIZE = Size(videos=7, instances=43, proposals=310, classes=3)


def test_all_ways_find_the_same() -> None:
    there = importlib.util.find_spec("pandas") is not None  # the extra `bench`
    found = measure(SIZE, list(WAYS) if there else ["loop"])
    for way in found["ways"].values():
        assert way["ap_gap"] < 1e-12
    assert found["ours_s"] > 0


def test_the_loop_by_hand() -> None:
    """Of one instance: .6 ranks first and takes it up to that threshold, 1 takes it above."""
    _, truth = make_world(Size(videos=1, instances=1, proposals=2, classes=1))
    start, end = float(truth.start_s[0]), float(truth.end_s[0])
    ends = np.array([start + 0.6 * (end - start), end])
    one = type(truth).build(truth.video.repeat(2), truth.label.repeat(2), [start] * 2, ends, [2, 1])
    np.testing.assert_allclose(
        average_precision_by_loop(one, truth, (0.3, 0.59, 0.61, 1.0)), [1, 1, 0.5, 0.5]
    )


def test_the_world_has_something_to_find() -> None:
    predictions, truth = make_world(SIZE)
    assert (len(predictions), len(truth)) == (310, 43)
    assert len(set(truth.video.tolist())) == 7
    assert len(set(truth.label.tolist())) == 3
    assert len(set(predictions.score.tolist())) == 310
    result = evaluate_detections(predictions, truth, TIOUS)
    values = list(result.map().values())
    assert 0.05 < values[-1] < values[0] < 1


def test_it_writes_both_files(tmp_path: Path) -> None:
    sizes = [word for name, n in vars(SIZE).items() for word in (f"--{name}", str(n))]
    main([*sizes, "--ways", "loop", "--out", str(tmp_path)])
    found: dict[str, Any] = json.loads((tmp_path / "evaluate.json").read_text())
    assert found["size"] == vars(SIZE)
    assert set(found["ways"]) == {"loop"}
    page = (tmp_path / "evaluate.md").read_text()
    assert page.startswith("\n".join(describe(found)))
    assert found["targets"] == []  # what they are about was left out
    assert page.count("\n| loop | ") == 1
    with pytest.raises(SystemExit):
        main(["--ways", "magic"])
