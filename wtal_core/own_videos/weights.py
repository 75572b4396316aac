"""Are a data set's encoders where its dataset.yaml says?"""

from pathlib import Path

from wtal_core.findings import Finding
from wtal_core.own_videos.facts import CHECKPOINT
from wtal_core.params import read_facts
from wtal_core.schema.encoders import ClipParams, I3dParams


def find_encoders(data: Path) -> list[Finding]:
    """A warning for each folder of weights that is not there. Imported features need none, and
    the weights below data/demo are made by its own pipeline.
    """
    facts = data / "dataset.yaml"
    i3d, clip = read_facts(facts, "i3d", I3dParams), read_facts(facts, "clip", ClipParams)
    wanted = [] if i3d.imported else [i3d.rgb, i3d.flow]
    wanted += [] if clip.imported else [clip.weights]
    found = []
    for place in wanted:
        if all((data / place / file).is_file() for file in CHECKPOINT):
            continue
        made = ((data / place).resolve().parents[1] / "dvc.yaml").is_file()
        found.append(
            Finding(
                "note" if made else "warning", "W230", str(data / place), "no weights in it",
                "`dvc repro` makes them" if made else
                "`wtal weights list` says where they come from; `wtal init NAME VIDEOS --like demo`"
                " takes the demo's, which only prove that videos pass through",
            )
        )  # fmt: skip
    return found
