"""All that can be known of a data set's videos and labels before anything is computed."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtal_core import sources as sources_module
from wtal_core.annotations import Labels, Video, read_labels
from wtal_core.corrections import CORRECTIONS, NO_CORRECTIONS, read_corrections
from wtal_core.errors import BadVideo, WtalError
from wtal_core.findings import Finding
from wtal_core.own_videos.health import Examined, examine_all, find_twins, findings_of
from wtal_core.own_videos.label_health import find_strangers, judge_labels
from wtal_core.own_videos.weights import find_encoders
from wtal_core.params import read_facts, read_params
from wtal_core.schema.dataset import SnippetParams
from wtal_core.schema.thresholds import ThresholdParams
from wtal_core.schema.video import VideoParams
from wtal_core.sources import find_sources


@dataclass(frozen=True)
class Checked:
    """One video of labels.json and what was found."""

    video: Video
    examined: Examined | BadVideo | None  # None: not looked at
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        found = self.examined
        return {
            "id": self.video.id,
            "file": str(self.video.file),
            "subset": self.video.subset,
            "labels": list(self.video.labels),
            "sha256": found.sha256 if isinstance(found, Examined) else None,
            "health": found.health.to_dict() if isinstance(found, Examined) else None,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True)
class Report:
    """Every video, and what concerns the data set as a whole."""

    videos: tuple[Checked, ...]
    general: tuple[Finding, ...]

    @property
    def findings(self) -> list[Finding]:
        """All of them."""
        return [*self.general, *(one for video in self.videos for one in video.findings)]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "videos": [video.to_dict() for video in self.videos],
            "general": [finding.to_dict() for finding in self.general],
        }


def check_data_set(data: Path, params_yaml: Path) -> Report:
    """Look at every video of the data set in the folder `data`. Raises WtalError for files that
    cannot be read at all, and for names and paths that no stage would accept.
    """
    facts = data / "dataset.yaml"
    snippet = read_facts(facts, "snippet", SnippetParams)
    fps = read_facts(facts, "video", VideoParams).fps
    delta_l = read_params(params_yaml, facts, "thresholds", ThresholdParams).delta_l
    encoders = find_encoders(data)
    strangers = find_strangers(data / "labels.json")
    if strangers:  # a stage would read no further, and neither does this
        return Report((), (*strangers, *encoders))
    labels = read_labels(data / "labels.json")
    present, absent = [], {}
    for video in labels.all_videos:
        if os.path.lexists(data / video.file):
            present.append(video)
        else:
            absent[video.id] = BadVideo(
                "E109", str(data / video.file), "no such file", "put it there, or remove its entry"
            )
    unnamed: list[Finding] = []
    paths = {}
    if present:
        with _heard(unnamed):
            paths = find_sources(data, present)
    examined = examine_all(paths) | absent
    videos = [
        Checked(
            video,
            examined[video.id],
            tuple(findings_of(video.id, examined[video.id], snippet.frames / fps)),
        )
        for video in labels.all_videos
    ]
    twins = find_twins(
        examined,
        {video.id: video.subset for video in labels.all_videos},
        {video.id: video.labels for video in labels.all_videos},
    )
    said = judge_corrections(data, labels)
    general = [*judge_labels(labels, delta_l), *twins, *encoders, *unnamed, *said]
    return Report(tuple(videos), tuple(general))


def judge_corrections(data: Path, labels: Labels) -> list[Finding]:
    """What would stop a run: no corrections.json, or one that does not fit labels.json."""
    path = data / CORRECTIONS
    if not path.is_file():
        remedy = f"write {NO_CORRECTIONS.replace(chr(10), '').strip()} into it"
        return [Finding("error", "E240", str(path), "not there, DVC stops without it", remedy)]
    try:
        read_corrections(path, labels)
    except WtalError as problem:
        return [Finding("error", "E241", str(path), str(problem), "correct it, or import anew")]
    return []


@contextmanager
def _heard(findings: list[Finding]) -> Iterator[None]:
    """Turn the warnings of `find_sources`, files that nobody names, into findings."""

    class Listener(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            name = str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""
            findings.append(
                Finding("note", "W240", name, "not in labels.json", "name it there, or leave it so")
            )
            return False

    listener = Listener()
    sources_module.log.addFilter(listener)
    try:
        yield
    finally:
        sources_module.log.removeFilter(listener)
