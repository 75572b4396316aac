"""Stage study_train on toy features: the same bytes as the pipeline's own stages, once each."""

import json
from pathlib import Path

import pytest
import torch

from stages import b_step, f_step, infer, study_train, warm_up
from stages.parts import study_steps
from tests.stages.tiny_method import ROOT, make_data
from wtal_core.errors import ParamsError
from wtal_core.store import read_sequences

STUDY = {
    "seeds": [0, 3],
    "rows": {
        "default": {"rounds": 1},
        "heavy": {"rounds": 1, "set": {"loss.kd_bg_weight": 2.5, "f_step.epochs": 3}},
        "vlp": {"rounds": 1, "set": {"localize.branch": "vlp"}},
    },
    "tables": [],
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WTAL_WORKERS", "2")
    data = make_data(tmp_path)
    (data / "study.yaml").write_text(json.dumps(STUDY))
    return data


def run(data: Path) -> None:
    study_train.main(data, None, data.parent / "params.yaml", ROOT / "dvc.yaml")


def units(data: Path) -> dict[tuple[str, int, str], Path]:
    index = json.loads((data / "runs" / "index.json").read_text())
    return {(r["row"], r["seed"], r["round"]): data / "runs" / r["unit"] for r in index["results"]}


def test_rows_end_in_the_bytes_of_the_pipeline(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(data)
    found = units(data)
    assert len(found) == 3 * 2 * 2
    assert len(set(found.values())) == 2 * (2 + 2 + 2)

    params = data.parent / "params.yaml"
    text = params.read_text()
    text = text.replace("kd_bg_weight: 1.0", "kd_bg_weight: 2.5").replace("\nseed: 0", "\nseed: 3")
    params.write_text(text)
    facts = data / "dataset.yaml"
    before, found_it, after = facts.read_text().partition("f_step:")
    assert found_it
    facts.write_text(before + found_it + after.replace("epochs: 2", "epochs: 3", 1))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    warm_up.main(data, params)
    b_step.main(data, "r1", "r0", params)
    f_step.main(data, "r1", "r0", params)
    infer.main(data, "r1", params)
    torch.set_num_threads(threads)
    unit = found["heavy", 3, "r1"]
    assert (unit / "predictions.json").read_bytes() == (
        data / "r1" / "predictions.json"
    ).read_bytes()
    ours, theirs = (read_sequences(p) for p in (unit / "scores.zarr", data / "scores" / "r1.zarr"))
    for key in ("cbp", "vlp", "final"):
        assert (ours.arrays[key] == theirs.arrays[key]).all()
    assert (unit / "predictions.json").read_bytes() != (
        found["default", 3, "r1"] / "predictions.json"
    ).read_bytes()
    # A branch's segments without training anything again: the same scores of both branches.
    vlp, cbp = (read_sequences(found[row, 0, "r1"] / "scores.zarr") for row in ("vlp", "default"))
    assert (vlp.arrays["cbp"] == cbp.arrays["cbp"]).all()
    assert (vlp.arrays["final"] == cbp.arrays["vlp"]).all()


def test_what_is_finished_is_not_done_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = STUDY | {"seeds": [0], "rows": {"default": {"rounds": 1}}}
    (data / "study.yaml").write_text(json.dumps(small))
    run(data)
    first = {key: (p / "predictions.json").read_bytes() for key, p in units(data).items()}

    def fail(job: study_steps.Job) -> str:
        raise AssertionError(f"{job} is done again")

    monkeypatch.setattr(study_train, "run", fail)
    run(data)
    assert {k: (p / "predictions.json").read_bytes() for k, p in units(data).items()} == first
    assert not list((data.parent / "cache" / "study").glob(".*"))


def test_an_unknown_key_is_named_before_anything_runs(data: Path) -> None:
    (data / "study.yaml").write_text(
        json.dumps(STUDY | {"rows": {"one": {"set": {"loss.kd_wait": 1}}}})
    )
    with pytest.raises(ParamsError, match=r"loss.kd_wait.*did you mean 'kd_weight'"):
        run(data)
    assert not (data / "runs").exists()
