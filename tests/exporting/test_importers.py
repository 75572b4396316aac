"""Exports open in the programs they are for: `pip install -e '.[exports]'`, else skipped.

Those packages are large, and nothing but these tests needs them.
"""

import json
from pathlib import Path

import pytest

from wtal_cli.documents import to_csv, write_tree
from wtal_core.exporting.forms import (
    Shown,
    label_studio_config,
    to_fiftyone,
    to_label_studio,
    to_rows,
)
from wtal_core.exporting.frame_numbers import SteadyClock
from wtal_core.segments import Segments

# Other people's warnings are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")
CLASSES = ["spin", 'a <b>"&']
SHOWN = [
    Shown(
        "v",
        "videos/a b.mp4",
        Segments.build(["v", "v"], CLASSES, [0.5, 2], [1.25, 3], [0.5, 0.75]),
        SteadyClock(20),
    ),
    Shown("w", "videos/w.mp4", Segments.empty(), SteadyClock(25)),
]


def test_label_studio_accepts_the_interface_and_every_prediction() -> None:
    module = pytest.importorskip("label_studio_sdk.label_interface", exc_type=ImportError)
    interface = module.LabelInterface(label_studio_config(CLASSES))
    interface.validate()
    tasks = json.loads(json.dumps(to_label_studio(SHOWN, {"v": 20, "w": 25}, "/x/", "wtal")))
    for task in tasks:
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction, return_errors=True) == []
    # the check can fail
    tasks[0]["predictions"][0]["result"][0]["value"]["timelinelabels"] = ["unknown"]
    assert interface.validate_prediction(tasks[0]["predictions"][0], return_errors=True)


def test_fiftyones_importer_reads_the_folder(tmp_path: Path) -> None:
    importers = pytest.importorskip("fiftyone.utils.data.importers", exc_type=ImportError)
    write_tree(tmp_path / "labels.json", to_fiftyone(SHOWN, CLASSES, timestamps=False))
    places = {one.name: str(tmp_path / one.file) for one in SHOWN}
    write_tree(tmp_path / "data.json", places)
    importer = importers.FiftyOneTemporalDetectionDatasetImporter(
        dataset_dir=str(tmp_path), data_path="data.json", compute_metadata=False
    )
    with importer:
        found = {path: labels for path, _, labels, *_ in importer}
    assert set(found) == set(places.values())
    detections = found[places["v"]].detections
    assert [one.label for one in detections] == CLASSES
    assert [list(one.support) for one in detections] == [[11, 25], [41, 60]]
    assert [one.confidence for one in detections] == [0.5, 0.75]
    assert not found[places["w"]]


def test_pandas_reads_the_table(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    (tmp_path / "x.csv").write_text(to_csv(to_rows(SHOWN)), encoding="utf-8", newline="")
    table = pandas.read_csv(tmp_path / "x.csv")
    assert table["label"].tolist() == CLASSES
    assert table["end_frame"].tolist() == [25, 60]
    assert table["start_s"].dtype == float
