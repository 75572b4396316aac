"""Stage fustal_infer: segments of the test split by FuSTAL's student.

In: labels.json, i3d/test.zarr, frames/record.json (durations), fustal/student. Out:
fustal/predictions.json (ActivityNet form), as the stage infer writes it.
"""

from pathlib import Path
from typing import Annotated

import typer

from stages.launch import launch
from stages.parts.features import read_features
from stages.parts.fustal_student import restore_student
from wtal_core.annotations import read_json, write_predictions
from wtal_core.fustal.student.decode import detect
from wtal_core.params import read_params
from wtal_core.schema.student import StudentParams
from wtal_core.segments import Segments


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data set, e.g. data/demo")],
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Localize actions in DATA's test split with FuSTAL's student."""
    how = read_params(params, data / "dataset.yaml", "student", StudentParams)
    model = restore_student(data / "fustal" / "student")
    features = read_features(data, "test", with_clip=False)
    durations = read_json(data / "frames" / "record.json")["videos"]
    found = [Segments.empty()] * len(features.names)
    for i, one in detect(model, features.i3d, how):
        name = features.names[i]
        begin_N, end_N = features.grid.centre_s(one.seg_N2).clip(0, durations[name]["duration_s"]).T
        found[i] = Segments.build(
            [name] * len(begin_N),
            [features.labels.classes[c] for c in one.class_N],
            begin_N,
            end_N,
            one.score_N,
        )
    facts = {"used": True, "details": "features of a pre-trained I3D"}
    write_predictions(
        data / "fustal" / "predictions.json", Segments.join(found), features.names, facts
    )


if __name__ == "__main__":
    launch(main)
