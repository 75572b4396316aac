"""Which package of annotations lies at a path."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from wtal_core.errors import WtalError
from wtal_core.importing import annotation_json, official_text, wtalc
from wtal_core.importing.annotations_model import Annotations, Note, Times, group_ambiguous
from wtal_core.importing.benchmark_sets import BenchmarkSet

Reader = Callable[[], Annotations]


def read_annotations(
    source: Path, benchmark: BenchmarkSet, ambiguous: Sequence[Path] = ()
) -> Annotations:
    """The package at `source`, a file or a folder; `ambiguous` adds THUMOS14's `Ambiguous_*.txt`.

    What lies in the folder itself goes before what lies in folders within it. Raises WtalError,
    saying what was looked for, when nothing is recognised, or more than one thing.
    """
    if not source.exists():
        raise WtalError(f"{source}: no such file or folder. Check the path.")
    if source.is_file():
        found = _in_file(source, benchmark)
    else:
        found = _in_folder(source, benchmark) or _below(source, benchmark)
    if not found:
        looked = [annotation_json.WANTED, wtalc.WANTED]
        if benchmark.name == "thumos14":
            looked.append(official_text.WANTED)
        raise WtalError(
            f"{source}: no annotations of {benchmark.title} recognised. Looked for: "
            f"{'; '.join(looked)}."
        )
    if len(found) > 1:
        raise WtalError(
            f"{source}: several packages of annotations: {', '.join(found)}. Name one as SOURCE."
        )
    package = _take_prefix_off(next(iter(found.values()))(), benchmark.prefix)
    if not ambiguous:
        return package
    if package.ambiguous:
        raise WtalError(f"{source}: has ambiguous intervals of its own. Leave --ambiguous out.")
    added = {v: pairs for path in ambiguous for v, pairs in group_ambiguous(path, Times()).items()}
    return replace(package, ambiguous=added, files=(*package.files, *ambiguous))


def _take_prefix_off(package: Annotations, prefix: str) -> Annotations:
    """Ids as the benchmark's makers write them."""
    if not prefix or not all(video.id.startswith(prefix) for video in package.videos):
        return package
    videos = tuple(replace(v, id=v.id.removeprefix(prefix)) for v in package.videos)
    note = Note(f"ids begin with {prefix}", "taken off, as in the benchmark's own files")
    return replace(package, videos=videos, notes=(*package.notes, note))


def _in_file(path: Path, benchmark: BenchmarkSet) -> dict[str, Reader]:
    if path.suffix.lower() == ".json":
        return _json(path, benchmark)
    folder = path.parent
    if path.suffix == ".npy" and wtalc.has_wtalc_files(folder):
        return {folder.name: partial(wtalc.read_wtalc, folder, dict(benchmark.subsets))}
    return {}


def _in_folder(folder: Path, benchmark: BenchmarkSet) -> dict[str, Reader]:
    found: dict[str, Reader] = {}
    for path in sorted(folder.glob("*.json")):
        found |= _json(path, benchmark)
    if wtalc.has_wtalc_files(folder):
        found[folder.name] = partial(wtalc.read_wtalc, folder, dict(benchmark.subsets))
    return found


def _below(folder: Path, benchmark: BenchmarkSet) -> dict[str, Reader]:
    found: dict[str, Reader] = {}
    if benchmark.name == "thumos14" and official_text.has_text_files(folder):
        found[f"{folder.name} (text files)"] = partial(official_text.read_text_files, folder)
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        found |= {
            f"{inner.name}/{name}": read for name, read in _in_folder(inner, benchmark).items()
        }
    return found


def _json(path: Path, benchmark: BenchmarkSet) -> dict[str, Reader]:
    if not annotation_json.has_database(path):
        return {}
    read = annotation_json.read_database
    return {path.name: partial(read, path, benchmark.subsets, benchmark.class_names)}
