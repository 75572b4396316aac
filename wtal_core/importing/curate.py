"""From what a package says to what the pipeline reads; each thing done is noted.

Nothing that published evaluations count is left out unasked: an instance that no prediction can
meet, since it lies behind the end of its video or is empty, is kept and marked `as_annotated`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wtal_core.annotations import SUBSETS
from wtal_core.errors import WtalError
from wtal_core.importing.annotations_model import Annotated, Annotations, Note
from wtal_core.importing.benchmark_sets import BenchmarkSet
from wtal_core.importing.instances import PastEnd, write_database
from wtal_core.importing.thumos14 import DISPUTED


@dataclass(frozen=True)
class Choices:
    """What a user decides.

    drop: ids to leave out; files: id -> name of its video file, None while no videos were looked
    for; durations: seconds where the package has none, and where they come from; past_end: what
    becomes of instances that no prediction can meet.
    """

    drop: tuple[str, ...] = ()
    files: Mapping[str, str] | None = None
    durations: Mapping[str, float] = field(default_factory=dict)
    durations_from: str = ""
    past_end: PastEnd = "keep"


@dataclass(frozen=True)
class Curated:
    """The content of labels.json and ground_truth.json, and what was done on the way."""

    labels: dict[str, Any]
    ground_truth: dict[str, Any]
    notes: tuple[Note, ...]

    def count(self, subset: str) -> tuple[int, int]:
        """Videos and instances of a split."""
        videos = [v for v, e in self.labels["videos"].items() if e["subset"] == subset]
        database = self.ground_truth["database"]
        return len(videos), sum(len(database[v]["annotations"]) for v in videos if v in database)


def curate(package: Annotations, benchmark: BenchmarkSet, choices: Choices) -> Curated:
    """Raises WtalError when a label is no class, when a video to drop is unknown, when nothing is
    left of a split.
    """
    notes = [*package.notes]
    _refuse_strange_labels(package, benchmark)
    videos = _choose(package, benchmark, choices, notes)
    notes += _twins(videos) if benchmark.name == "thumos14" else ()
    notes += _duplicates(videos)
    labels = {v.id: _labels(v, package.classes) for v in videos if v.subset == "train"}
    notes += _unlike(videos)
    if bare := [v.id for v in videos if v.subset == "train" and not labels[v.id]]:
        notes.append(Note("training videos without labels", "left out", tuple(bare)))
        videos = [v for v in videos if v.id not in bare]
    for subset in SUBSETS:
        if not any(v.subset == subset for v in videos):
            raise WtalError(f"no video of the {subset} split is left. Is that the whole package?")
    database, more = write_database(
        videos, package.ambiguous, choices.durations, choices.durations_from, choices.past_end
    )
    files = choices.files or {}
    entries: dict[str, dict[str, Any]] = {}
    for v in videos:
        file = f"videos/{files.get(v.id, f'{benchmark.prefix}{v.id}.mp4')}"
        entries[v.id] = {"file": file, "subset": v.subset}
        if v.subset == "train":
            entries[v.id]["labels"] = labels[v.id]
    truth: dict[str, Any] = {"version": benchmark.title, "database": database}
    ambiguous = {v.id: package.ambiguous[v.id] for v in videos if v.id in package.ambiguous}
    if package.ambiguous:
        truth["ambiguous"] = {
            video: [list(pair) for pair in pairs if 0 <= pair[0] < pair[1]]
            for video, pairs in sorted(ambiguous.items())
        }
        count = sum(len(pairs) for pairs in truth["ambiguous"].values())
        notes.append(
            Note(
                f"ambiguous intervals ({count} in {len(ambiguous)} videos)",
                "in ground_truth.json beside the instances; protocols that know them drop "
                "detections there",
            )
        )
    return Curated({"classes": list(package.classes), "videos": entries}, truth, (*notes, *more))


def _refuse_strange_labels(package: Annotations, benchmark: BenchmarkSet) -> None:
    known = set(package.classes)
    said = re.search(r"\b1\.[0-9]\b", package.version)
    if benchmark.version and said and said[0] != benchmark.version:
        raise WtalError(
            f"the package says of itself {package.version!r}, which is not {benchmark.title}. "
            "`wtal import --help` lists the data sets."
        )
    found = {item.label for v in package.videos for item in v.instances}
    found |= {label for v in package.videos for label in v.labels or ()}
    if strange := sorted(found - known):
        raise WtalError(
            f"the labels {', '.join(strange[:10])} are none of the {len(known)} classes of "
            f"{benchmark.title}. Is it another data set?"
        )
    if len(known) > benchmark.classes:
        raise WtalError(
            f"{len(known)} classes, {benchmark.title} has {benchmark.classes}. Is it another "
            "version? See `wtal import --help`."
        )


def _choose(
    package: Annotations, benchmark: BenchmarkSet, choices: Choices, notes: list[Note]
) -> list[Annotated]:
    """The videos of the two splits without those that are to be left out."""
    others = Counter(v.subset for v in package.videos if v.subset not in SUBSETS)
    for subset, count in sorted(others.items()):
        notes.append(
            Note(f"subset {subset!r} ({count} videos)", "left out: neither train nor test")
        )
    videos = [v for v in package.videos if v.subset in SUBSETS]
    ids = {v.id for v in videos}
    if unknown := sorted(set(choices.drop) - ids - set(DISPUTED)):
        raise WtalError(f"--drop: the package has no {', '.join(unknown)}. Correct the ids.")
    if benchmark.name == "thumos14":
        for video, why in DISPUTED.items():
            there = "kept, as in the package" if video in ids else "not in the package"
            done = "left out (--drop)" if video in ids and video in choices.drop else there
            notes.append(Note(f"{video}: {why}", done))
    dropped = tuple(v for v in choices.drop if v in ids and v not in DISPUTED)
    if dropped:
        notes.append(Note("videos to drop", "left out (--drop)", dropped))
    videos = [v for v in videos if v.id not in choices.drop]
    if choices.files is not None:
        missing = [v for v in videos if v.id not in choices.files]
        lost = sum(len(v.instances) for v in missing if v.subset == "test")
        if missing:
            notes.append(
                Note(
                    f"missing videos ({len(missing)})",
                    f"left out of labels.json and ground_truth.json, {lost} test instances with "
                    "them; published numbers may count those",
                    tuple(f"{v.id} ({v.subset})" for v in missing),
                )
            )
        videos = [v for v in videos if v.id in choices.files]
    return videos


def _labels(video: Annotated, classes: Sequence[str]) -> list[str]:
    """The package's own video-level labels, or else the classes of the instances."""
    names = set(video.labels or ()) or {item.label for item in video.instances}
    return [name for name in classes if name in names]


