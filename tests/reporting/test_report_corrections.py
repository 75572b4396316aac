"""Labels that a person set, on the pages: marked as far as anybody knows which they are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reporting.small_run import LOST, correct_labels, make_run
from tests.reporting.test_report_command import call, data_of
from wtal_cli.report_corrections import count_behind
from wtal_cli.report_material import read_pseudo_labels, read_train
from wtal_cli.run_ import Run
from wtal_core.corrections import Corrected, write_corrections
from wtal_core.reporting.tracks import label_signs

JUMP = 1  # the training video's only label


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose second round's B step learnt from corrections; to be left as it is."""
    data = make_run(tmp_path_factory.mktemp("corrected"), truth=False, names=False)
    correct_labels(data)
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(made.parents[1], tmp_path / "run")
    return tmp_path / "run" / "data" / "tiny"


def rows_of(data: Path) -> dict[str, list[str]]:
    """The signs of each row of the training video's page, a text per class."""
    run = Run(data, "r2")
    strips = read_train(run, [LOST], read_pseudo_labels(run))[LOST].strips
    return {
        one.title: [
            label_signs(one.label_TC[:, c], None if one.given_TC is None else one.given_TC[:, c])
            for c in range(one.label_TC.shape[1])
        ]
        for one in strips
    }


def letters(rows: dict[str, list[str]]) -> set[str]:
    return set("".join(text for values in rows.values() for text in values))


def test_corrected_labels_have_signs_of_their_own(data: Path) -> None:
    rows = rows_of(data)
    corrected = rows.pop("r2 CBP")
    assert corrected.pop(JUMP) == "BBFFFUBBBBBB"
    assert letters({**rows, "the other classes": corrected}) == set("10?")


def test_the_pages_say_so(data: Path, tmp_path: Path) -> None:
    code, said = call(data, f"{data}@r1", "-o", tmp_path / "out", "--subset", "train")
    assert code == 0, said
    index = (tmp_path / "out/index.html").read_text()
    told = "<bdi>tiny@r2</bdi>: the labels of 1 training video were corrected by hand"
    assert told in index
    assert index.count("not weakly supervised") == 1  # r1 is
    first, second = data_of((tmp_path / f"out/videos/{LOST}.html").read_text())["runs"]
    (values,) = [one["values"] for one in first["strips"] if one["title"] == "r2 CBP"]
    assert values[JUMP] == "BBFFFUBBBBBB"
    assert second["shared"]


def test_rounds_before_the_corrections_are_weakly_supervised(data: Path) -> None:
    stores = read_pseudo_labels(Run(data, "r2"))
    assert [count_behind(Run(data, name), stores) for name in ("r0", "r1", "r2")] == [0, 0, 1]


def shorten(path: Path) -> None:
    write_corrections(path, {LOST: Corrected((("jump", 1.28, 2.56),), ("jump",))})


def say_less(path: Path) -> None:
    """The same labels stand where something is said, but less is: no class is reviewed."""
    write_corrections(path, {LOST: Corrected((("jump", 1.28, 3.52),), ())})


def name_a_stranger(path: Path) -> None:
    path.write_text(json.dumps({"videos": {"nobody": {"reviewed": [], "segments": []}}}))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (shorten, "not the corrections that"),
        (say_less, "not the corrections that"),
        (name_a_stranger, "'nobody' is no training video"),
        (Path.unlink, "no such file"),
    ],
)
def test_other_corrections_than_the_run_learnt_from(
    data: Path, caplog: pytest.LogCaptureFixture, change: Callable[[Path], None], told: str
) -> None:
    change(data / "corrections.json")
    assert letters(rows_of(data)) == set("10?")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert told in record.getMessage()
