"""What a data set will consist of, and what should be said of it, before anything is written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from wtal_core.errors import WtalError
from wtal_core.findings import Finding
from wtal_core.own_videos.identity import file_name, make_id
from wtal_core.own_videos.spelling import find_misspelt, nearest
from wtal_core.own_videos.split import KEEP, RULE, choose_test, wanted_test
from wtal_core.own_videos.tags import Tag, Tags
from wtal_core.own_videos.video_files import VideoFolder

SHARE = 0.2  # of the tagged videos that are tested, where nobody says which
_SHOWN = 20


@dataclass(frozen=True)
class Choices:
    """What the user decides where the tags leave it open."""

    test_share: float | None = None  # None: SHARE, or 0 where there are test videos anyhow
    untagged: Literal["refuse", "test", "skip"] = "refuse"  # videos without labels
    absent: Literal["refuse", "skip"] = "refuse"  # tags of videos that are not there

    def __post_init__(self) -> None:
        if self.test_share is not None and not 0 <= self.test_share < 1:
            raise WtalError(f"--test-share {self.test_share} must lie in [0, 1)")


@dataclass(frozen=True)
class Entry:
    """One video of the data set; `source` is its path in the user's folder."""

    id: str
    source: str
    file: str  # below the data set's folder
    sha256: str
    subset: str
    labels: tuple[str, ...]  # empty for a test video


@dataclass(frozen=True)
class Outline:
    """All videos in the order of their ids, the classes in the order of columns, and findings."""

    classes: tuple[str, ...]
    entries: tuple[Entry, ...]
    rule: str  # how the test split came about
    findings: tuple[Finding, ...]

    def subset(self, name: str) -> list[Entry]:
        """The videos of one subset."""
        return [entry for entry in self.entries if entry.subset == name]


def used_videos(videos: VideoFolder, tags: Tags, choices: Choices) -> dict[str, Tag]:
    """Video -> its tag (without labels for an untagged one), for each that will be used.

    Raises WtalError where the user has to decide first.
    """
    if tags.absent and choices.absent == "refuse":
        _refuse(
            f"{len(tags.absent)} tagged videos are not in {videos.folder}",
            tags.absent,
            "put them there, correct the names, or pass --absent skip to go on without them",
        )
    by_video = {tag.video: tag for tag in tags.tags}
    if not any(tag.labels for tag in tags.tags):
        raise WtalError(
            f"{videos.folder}: not one of its {len(videos.videos)} videos has a label; check that "
            "the table's names are those of the files"
        )
    bare = [
        video for video in videos.videos
        if video not in by_video or not (by_video[video].labels or by_video[video].subset == "test")
    ]  # fmt: skip
    if bare and choices.untagged == "refuse":
        _refuse(
            f"{len(bare)} of {len(videos.videos)} videos in {videos.folder} have no label",
            bare,
            "label them, or pass --untagged test (they are only searched for actions) or "
            "--untagged skip (they are left out)",
        )
    left_out = set(bare) if choices.untagged == "skip" else set()
    return {
        video: by_video.get(video, Tag(video, (), "test", video))
        for video in videos.videos if video not in left_out
    }  # fmt: skip


def make_outline(
    used: Mapping[str, Tag], tags: Tags, sha256: Mapping[str, str], choices: Choices
) -> Outline:
    """Split, ids, classes. Raises WtalError where nothing could be learnt or tested."""
    classes = _classes(used, tags)
    subsets, rule = _split(used, sha256, choices)
    entries = []
    for video, tag in used.items():
        identity = make_id(video, sha256[video])
        labels = tag.labels if subsets[video] == "train" else ()
        file = f"videos/{file_name(identity, video)}"
        entries.append(Entry(identity, video, file, sha256[video], subsets[video], labels))
    outline = Outline(
        classes,
        tuple(sorted(entries, key=lambda entry: entry.id)),
        rule,
        (*_twins(used, sha256, subsets), *_doubts(used, tags)),
    )
    _check(outline, choices)
    return outline


