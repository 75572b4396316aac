"""The data sets that can be imported, and what their makers count."""

from collections.abc import Mapping
from dataclasses import dataclass

from wtal_core.importing import thumos14

_ACTIVITYNET = {"training": "train", "train": "train", "validation": "test", "val": "test"}


@dataclass(frozen=True)
class BenchmarkSet:
    """subsets: a package's words for splits -> ours; class_names: empty where the package tells
    them; version: what a JSON's version has to hold; videos: the makers' count per split; prefix:
    what names of video files have before the id.
    """

    name: str
    title: str
    subsets: Mapping[str, str]
    classes: int
    videos: Mapping[str, int]
    class_names: tuple[str, ...] = ()
    version: str = ""
    prefix: str = ""


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        BenchmarkSet(
            "thumos14",
            "THUMOS14",
            thumos14.SUBSETS,
            len(thumos14.CLASSES),
            {"train": 200, "test": 213},
            thumos14.CLASSES,
        ),
        BenchmarkSet(
            "activitynet12",
            "ActivityNet 1.2",
            _ACTIVITYNET,
            100,
            {"train": 4819, "test": 2383},
            version="1.2",
            prefix="v_",
        ),
        BenchmarkSet(
            "activitynet13",
            "ActivityNet 1.3",
            _ACTIVITYNET,
            200,
            {"train": 10024, "test": 4926},
            version="1.3",
            prefix="v_",
        ),
    )
}
