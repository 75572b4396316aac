"""Predictions and instances as text: CSV with a header, and the THUMOS14 challenge's own files."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.importing.segment_rows import (
    AMBIGUOUS,
    SegmentFile,
    SegmentRows,
    set_ambiguous_apart,
)
from wtal_core.segments import Segments

# Names of columns, the first that is there counts; `-` and `_` are the same.
COLUMNS = {
    "video": ("video", "video_id", "video_name", "vid"),
    "label": ("label", "class", "class_name", "label_id", "class_index", "class_id"),
    "start": ("start", "start_s", "t_start", "start_time", "begin"),
    "end": ("end", "end_s", "t_end", "end_time"),
    "score": ("score", "confidence", "conf"),
    "duration": ("duration", "duration_s", "seconds"),
}


def read_table(path: Path, scored: bool) -> SegmentFile:
    """A CSV (or tab-separated) file with the columns video, start, end, label and, of predictions,
    score. Raises WtalError, naming file and line, for what is not as agreed.
    """
    wanted = ("video", "label", "start", "end", *(("score",) if scored else ()))
    rows = SegmentRows(path)
    for where, (video, label, *numbers) in _lines(path, wanted):
        rows.add(where, video, label, *numbers)
    segments, ambiguous = set_ambiguous_apart(rows.build())
    return SegmentFile(path, segments, ambiguous=ambiguous)


def read_durations(path: Path) -> dict[str, float]:
    """Seconds of each video, from a CSV file with the columns video and duration."""
    found: dict[str, float] = {}
    for where, (video, duration) in _lines(path, ("video", "duration")):
        rows = SegmentRows(path)
        rows.add(where, video, "", 0, duration)
        if not rows.end[0] > 0:
            raise WtalError(f"{path}: {where} (video {video!r}) needs a duration above 0 seconds.")
        found[video] = rows.end[0]
    return found


def read_challenge_predictions(path: Path) -> SegmentFile:
    """A submission to the THUMOS14 challenge: lines of video, start, end, class, score."""
    rows = SegmentRows(path)
    for where, (video, start, end, label, score) in _words(path, 5):
        rows.add(where, video, label, start, end, score)
    return SegmentFile(path, rows.build())


def read_intervals(path: Path, label: str) -> Segments:
    """A file of the THUMOS14 challenge, one class each: lines of video, start, end, in seconds."""
    rows = SegmentRows(path)
    for where, (video, start, end) in _words(path, 3):
        rows.add(where, video, label, start, end)
    return rows.build()


def read_challenge_truth(folder: Path, subset: str | None) -> SegmentFile:
    """The THUMOS14 challenge's folder of `<class>_<subset>.txt`, Ambiguous among them."""
    subsets = (subset,) if subset else ("test", "val")
    found = {name: sorted(folder.glob(f"*_{name}.txt")) for name in subsets}
    chosen = next((name for name, files in found.items() if files), None)
    if chosen is None:
        raise WtalError(
            f"{folder}: no file <class>_{' or _'.join(subsets)}.txt in it. Give the folder of the "
            "challenge's annotations, a JSON file or a CSV file."
        )
    parts, ambiguous = [], Segments.empty()
    for file in found[chosen]:
        label = file.stem.removesuffix(f"_{chosen}")
        if label.lower() == AMBIGUOUS:
            ambiguous = read_intervals(file, label)
        else:
            parts.append(read_intervals(file, label))
    return SegmentFile(folder, Segments.join(parts), ambiguous=ambiguous, subset=chosen)


def read_classes(path: Path) -> dict[str, str]:
    """Number: name, from lines such as `7 BaseballPitch`."""
    return {number: name for _, (number, name) in _words(path, 2)}


def rename_labels(segments: Segments, names: Mapping[str, str]) -> Segments:
    """Labels that are numbers of a class list as names; the others stay."""
    label_N = [names.get(label, label) for label in segments.label.tolist()]
    return Segments.build(segments.video, label_N, segments.start_s, segments.end_s, segments.score)


def _words(path: Path, count: int) -> Iterator[tuple[str, list[str]]]:
    """Place and words of each line that is not empty."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if words := line.split():
            if len(words) != count:
                raise WtalError(
                    f"{path}: line {number} has {len(words)} words instead of {count}: {line!r}"
                )
            yield f"line {number}", words


def _lines(path: Path, wanted: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Place and cells, in the order of `wanted`, of each line below the header."""
    lines = _text(path).splitlines()
    header = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter="\t" if "\t" in header else ",")
    names = [cell.strip().lower().replace("-", "_") for cell in next(reader, [])]
    places = []
    for column in wanted:
        known = [names.index(name) for name in COLUMNS[column] if name in names]
        if not known:
            raise WtalError(
                f"{path}: no column for the {column}. The first line names the columns, and one of "
                f"{', '.join(COLUMNS[column])} is needed; it is {header!r}."
            )
        places.append(known[0])
    for cells in reader:
        if cells:
            where = f"line {reader.line_num}"
            if len(cells) != len(names):
                raise WtalError(f"{path}: {where} has {len(cells)} cells, the header {len(names)}")
            yield where, [cells[place].strip() for place in places]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise WtalError(f"{path}: no text in UTF-8 ({problem}). Give a CSV or JSON file.") from None
    except OSError as problem:
        raise WtalError(f"{path}: cannot be read ({problem.strerror}). Check the name.") from None