def _unlike(videos: Sequence[Annotated]) -> list[Note]:
    """Training videos whose own labels are not the classes of their segments."""
    notes = []
    given = [v for v in videos if v.subset == "train" and v.labels is not None]
    if empty := [v.id for v in given if not v.labels and v.instances]:
        notes.append(Note("empty labels", "taken from the segments", tuple(empty)))
    unlike = [
        f"{v.id}: labels {', '.join(v.labels)}; segments {', '.join(sorted(classes))}"
        for v in given
        if v.labels and set(v.labels) != (classes := {item.label for item in v.instances})
    ]
    if unlike:
        notes.append(Note("labels unlike the segments", "the package's labels hold", tuple(unlike)))
    if not given:
        notes.append(
            Note("no video-level labels in the package", "taken from the training split's segments")
        )
    return notes


def _twins(videos: Sequence[Annotated]) -> list[Note]:
    """Each CliffDiving is a Diving, too."""
    counts = []
    for subset in SUBSETS:
        cliff, twins = 0, 0
        for v in (v for v in videos if v.subset == subset):
            diving = {(i.start_s, i.end_s) for i in v.instances if i.label == "Diving"}
            own = [i for i in v.instances if i.label == "CliffDiving"]
            cliff += len(own)
            twins += sum((i.start_s, i.end_s) in diving for i in own)
        counts.append(f"{subset}: {twins} of {cliff} have a twin")
    return [Note("each CliffDiving segment is a Diving segment, too", f"kept; {'; '.join(counts)}")]


def _duplicates(videos: Sequence[Annotated]) -> list[Note]:
    notes = []
    for subset in SUBSETS:
        again = [
            f"{v.id}: {item}"
            for v in videos if v.subset == subset
            for item, count in Counter(v.instances).items()
            for _ in range(count - 1)
        ]  # fmt: skip
        if again:
            done = "kept, as published evaluations do; protocol tad leaves them out"
            notes.append(Note(f"duplicate segments ({len(again)}, {subset})", done, tuple(again)))
    return notes
