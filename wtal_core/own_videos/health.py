"""Health of all videos of a data set: each decoded to its end, once for each content."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtal_core.errors import BadVideo
from wtal_core.findings import Finding
from wtal_core.items import ItemCache, code_version, hash_file, map_videos
from wtal_core.video import complaints, container, decode, health, truncation
from wtal_core.video.container import check_file
from wtal_core.video.health import Health, examine

_MODULES = (complaints, container, decode, health, truncation)
_LONG_GAP_S = 1.0
_HEADER_S, _HEADER_SHARE = 0.5, 0.02  # by which a header's length may be off without a word


@dataclass(frozen=True)
class Job:
    """One video to look at."""

    source: Path
    cache: ItemCache

    def __str__(self) -> str:
        return str(self.source)


@dataclass(frozen=True)
class Examined:
    """One video: the hash of its content, and what it holds."""

    sha256: str
    health: Health


def examine_all(sources: Mapping[str, Path]) -> dict[str, Examined | BadVideo]:
    """Id -> what was found, in the order given; several processes, and a cache by content."""
    cache = ItemCache("check", code_version(*_MODULES, packages=("av",)), {})
    jobs = [Job(source, cache) for source in sources.values()]
    return dict(zip(sources, map_videos(_examine, jobs, "check"), strict=True))


def _examine(job: Job) -> Examined:
    check_file(job.source)
    sha256 = hash_file(job.source)
    key = job.cache.key(sha256)
    if not job.cache.has(key, ".json"):
        found = examine(job.source)
        temporary = job.cache.temporary(key, ".json")
        temporary.write_text(json.dumps(found.to_dict()))
        job.cache.commit(key, ".json", temporary)
    values: dict[str, Any] = json.loads(job.cache.path(key, ".json").read_bytes())
    return Examined(sha256, Health(**values))


def findings_of(video: str, found: Examined | BadVideo, snippet_s: float) -> list[Finding]:
    """What should be said of one video; `snippet_s` is the length of a snippet."""
    if isinstance(found, BadVideo):
        return [Finding("error", found.code, video, found.cause, found.remedy)]
    one, said = found.health, []
    if one.broken or one.complaints:
        said.append(
            Finding(
                "warning", "W203", video,
                f"{one.broken} packets or frames are broken, FFmpeg complained "
                f"{one.complaints} times; {one.frames} frames decode",
                "copy it again from its source, if it matters",
            )
        )  # fmt: skip
    off = abs(one.header_s - one.duration_s)
    if one.header_s and off > max(_HEADER_S, _HEADER_SHARE * one.duration_s):
        said.append(
            Finding(
                "note", "W201", video,
                f"its header promises {one.header_s:.2f} s, its pictures last "
                f"{one.duration_s:.2f} s",
                "none needed: times come from the pictures",
            )
        )  # fmt: skip
    elif one.header_frames and one.header_frames != one.frames:
        said.append(
            Finding(
                "note", "W201", video,
                f"its header promises {one.header_frames} frames, {one.frames} decode",
                "none needed: times come from the pictures",
            )
        )  # fmt: skip
    if one.longest_gap_s > _LONG_GAP_S:
        said.append(
            Finding(
                "warning", "W204", video,
                f"one picture stands for {one.longest_gap_s:.2f} s: frames may have been lost",
                "copy it again from its source, or cut that part out",
            )
        )  # fmt: skip
    if one.variable:
        said.append(
            Finding(
                "note", "W202", video,
                f"variable frame rate: {one.odd_gaps} gaps differ from the usual one, "
                f"{one.fps:.2f} fps on average",
                "none needed: frames are taken by their times",
            )
        )  # fmt: skip
    if one.rotation or one.mirrored:
        turned = f"turned by {one.rotation}°" if one.rotation else ""
        how = " and ".join(filter(None, [turned, "mirrored" if one.mirrored else ""]))
        said.append(Finding("note", "W205", video, f"shown {how}", "none needed: done when read"))
    if one.resized:
        said.append(
            Finding(
                "warning", "W206", video, "its pictures change their size on the way",
                "all are brought to the first one's size; cut the video there if that is wrong",
            )
        )  # fmt: skip
    if one.duration_s < snippet_s:
        said.append(
            Finding(
                "warning", "W207", video,
                f"{one.duration_s:.2f} s are less than one snippet ({snippet_s:.2f} s)",
                "its last frame is repeated; leave it out if it is no video",
            )
        )  # fmt: skip
    return said


def find_twins(
    examined: Mapping[str, Examined | BadVideo],
    subsets: Mapping[str, str],
    labels: Mapping[str, Sequence[str]],
) -> list[Finding]:
    """Videos with the same content: an error where one trains and the other is tested."""
    groups: dict[str, list[str]] = {}
    for video, found in examined.items():
        if isinstance(found, Examined):
            groups.setdefault(found.sha256, []).append(video)
    said = []
    for group in groups.values():
        if len(group) < 2:
            continue
        names = ", ".join(group)
        if len({subsets[video] for video in group}) > 1:
            said.append(
                Finding(
                    "error", "E210", names, "the same video trains and is tested",
                    "remove one of them from labels.json, or put all into one subset",
                )
            )  # fmt: skip
            continue
        other = len({frozenset(labels[video]) for video in group}) > 1
        text = "the same video with different labels" if other else "the same video several times"
        said.append(Finding("warning", "W210", names, text, "keep one of them, with all labels"))
    return said
