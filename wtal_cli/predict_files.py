"""What `wtal predict -o DIR` leaves behind, beginning with a folder that other commands take."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stages.parts.restoring import is_distilled
from wtal_cli.documents import to_csv, write_text, write_tree
from wtal_cli.export import choose
from wtal_cli.predict import RECORD
from wtal_cli.report_media import Mode
from wtal_cli.run_ import Run
from wtal_core.annotations import write_predictions
from wtal_core.atomic import fresh_folder
from wtal_core.errors import BadVideo, WtalError
from wtal_core.exporting.forms import COLUMNS, Shown, to_rows, to_vtt
from wtal_core.exporting.frame_numbers import FileClock
from wtal_core.params import load_yaml
from wtal_core.predicting.localizing import Prediction, fix_share
from wtal_core.predicting.settings import BRANCHES, RunSettings
from wtal_core.segments import Segments
from wtal_core.store import write_sequences
from wtal_core.video.clock import read_times

FACTS = {"used": True, "details": "features of a pre-trained I3D and CLIP"}


def write_results(
    out: Path,
    run: RunSettings,
    done: Sequence[Prediction],
    bad: Mapping[str, tuple[Path, WtalError]],
    min_score: float,
) -> None:
    """The whole folder or nothing: predictions.json and .csv, vtt/, and a run below data/."""
    kept = Segments.join([made.segments for made in done])
    names = [made.name for made in done]
    with fresh_folder(out) as fresh:
        write_predictions(fresh / "predictions.json", kept, names, FACTS)
        shown = [
            Shown(made.name, told(made.source), made.segments, read_clock(made.source))
            for made in done
        ]
        write_text(fresh / "predictions.csv", to_csv(to_rows(shown), COLUMNS))
        (fresh / "vtt").mkdir()
        for made in done:
            text = to_vtt(choose(made.segments, min_score, overlaps=False))
            write_text(fresh / "vtt" / f"{made.name}.vtt", text)
        write_tree(fresh / RECORD, describe(run, done, bad))
        shutil.copyfile(run.params, fresh / "params.yaml")
        write_run(as_run(fresh, run), run, done)


def as_run(out: Path, run: RunSettings) -> Run:
    """Where the results lie as a RUN: its params.yaml is found beside data/."""
    return Run(out / "data" / run.data.resolve().name, run.round)


def write_run(place: Run, run: RunSettings, done: Sequence[Prediction]) -> None:
    """A data set of the new videos with its finished round, without features and checkpoints."""
    (place.data / "videos").mkdir(parents=True)
    facts = load_yaml(run.data / "dataset.yaml")
    facts["dataset"] |= {"synthetic": False}  # whatever the run learnt from
    write_tree(place.dataset_yaml, facts)  # JSON is YAML
    videos: dict[str, Any] = {}
    for made in done:
        file = f"videos/{made.name}{made.source.suffix.lower()}"
        (place.data / file).symlink_to(os.path.abspath(made.source))
        videos[made.name] = {"file": file, "subset": "test"}
    write_tree(place.labels, {"classes": list(run.classes), "videos": videos})
    record = {
        "fps": run.grid.fps,
        "videos": {
            made.name: {"frames": made.frames, "duration_s": made.duration_s} for made in done
        },
        "bad": [],
    }
    write_tree(place.data / "frames" / "record.json", record)
    kept = Segments.join([made.segments for made in done])
    write_predictions(place.predictions, kept, list(videos), FACTS)
    localize = fix_share(run)
    write_sequences(
        place.scores,
        ((made.name, made.scores) for made in done),
        dict.fromkeys(("cbp", "vlp", "final"), ("T", "C")),
        {
            "round": run.round,
            "classes": list(run.classes),
            "grid": run.grid.to_dict(),
            "localized": localize.branch,
            "distilled": {branch: is_distilled(run.checkpoint(branch)) for branch in BRANCHES},
        }
        | ({"fuse_weight": localize.fuse_weight} if localize.branch == "fused" else {}),
    )


def write_page(out: Path, run: RunSettings, media: Mode) -> None:
    """Pages of the results in DIR/page, as `wtal report` makes them."""
    # matplotlib takes a second to load
    from wtal_cli.report import write_report
    from wtal_cli.report_material import read_material

    place = as_run(out, run)
    name = f"{place.data.name}@{place.round}"
    material = read_material(place, name, out / "params.yaml", out / "results" / place.data.name)
    write_report(out / "page", [place], [replace(material, fresh=True)], "test", media)


def describe(
    run: RunSettings, done: Sequence[Prediction], bad: Mapping[str, tuple[Path, WtalError]]
) -> dict[str, Any]:
    """Which videos the names stand for, and which could not be used."""
    return {
        "run": f"{run.data.resolve().name}@{run.round}",
        "videos": {
            made.name: {
                "file": told(made.source),
                "duration_s": made.duration_s,
                "segments": len(made.segments),
            }
            for made in done
        },
        "bad": {
            name: {"file": told(path), **reason(problem)} for name, (path, problem) in bad.items()
        },
    }


def reason(problem: WtalError) -> dict[str, str]:
    """Why a video was left out."""
    return problem.to_dict() if isinstance(problem, BadVideo) else {"cause": told(str(problem))}


def read_clock(path: Path) -> FileClock | None:
    """When the file's frames are shown; None where that cannot be told."""
    try:
        return FileClock(*read_times(path))
    except BadVideo:
        return None


def told(path: Path | str) -> str:
    """A path as text: bytes that are none are written out."""
    return os.fsencode(path).decode(errors="backslashreplace")
