"""The pages of a report out of what was read of one run or two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wtal_core.errors import WtalError
from wtal_core.reporting.material import Media, RunMaterial, VideoFacts, joined_classes
from wtal_core.reporting.names import shown, slugs
from wtal_core.reporting.overview import (
    SURE,
    TILES,
    cards,
    class_rows,
    headline,
    parameter_rows,
)
from wtal_core.reporting.pages import render
from wtal_core.reporting.plots import MAP, MIOU, Rounds, draw_rounds, draw_tious
from wtal_core.reporting.tracks import build_tracks

SAME_S = 0.1  # two runs' durations of a video differ by less
NO_METRICS = (
    "No metrics of this run: they are measured against ground truth by the stages evaluate and "
    "summary of `dvc repro`, into results/."
)
NEW_VIDEOS = "New videos through a trained run: nothing to measure them by, so look at them."
PLOTS = (
    ("map.svg", "mAP against rounds"),
    ("tiou.svg", "mAP against tIoU"),
    ("miou.svg", "Pseudo-labels on the test split: mIoU"),
)
PICTURES = {
    "false_positives.png": "False positives by rank and type, and what mAP gains without each",
    "instances.png": "Missed instances and normalised mAP by length, coverage and number",
}


@dataclass(frozen=True)
class Site:
    """What all pages share. facts: the videos that get a page, in order."""

    runs: list[RunMaterial]
    facts: dict[str, VideoFacts]
    classes: tuple[str, ...]
    slugs: dict[str, str]

    @classmethod
    def plan(cls, runs: Sequence[RunMaterial], subset: str) -> "Site":
        """Pages for the videos of `subset`, or of both splits for `all`.

        Raises WtalError for runs that call different videos by the same name, and without videos.
        """
        facts: dict[str, VideoFacts] = {}
        for run in runs:
            for video in run.facts.values():
                known = facts.setdefault(video.id, video)
                if abs(known.duration_s - video.duration_s) > SAME_S:
                    raise WtalError(
                        f"{run.name}: its video {video.id} lasts {video.duration_s:.2f} s and "
                        f"that of {runs[0].name} {known.duration_s:.2f} s, so they are not the "
                        "same. Compare runs on the same videos, or write two reports."
                    )
        # test videos have predictions, so they come first
        kept = sorted(
            (video for video in facts.values() if subset in ("all", video.subset)),
            key=lambda video: video.subset != "test",
        )
        if not kept:
            raise WtalError(f"{runs[0].name}: no video of the split {subset} was read. Rerun it.")
        return cls(
            list(runs),
            {video.id: video for video in kept},
            joined_classes(list(runs)),
            slugs(video.id for video in kept),
        )


def index_page(site: Site, media: Mapping[str, Media]) -> bytes:
    """The run page."""
    runs, places = site.runs, {name: c for c, name in enumerate(site.classes)}
    return render(
        "index.html",
        "list.js",
        runs=runs,
        classes=site.classes,
        places=places,
        cards=cards(site.facts, runs, site.classes, site.slugs, media),
        subsets=sorted({video.subset for video in site.facts.values()}),
        any_truth=any(video.truth is not None for video in site.facts.values()),
        sure=SURE,
        headline=headline(runs),
        no_metrics=NEW_VIDEOS if runs[0].fresh else NO_METRICS,
        plots=[{"file": file, "title": title} for file, title in PLOTS] if _measured(site) else [],
        dashed=len(_measured(site)) > 1,
        round_titles=[title for _, title in TILES],
        round_rows=[
            {"run": run.name, "round": name, "values": [metrics.get(key) for key, _ in TILES]}
            for run in runs for name, metrics in run.rounds.items()
        ],
        class_rows=class_rows(runs, site.classes),
        diagnoses=[
            {
                "name": run.name,
                "pictures": [
                    {"file": _picture(place, file), "alt": PICTURES[file]} for file in run.pictures
                ],
            }
            for place, run in enumerate(runs) if run.pictures
        ],
        statistics=[run.stats | {"name": run.name} for run in runs if run.stats is not None],
        params=parameter_rows(runs),
    )  # fmt: skip


def video_page(site: Site, name: str, media: Media) -> bytes:
    """The page of one video, which knows its neighbours in the list."""
    order, facts = list(site.facts), site.facts[name]
    place = order.index(name)
    return render(
        "video.html",
        "page.js",
        build_tracks(facts, site.runs, site.classes),
        video=facts,
        runs=site.runs,
        media=media,
        slug=site.slugs[name],
        places={name: c for c, name in enumerate(site.classes)},
        before=site.slugs[order[place - 1]] if place else "",
        after=site.slugs[order[place + 1]] if place + 1 < len(order) else "",
    )


def plot_files(site: Site) -> dict[str, bytes]:
    """Address: content, of every plot."""
    found: dict[str, bytes] = {}
    if runs := _measured(site):
        drawn = (draw_rounds(runs, MAP), draw_tious(runs), draw_rounds(runs, MIOU))
        for (file, _), svg in zip(PLOTS, drawn, strict=True):
            found[f"plots/{file}"] = svg.encode()
    for place, run in enumerate(site.runs):
        found |= {_picture(place, file): content for file, content in run.pictures.items()}
    return found


def describe(site: Site) -> dict[str, Any]:
    """What the folder holds, for programs: runs, their metrics, and each video's page."""
    return {
        "runs": [
            {"name": shown(run.name), "round": run.round, "metrics": run.rounds.get(run.round, {})}
            for run in site.runs
        ],
        "videos": {shown(name): f"videos/{slug}.html" for name, slug in site.slugs.items()},
    }


def _measured(site: Site) -> list[tuple[str, Rounds]]:
    """The runs that have metrics; two rounds of one run have the same curves."""
    runs = [(run.name, run.rounds) for run in site.runs if run.rounds]
    if len(runs) > 1 and runs[0][1] == runs[1][1]:
        return runs[:1]
    return runs


def _picture(place: int, file: str) -> str:
    return f"diagnosis/{place + 1}/{file}"
