"""Are a data set's encoders where its dataset.yaml says?"""

from pathlib import Path

from wtal_core.findings import Finding, Level
from wtal_core.own_videos.facts import CHECKPOINT
from wtal_core.params import read_facts
from wtal_core.schema.encoders import ClipParams, I3dParams
from wtal_core.weights.needed import maker, needed_weights


def find_encoders(data: Path, level: Level = "error") -> list[Finding]:
    """A finding for each folder of weights that is not there; a note, where a pipeline makes it.

    The stage `check` stops a run for the same reason, so it is an error unless `level` says less.
    """
    facts = data / "dataset.yaml"
    i3d, clip = read_facts(facts, "i3d", I3dParams), read_facts(facts, "clip", ClipParams)
    found = []
    for name, folder in needed_weights(data, i3d, clip).items():
        if all((folder / file).is_file() for file in CHECKPOINT):
            continue
        if maker(folder).is_file():
            remedy = f"`dvc repro {maker(folder)}` makes them"
            found.append(Finding("note", "E230", str(folder), "no weights in it", remedy))
            continue
        remedy = f"wtal weights fetch {name} --into {folder.parent}"
        found.append(Finding(level, "E230", str(folder), "no weights in it", remedy))
    return found
