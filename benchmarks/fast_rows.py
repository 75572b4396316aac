"""What is told of the fast paths: the row of the common table, and the page."""

from collections.abc import Mapping
from typing import Any

from benchmarks.harness import Row, three

TARGET = 0.5  # points of mAP
# A way that is far off would be another feature, not a rounder one.
LEAST_COSINE = 0.99
RESAMPLES = 1000  # of the test videos
REFERENCE, OUR_FLOW, FAST = "reference", "our flow", "fast"


def differences(found: Mapping[str, Any], key: str) -> dict[str, float]:
    """Round -> mean mAP of a way less that of the reference, in points."""
    means = {way: one["map"] for way, one in found["ways"].items()}
    return {r: means[key][r]["mean"] - means[REFERENCE][r]["mean"] for r in found["rounds"]}


def judge(found: Mapping[str, Any]) -> Row:
    """The row of the common table."""
    fast = found["ways"][FAST]
    close = {kind: one["mean"] for kind, one in fast["cosine"].items()}
    return Row(
        what=f"gap in mAP, fast features of {found['videos']} videos",
        anchor="the same branches, OpenCV's flow, torch fp32; the worst of "
        f"{len(found['rounds'])} rounds",
        target=TARGET,
        measured=three(max(abs(gap) for gap in differences(found, FAST).values())),
        accuracy=f"cosine of I3D {close['i3d']:.5f}, of CLIP {close['clip']:.5f}",
        accurate=min(close.values()) >= LEAST_COSINE,
        unit=" points",
        most=True,
    )


def where(found: Mapping[str, Any]) -> str:
    """Whose branches, on which videos."""
    of = "" if found["test"] == found["data"] else f" of {found['test']}"
    return f"{found['data']}'s branches, {found['videos']} test videos{of}"


def describe(found: Mapping[str, Any]) -> list[str]:
    """The Markdown page."""
    ways = found["ways"]
    gaps = {key: differences(found, key) for key in (OUR_FLOW, FAST)}
    most = max(abs(gap) for gap in gaps[FAST].values())
    asked = "" if found["test"] == found["data"] else f" with `--test data/{found['test']}`"
    rows = [
        f"| {r} | " + " | ".join(f"{ways[key]['map'][r]['mean']:.2f}" for key in ways)
        + f" | {gaps[OUR_FLOW][r]:+.2f} | {gaps[FAST][r]:+.2f} | "
        + "{:+.2f} to {:+.2f} |".format(*ways[FAST]["interval"][r])
        for r in found["rounds"]
    ]  # fmt: skip
    return [
        "# What the fast paths change",
        "",
        f"Written by `python -m benchmarks.fast_paths`{asked}: {where(found)}, mAP averaged over "
        f"tIoU .1 to .7 by the protocol `{found['protocol']}`, in points. The same trained "
        "branches saw features made in three ways.",
        "",
        "| round | reference | our flow | fast | our flow - reference | fast - reference | 95 % |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"The largest difference of the fast way is {most:.2f} points; at most {TARGET} is the "
        f"target. The last column is where 95 % of the differences lie, fast less reference, when "
        f"the {found['videos']} videos with their {found['instances']} instances are drawn "
        f"{RESAMPLES} times with repetition.",
        "",
        "| way | TV-L1 | encoders | CPU s | cosine of I3D: mean, least | of CLIP: mean, least |",
        "|---|---|---|---|---|---|",
        *(
            f"| {key} | {one['flow']} | {one['encoders']} | {one['cpu_s']:g} | "
            + " | ".join(f"{c['mean']:.6f}, {c['least']:.6f}" for c in one["cosine"].values())
            + " |"
            for key, one in ways.items()
        ),
        "",
        "Cosines are of a snippet's features to the reference's. CPU seconds are of the whole way "
        "from files to features, all cores together; networks of another size share them out "
        "otherwise.",
    ]
