"""Tags in a table: CSV as spreadsheets and people write it."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.own_videos.tags import Tag, Tags, locate, merge, read_subset, split_labels
from wtal_core.own_videos.video_files import VideoFolder

_SEPARATORS = ("\t", ",", ";", "|")
_LOOK = 500  # rows that decide about the separator
_BYTES = 256 << 20
# column -> words that a header may have for it
_HEADS = {
    "file": (
        "file", "video", "path", "filename", "file_name", "filepath", "video_path", "name", "id",
        "video_id", "video_name", "clip",
    ),
    "labels": (
        "labels", "label", "tags", "tag", "classes", "class", "action", "actions", "category",
        "categories",
    ),
    "subset": ("subset", "split", "set", "partition"),
}  # fmt: skip
Row = tuple[int, list[str]]  # number of the line it ends on, cells


def read_table(path: Path, videos: VideoFolder) -> Tags:
    """Tags of a table with a video and its labels in each row, `;` between the labels.

    The separator is found out, a header is recognised by its words; without one the first column
    is the video, the others are labels. Paths lead from the folder of the videos or that of the
    table. Raises WtalError naming the line.
    """
    text = read_text(path)
    separator, rows = _parse(text, path, videos)
    columns, body = _columns(rows, path, videos)
    tags: list[Tag] = []
    absent: list[str] = []
    for line, cells in body:
        place = f"{path.name}, line {line}"
        if len(cells) > len(columns) and columns[-1:] == ["labels"] and separator != ",":
            # with `;` both between cells and between labels
            cells = [*cells[: len(columns) - 1], ";".join(cells[len(columns) - 1 :])]
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            raise WtalError(
                f"{path}: line {line} has {len(cells)} cells, the header {len(columns)}; put a "
                "text that holds the separator into quotes"
            )
        cell = {name: cells[i] for i, name in enumerate(columns) if name and i < len(cells)}
        if not cell.get("file", "").strip():
            raise WtalError(f"{path}: line {line} names no video; fill its cell or remove the line")
        video = locate(videos, cell["file"], path.parent, place, absent)
        if video is not None:
            labels = split_labels(cell.get("labels", ""), place)
            tags.append(Tag(video, labels, read_subset(cell.get("subset", ""), place), place))
    shown = {"\t": "tab"}.get(separator, separator)
    kinds = " ".join(name or "(left out)" for name in columns)
    return Tags(
        merge(tags),
        absent=tuple(absent),
        notes=(f"{path.name}: columns {kinds}, separated by {shown}",),
    )


def read_text(path: Path) -> str:
    """A text file in UTF-8, or UTF-16 as spreadsheets save it. Raises WtalError."""
    try:
        if path.stat().st_size > _BYTES:
            raise WtalError(f"{path}: larger than {_BYTES >> 20} MB, so hardly a list of tags")
        content = path.read_bytes()
    except OSError as err:
        raise WtalError(f"{path}: cannot be read ({err.strerror}); check the name") from err
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as err:
        line = content[: err.start].count(b"\n") + 1
        raise WtalError(f"{path}: line {line} is not {encoding} text; save it as UTF-8") from err
    if "\0" in text:
        raise WtalError(f"{path}: it holds zero bytes, so it is no text; save it as CSV in UTF-8")
    return text


def _parse(text: str, path: Path, videos: VideoFolder) -> tuple[str, list[Row]]:
    """The separator with which most rows name a video, or else look like rows; all rows."""
    said = re.match(r"sep=(.)\r?\n", text)  # what spreadsheets write to tell each other
    if said:
        return said[1], _rows(text, said[1], path)[1:]
    best: tuple[tuple[int, bool, int], str, list[Row]] = ((-1, False, 0), "", [])
    for separator in _SEPARATORS:
        try:
            rows = _rows(text, separator, path)
        except WtalError:
            continue  # a quote that only another separator makes sense of
        several = [cells for _, cells in rows[:_LOOK] if len(cells) > 1]
        named = sum(any(_is_video(cell, path, videos) for cell in cells) for cells in several)
        score = named, bool(several and _header(rows[0][1])), len(several)
        if score > best[0]:
            best = score, separator, rows
    if not best[2]:
        # as a comma has it, with the reader's own words
        rows = _rows(text, ",", path)
        if not rows:
            raise WtalError(f"{path}: it is empty; write a line `video,label` for each video")
        return ",", rows
    return best[1], best[2]


def _rows(text: str, separator: str, path: Path) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [(reader.line_num, cells) for cells in reader if any(c.strip() for c in cells)]
    except csv.Error as err:
        raise WtalError(
            f"{path}: line {reader.line_num} cannot be read ({err}); check its quotes"
        ) from err


def _columns(rows: Sequence[Row], path: Path, videos: VideoFolder) -> tuple[list[str], list[Row]]:
    """What each column holds ("" for what is not used), and the rows below the header."""
    first = rows[0][1]
    header = _header(first)
    if header and not any(_is_video(cell, path, videos) for cell in first):
        for name in ("file", "labels", "subset"):
            if header.count(name) > 1:
                raise WtalError(
                    f"{path}: several columns could hold the {name}: "
                    f"{', '.join(repr(c) for c, h in zip(first, header, strict=True) if h == name)}"
                    "; rename those that do not"
                )
        if "labels" not in header and "subset" not in header:
            raise WtalError(
                f"{path}: no column `labels` in its first line, it has {', '.join(first)}; rename "
                "the column that holds the labels"
            )
        return header, list(rows[1:])
    if max(len(cells) for _, cells in rows) < 2:
        raise WtalError(
            f"{path}: line {rows[0][0]} has one cell; write `video,label`, with `;` between the "
            "labels of one video"
        )
    for line, cells in rows:
        if any(cell.strip().lower() in ("train", "test", "validation") for cell in cells[1:]):
            raise WtalError(
                f"{path}: line {line} names a subset, but the first line does not say what the "
                "columns are; put `file,labels,subset` above, in your order"
            )
    return ["file", "labels"], [(n, [c[0], ";".join(c[1:])]) for n, c in rows]


def _header(cells: Sequence[str]) -> list[str]:
    """Columns by the words of a header; empty if the words do not make one."""
    names = [
        next((name for name, words in _HEADS.items() if cell.strip().lower() in words), "")
        for cell in cells
    ]
    return names if "file" in names else []


def _is_video(cell: str, path: Path, videos: VideoFolder) -> bool:
    try:
        return videos.named(cell, path.parent) is not None
    except WtalError:  # it fits several
        return True
