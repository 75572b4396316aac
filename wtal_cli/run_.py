"""A finished run as commands name it: `data/NAME` (its last round) or `data/NAME@r1`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from wtal_core.annotations import Video, read_json, read_labels
from wtal_core.errors import WtalError

ROUND = re.compile(r"r\d+")
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="data/NAME, or data/NAME@r1 for a round but the last")
]


@dataclass(frozen=True)
class Run:
    """One round of the data set in the folder `data`, as it is checked out now."""

    data: Path
    round: str

    @property
    def name(self) -> str:
        """As a user would write it."""
        return f"{self.data}@{self.round}"

    @property
    def dataset_yaml(self) -> Path:
        """Facts of the data set."""
        return self.data / "dataset.yaml"

    @property
    def labels(self) -> Path:
        """Videos and, for the training split, their video-level labels."""
        return self.data / "labels.json"

    @property
    def ground_truth(self) -> Path:
        """Segments by hand; the data set may have none."""
        return self.data / "ground_truth.json"

    @property
    def predictions(self) -> Path:
        """Segments of the test split."""
        return self.data / self.round / "predictions.json"

    @property
    def scores(self) -> Path:
        """Both branches' and the final scores of the test split."""
        return self.data / "scores" / f"{self.round}.zarr"

    def pseudo_labels(self, branch: str) -> Path:
        """What a branch said of the training split in this round."""
        return self.data / self.round / f"pseudo_{branch}.zarr"


def open_run(text: str) -> Run:
    """The run that a user names. Raises WtalError where there is no such folder or round."""
    folder, _, wanted = text.rpartition("@")
    if not folder or Path(text).is_dir() or not ROUND.fullmatch(wanted):
        folder, wanted = text, ""
    data = Path(folder)
    if not data.is_dir():
        raise WtalError(
            f"{data}: no such folder. RUN is the folder of a data set, such as data/demo, or "
            "data/demo@r1 for one of its rounds; run from the top of the repository."
        )
    if not (data / "dataset.yaml").is_file():
        raise WtalError(
            f"{data}: not the folder of a data set, it holds no dataset.yaml. RUN is a folder such "
            "as data/demo."
        )
    there = finished_rounds(data)
    if not there:
        raise WtalError(
            f"{data}: no finished run, no round has a predictions.json. Run "
            f"`dvc exp run -S dataset={data.name}`, or `dvc checkout` for one that was recorded."
        )
    if wanted and wanted not in there:
        raise WtalError(
            f"{data}: round {wanted} has no predictions.json; there are {', '.join(there)}."
        )
    return Run(data, wanted or there[-1])


def named_folder(name: str, data: Path) -> Path:
    """The data set NAME in the folder `data`; whoever writes data/NAME/ means the same."""
    return Path(name) if "/" in name else data / name


def finished_rounds(data: Path) -> list[str]:
    """The rounds that have predictions, the warm-up (r0) first."""
    found = [path.parent.name for path in data.glob("r*/predictions.json")]
    return sorted((name for name in found if ROUND.fullmatch(name)), key=lambda name: int(name[1:]))


def localized_videos(run: Run) -> dict[str, tuple[Video, float]]:
    """The videos that were localized, each with its duration in seconds."""
    return timed_videos(run, "test")


def timed_videos(run: Run, subset: str) -> dict[str, tuple[Video, float]]:
    """The videos of a subset, each with its duration in seconds.

    A video that could not be read has no duration and is left out.
    """
    known = durations_of(run.data)
    found = {
        video.id: (video, known[video.id])
        for video in read_labels(run.labels).videos(subset)
        if video.id in known
    }
    if not found:
        record = run.data / "frames" / "record.json"
        raise WtalError(f"{record}: no {subset} video of {run.labels} is in it. Rerun `dvc repro`.")
    return found


def durations_of(data: Path) -> dict[str, float]:
    """Seconds of every video that could be read, from the stage frames."""
    record = data / "frames" / "record.json"
    tree = read_json(record)
    known = tree.get("videos") if isinstance(tree, dict) else None
    if not isinstance(known, dict):
        raise WtalError(f"{record}: it needs 'videos'. Rerun `dvc repro`, or `dvc checkout`.")
    return {name: float(one["duration_s"]) for name, one in known.items() if "duration_s" in one}
