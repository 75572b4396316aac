"""Stage study_train on toy features: the same bytes as the pipeline's own stages, once each."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stages import b_step, f_step, infer, study_train, warm_up
from stages.parts import study_steps
from tests.stages.tiny_method import ROOT, make_data
from wtal_core.errors import ParamsError
from wtal_core.store import read_sequences

STUDY = {
    "seeds": [3],  # not that of params.yaml
    "rows": {
        "default": {"rounds": 1},
        "heavy": {"rounds": 1, "set": {"loss.kd_bg_weight": 2.5, "f_step.epochs": 3}},
        "vlp": {"rounds": 1, "set": {"localize.branch": "vlp"}},
    },
    "tables": [],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder on which the study was run by two processes. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        patch.setenv("WTAL_WORKERS", "2")
        data = make_data(folder)
        (data / "study.yaml").write_text(json.dumps(STUDY))
        run(data)
        yield data


def run(data: Path) -> None:
    study_train.main(data, None, data.parent / "params.yaml", ROOT / "dvc.yaml")


def units(data: Path) -> dict[tuple[str, int, str], Path]:
    index = json.loads((data / "runs" / "index.json").read_text())
    return {(r["row"], r["seed"], r["round"]): data / "runs" / r["unit"] for r in index["results"]}


def test_rows_end_in_the_bytes_of_the_pipeline(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = units(trained)
    assert len(found) == 3 * 2
    assert len(set(found.values())) == 2 + 2 + 2

    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    shutil.copytree(trained, data, ignore=shutil.ignore_patterns("runs"))
    text = (trained.parent / "params.yaml").read_text()
    text = text.replace("kd_bg_weight: 1.0", "kd_bg_weight: 2.5").replace("\nseed: 0", "\nseed: 3")
    params = tmp_path / "params.yaml"
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
    vlp, cbp = (read_sequences(found[row, 3, "r1"] / "scores.zarr") for row in ("vlp", "default"))
    assert (vlp.arrays["cbp"] == cbp.arrays["cbp"]).all()
    assert (vlp.arrays["final"] == cbp.arrays["vlp"]).all()


def test_what_is_finished_is_not_done_again(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {key: (p / "predictions.json").read_bytes() for key, p in units(trained).items()}

    def fail(job: study_steps.Job) -> str:
        raise AssertionError(f"{job} is done again")

    monkeypatch.setattr(study_steps, "run", fail)
    shutil.rmtree(trained / "runs")
    run(trained)
    again = {key: (p / "predictions.json").read_bytes() for key, p in units(trained).items()}
    assert again == first
    assert not list((trained.parent / "cache" / "study").glob(".*"))


def test_an_unknown_key_is_named_before_anything_runs(trained: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(trained, data, ignore=shutil.ignore_patterns("runs"))
    shutil.copy(trained.parent / "params.yaml", tmp_path)
    (data / "study.yaml").write_text(
        json.dumps(STUDY | {"rows": {"one": {"set": {"loss.kd_wait": 1}}}})
    )
    with pytest.raises(ParamsError, match=r"loss.kd_wait.*did you mean 'kd_weight'"):
        run(data)
    assert not (data / "runs").exists()