def _classes(used: Mapping[str, Tag], tags: Tags) -> tuple[str, ...]:
    seen = sorted({label for tag in used.values() for label in tag.labels})
    if tags.classes:
        unknown = [label for label in seen if label not in tags.classes]
        if unknown:
            meant = [f"{name} (did you mean {nearest(name, tags.classes)}?)" for name in unknown]
            _refuse("labels outside 'classes'", meant, "correct the spelling, or add the class")
    classes = tags.classes or tuple(seen)
    if len(classes) < 2:
        raise WtalError(
            f"one class in all, {classes[0]!r}: there is nothing to tell apart; add videos of "
            "another class, if only one called Other"
        )
    return classes


def _split(
    used: Mapping[str, Tag], sha256: Mapping[str, str], choices: Choices
) -> tuple[dict[str, str], str]:
    subsets = {video: tag.subset for video, tag in used.items()}
    for video, tag in used.items():
        if not tag.labels:
            if tag.subset == "train":
                raise WtalError(f"{tag.place}: {video} is to train but has no label; add one")
            subsets[video] = "test"
    open_ = {video: used[video].labels for video, subset in subsets.items() if not subset}
    given = sum(subset == "test" for subset in subsets.values())
    share = choices.test_share
    if share is None:
        share = 0.0 if given else SHARE
    trained = [used[video].labels for video, subset in subsets.items() if subset == "train"]
    tested = choose_test(open_, sha256, share, trained)
    subsets |= {video: "test" if video in tested else "train" for video in open_}
    wanted = wanted_test(len(open_), share)
    rule = RULE.format(wanted=wanted, total=len(open_), keep=KEEP) if wanted else ""
    if given:
        rule = f"{given} videos are test videos as given or for want of labels. {rule}".strip()
    return subsets, rule


def _twins(
    used: Mapping[str, Tag], sha256: Mapping[str, str], subsets: Mapping[str, str]
) -> list[Finding]:
    groups: dict[str, list[str]] = {}
    for video in used:
        groups.setdefault(sha256[video], []).append(video)
    found = []
    for first, *rest in groups.values():
        if not rest:
            continue
        names = ", ".join([first, *rest])
        if len({subsets[video] for video in (first, *rest)}) > 1:
            text, remedy = "the same video trains and is tested", "leave one of them out"
        elif len({used[video].labels for video in (first, *rest)}) > 1:
            text, remedy = "the same video with different labels", "tag them alike, or remove one"
        else:
            text, remedy = "the same video several times", "remove all but one"
        found.append(Finding("warning", "W210", names, text, remedy))
    return found


def _doubts(used: Mapping[str, Tag], tags: Tags) -> list[Finding]:
    counts = Counter(label for tag in used.values() for label in tag.labels)
    found = [
        Finding(
            "warning", "W220", rare,
            f"{counts[rare]} videos; did you mean {common} ({counts[common]} videos)?",
            "correct it in the tags and run wtal init again",
        )
        for rare, common in find_misspelt(counts)
    ]  # fmt: skip
    found += [
        Finding("warning", "W221", place, "its video is not there", "")
        for place in tags.absent
    ]  # fmt: skip
    return found


def _check(outline: Outline, choices: Choices) -> None:
    train, test = outline.subset("train"), outline.subset("test")
    known = Counter(label for entry in train for label in entry.labels)
    lacking = [name for name in outline.classes if not known[name]]
    if lacking:
        _refuse(
            f"{len(lacking)} classes have no training video",
            lacking,
            "tag some, move some into the training split, or remove the class",
        )
    if not test:
        raise WtalError(
            "no video is left to test: each class needs its few for training; tag more videos, "
            "name test videos in a column `subset` or with --split, or add untagged videos with "
            f"--untagged test (--test-share was {choices.test_share})"
        )


def _refuse(what: str, items: Sequence[str], remedy: str) -> None:
    listed = "\n  ".join(item.replace("\n", "\\n") for item in items[:_SHOWN])
    more = f"\n  and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    raise WtalError(f"{what}; {remedy}:\n  {listed}{more}")
