"""`wtal init`: a data set out of a folder of tagged videos."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wtal_cli.findings import finding_lines
from wtal_cli.plain import plain
from wtal_core.doctor.dvc_settings import read_dvc_settings
from wtal_core.errors import WtalError
from wtal_core.items import hash_file
from wtal_core.own_videos.data_set import check_target, write_data_set
from wtal_core.own_videos.facts import Facts, facts_like, facts_of_encoders, usual_facts
from wtal_core.own_videos.outline import Choices, make_outline, used_videos
from wtal_core.own_videos.readme import few_classes, next_commands
from wtal_core.own_videos.tag_tables import read_table
from wtal_core.own_videos.tag_trees import read_tree
from wtal_core.own_videos.tags import Tags, merge, read_folders
from wtal_core.own_videos.video_files import VideoFolder, find_videos
from wtal_core.progress import report
from wtal_core.schema.dataset import RunParams

FOLDERS = "folder-per-class"
FOUND = ("tags.csv", "labels.csv", "tags.tsv", "labels.json", "tags.json")


class Untagged(StrEnum):
    """What becomes of videos without a label."""

    refuse = "refuse"
    test = "test"
    skip = "skip"


class Absent(StrEnum):
    """What becomes of tags without a video."""

    refuse = "refuse"
    skip = "skip"


def init(
    name: Annotated[str, typer.Argument(help="of the data set: its folder under data/")],
    videos: Annotated[Path, typer.Argument(help="folder of the videos, subfolders included")],
    labels: Annotated[
        str | None,
        typer.Option(
            help=f"a table (.csv, .tsv, .txt), a .json, or the word {FOLDERS} "
            f"[one of {', '.join(FOUND)} in VIDEOS]"
        ),
    ] = None,
    test_share: Annotated[
        float | None, typer.Option(help="of the tagged videos [0.2; 0 with other test videos]")
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="table or JSON of file and subset (train, test)")
    ] = None,
    untagged: Annotated[
        Untagged, typer.Option(help="videos without a label: test them, or leave them out")
    ] = Untagged.refuse,
    absent: Annotated[
        Absent, typer.Option(help="tags without a video: skip goes on without them")
    ] = Absent.refuse,
    symlink: Annotated[
        bool, typer.Option("--symlink/--copy", help="link to the videos instead of copying them")
    ] = False,
    encoders: Annotated[
        Path | None, typer.Option(help="folder with i3d_rgb, i3d_flow and clip, to be copied")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(help="data set whose encoders, facts and method settings to take over"),
    ] = None,
    data: Annotated[Path, typer.Option(help="where the data sets are")] = Path("data"),
    force: Annotated[bool, typer.Option("--force", help="write an earlier one anew")] = False,
) -> None:
    """Make data/NAME of the tagged videos in the folder VIDEOS, so that
    `dvc exp run -S dataset=NAME` trains on it. Nothing in VIDEOS is changed.
    """
    folder = data / check_name(name)
    check_target(folder, force)
    facts = choose_facts(encoders, like, data)
    found = find_videos(videos, skip=folder)
    tags = read_tags(labels, found)
    if split is not None:
        subsets = read_file(split, found)
        tags = Tags(merge([*tags.tags, *subsets.tags]), tags.classes, tags.absent, tags.notes)
    choices = Choices(test_share, untagged.value, absent.value)
    used = used_videos(found, tags, choices)
    sha256 = hash_videos(found, list(used))
    outline = make_outline(used, tags, sha256, choices)
    write_data_set(folder, outline, found, facts, symlink)
    train, test = outline.subset("train"), outline.subset("test")
    print(
        f"{folder}: {len(train)} training and {len(test)} test videos, "
        f"{len(outline.classes)} classes"
    )
    for note in (*tags.notes, *facts.notes, *others(found), outline.rule):
        print(plain(f"- {note}"))
    if outline.findings:
        print(finding_lines(outline.findings))
    print("next:")
    for command in next_commands(name, outline, facts):
        print(f"  {command}")
    for line in few_classes(outline)[:1] + dvc_danger(symlink):
        print(line)


def check_name(name: str) -> str:
    """The name, if it can be one of a data set."""
    try:
        return RunParams(dataset=name).dataset
    except ValueError as err:
        raise WtalError(
            f"{name!r} can be no name of a data set; use letters, digits, - and _"
        ) from err


def choose_facts(encoders: Path | None, like: str | None, data: Path) -> Facts:
    """By the encoders that the user names."""
    if encoders is not None and like is not None:
        raise typer.BadParameter("--like names the encoders, too, so it goes without --encoders")
    if like is not None:
        return facts_like(Path(like) if "/" in like else data / like)
    return usual_facts() if encoders is None else facts_of_encoders(encoders)


def read_tags(labels: str | None, videos: VideoFolder) -> Tags:
    """From where the user says, or from the one file of tags that lies with the videos."""
    if labels == FOLDERS:
        return read_folders(videos)
    if labels is not None:
        return read_file(Path(labels), videos)
    there = [path for name in FOUND if (path := videos.folder / name).is_file()]
    if len(there) != 1:
        which = f"{', '.join(path.name for path in there)} could all be" if there else "nothing is"
        raise WtalError(
            f"{videos.folder}: {which} the list of tags; name it with --labels tags.csv (lines "
            f"`a.mp4,Kite;Drum`), or --labels {FOLDERS} where each class has a folder of its own"
        )
    return read_file(there[0], videos)


def read_file(path: Path, videos: VideoFolder) -> Tags:
    """By the file's suffix."""
    if not path.is_file():
        raise WtalError(f"{path}: no such file; check the name, or use --labels {FOLDERS}")
    return read_tree(path, videos) if path.suffix == ".json" else read_table(path, videos)


def hash_videos(videos: VideoFolder, names: list[str]) -> dict[str, str]:
    """SHA-256 of each video's content; WtalError naming those that cannot be read."""
    hashes: dict[str, str] = {}
    bad: list[str] = []
    for name in report(names, "reading", len(names)):
        path = videos.path(name)
        if path.exists() and not path.is_file():
            bad.append(f"{path} (no file, but a pipe or a device)")  # it might be read for ever
            continue
        try:
            hashes[name] = hash_file(path)
        except OSError as err:
            bad.append(f"{path} ({err.strerror})")
    if bad:
        raise WtalError(
            f"{len(bad)} videos cannot be read; give yourself the right to, mend the links, or "
            f"move them away: {', '.join(bad[:20])}"
        )
    return hashes


def others(videos: VideoFolder) -> list[str]:
    """Files that were passed over."""
    if not videos.others:
        return []
    listed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(videos.others.items()))
    return [f"no videos by their names, left alone: {listed}"]


def dvc_danger(symlink: bool) -> list[str]:
    """What `dvc add` would do to files behind links, if this checkout lets DVC link."""
    if not symlink or "hardlink" not in read_dvc_settings(Path.cwd()).kinds:
        return []
    return [
        "warning: cache.type has hardlink, so `dvc add` would make your original files read-only "
        "and part of DVC's cache; run `wtal init` with --copy instead, or do not `dvc add` them"
    ]
