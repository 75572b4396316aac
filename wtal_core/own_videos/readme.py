"""README.md of a data set of one's own videos: counts, the split's rule, what to run."""

import html
from collections import Counter
from collections.abc import Sequence

from wtal_core.own_videos.facts import Facts
from wtal_core.own_videos.outline import Outline
from wtal_core.own_videos.thresholds import advise_thresholds
from wtal_core.schema.thresholds import ThresholdParams


def write_readme(name: str, outline: Outline, facts: Facts, link: bool) -> str:
    """The text; strangers' names are escaped and stay in their cells."""
    train, test = outline.subset("train"), outline.subset("test")
    counts = Counter(label for entry in train for label in entry.labels)
    rows = [f"| {as_text(label)} | {counts[label]} |" for label in outline.classes]
    notes = [f"- {as_text(note)}" for note in facts.notes]
    notes += [
        f"- {as_text(' '.join([f.code, f.subject]))}: {as_text(f.text)}" for f in outline.findings
    ]
    videos = "links to the original files" if link else "copies"
    return "\n".join(
        [
            f"# Data set {name}",
            "",
            f"Made by `wtal init`: {len(train)} training and {len(test)} test videos, "
            f"{len(outline.classes)} classes. `videos/` holds {videos}; `sources.json` says which "
            "file each one is.",
            "",
            "| class | training videos |",
            "|---|---|",
            *rows,
            "",
            f"**Test split.** {outline.rule}",
            "",
            *notes,
            *([""] if notes else []),
            "## Next",
            "",
            "```bash",
            *next_commands(name, outline, facts),
            "```",
            "",
            *few_classes(outline),
        ]
    )


def next_commands(name: str, outline: Outline, facts: Facts) -> list[str]:
    """From here to a trained run."""
    commands = []
    if facts.encoders is None:
        commands.append(f"wtal weights fetch i3d_rgb i3d_flow clip --into data/{name}/encoders")
    commands += [
        f"wtal check {name}",
        f"dvc add data/{name}/videos data/{name}/encoders",
        f'git add data/{name} && git commit -m "Data set {name}"',
        f"wtal plan {name}",
        " ".join([f"dvc exp run -S dataset={name}", *_switches(outline), "infer"]),
    ]
    return commands


def few_classes(outline: Outline) -> list[str]:
    """Why the thresholds are raised, where they are."""
    if not _switches(outline):
        return []
    default = ThresholdParams()
    return [
        f"With {len(outline.classes)} classes a branch that knows nothing gives each "
        f"1/{len(outline.classes)}, which is not below `delta_l` = {default.delta_l}: nothing "
        "would be background. The thresholds above lie as far between chance and certainty as "
        "the paper's do with 20 classes. They are a start; where one kind of pseudo-label is "
        "missing, the stage stops and proposes others.",
        "",
    ]


def as_text(name: str) -> str:
    """A name in Markdown: no markup, no line end, no end of a table's cell."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)
    for sign in "\\`*_[]|":
        shown = shown.replace(sign, f"\\{sign}")
    return html.escape(shown, quote=False)


def _switches(outline: Outline) -> Sequence[str]:
    advice = advise_thresholds(len(outline.classes), ThresholdParams().delta_l)
    if advice is None:
        return ()
    high, low = advice
    return (f"-S thresholds.delta_h={high}", f"-S thresholds.delta_l={low}")
