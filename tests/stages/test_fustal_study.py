"""Stage fustal_study on toy features: rows that end in the bytes of FuSTAL's own stages."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stages import (
    fustal_filter,
    fustal_generate,
    fustal_infer,
    fustal_propose,
    fustal_student,
    fustal_study,
    study_train,
)
from stages.parts import study_steps
from tests.stages.tiny_method import ROOT, make_data
from wtal_core.errors import ParamsError

ROWS = {
    "own": {"rounds": 0, "student": "fustal", "set": {"fustal_filter.rule": "score",
                                                      "fustal_filter.min_score": 0.0}},
    "on_r1": {"rounds": 1, "student": "r1", "set": {"fustal_filter.rule": "score",
                                                    "fustal_filter.min_score": 0.0}},
}  # fmt: skip
STUDY = {"seeds": [3], "rows": ROWS, "tables": []}
PIPELINES = [ROOT / path for path in fustal_study.PIPELINES]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder on which the study was run by two processes. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("fustal_study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        patch.setenv("WTAL_WORKERS", "2")
        data = make_data(folder)
        (folder / "study.yaml").write_text(json.dumps(STUDY))
        run(data)
        yield data


def run(data: Path) -> None:
    top = data.parent
    fustal_study.main(
        data, top / "study.yaml", data / "fustal" / "runs", top / "params.yaml", PIPELINES
    )


def units(data: Path) -> dict[tuple[str, str], Path]:
    runs = data / "fustal" / "runs"
    index = json.loads((runs / "index.json").read_text())
    return {(r["row"], r["round"]): runs / r["unit"] for r in index["results"]}


def test_what_each_result_holds(trained: Path) -> None:
    held = {key: {p.name for p in unit.iterdir()} for key, unit in units(trained).items()}
    scored, found = {"predictions.json", "scores.zarr"}, {"predictions.json"}
    learnt = found | {"pseudo_segments.json"}
    assert held == {
        ("own", "r0"): scored, ("own", "generator"): found, ("own", "student"): learnt,
        ("on_r1", "r0"): scored, ("on_r1", "r1"): scored, ("on_r1", "student"): learnt,
    }  # fmt: skip
    kept = json.loads((units(trained)["on_r1", "student"] / "pseudo_segments.json").read_text())
    assert kept["filter"]["proposals"] == "r1"


def test_a_row_ends_in_the_bytes_of_the_stages(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    shutil.copytree(trained, data, ignore=shutil.ignore_patterns("fustal"))
    text = (trained.parent / "params.yaml").read_text().replace("\nseed: 0", "\nseed: 3")
    head, mark, tail = text.partition("\nfustal_filter:")
    tail = tail.replace("rule: both", "rule: score", 1).replace(
        "min_score: 0.4", "min_score: 0.0", 1
    )
    params = tmp_path / "params.yaml"
    params.write_text(head + mark + tail)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    fustal_generate.main(data, params)
    fustal_propose.main(data, params)
    fustal_filter.main(data, "fustal", params)
    fustal_student.main(data, params)
    fustal_infer.main(data, params)
    torch.set_num_threads(threads)
    ours = units(trained)
    for unit, theirs in (
        (ours["own", "generator"], "proposals/fustal/test.json"),
        (ours["own", "student"], "predictions.json"),
    ):
        assert (unit / "predictions.json").read_bytes() == (data / "fustal" / theirs).read_bytes()
    kept = data / "fustal" / "pseudo_segments.json"
    assert (ours["own", "student"] / "pseudo_segments.json").read_bytes() == kept.read_bytes()


def test_what_is_finished_is_not_done_again(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {key: (p / "predictions.json").read_bytes() for key, p in units(trained).items()}

    def fail(job: study_steps.Job) -> str:
        raise AssertionError(f"{job} is done again")

    monkeypatch.setattr(study_steps, "run", fail)
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(trained.parent / "cache"))
    shutil.rmtree(trained / "fustal" / "runs")
    run(trained)
    again = {key: (p / "predictions.json").read_bytes() for key, p in units(trained).items()}
    assert again == first


def test_the_first_study_refuses_a_student(trained: Path) -> None:
    asked, top = trained.parent / "study.yaml", trained.parent
    with pytest.raises(ParamsError, match=r"own has a student.*run the stage fustal_study"):
        study_train.main(trained, asked, top / "params.yaml", ROOT / "dvc.yaml")
