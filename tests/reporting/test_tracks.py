"""A page's JSON by hand."""

import numpy as np

from wtal_core.grid import SnippetGrid
from wtal_core.reporting.material import Curve, RunMaterial, RunVideo, Strip, VideoFacts
from wtal_core.reporting.tracks import build_tracks, choose_class, label_signs
from wtal_core.segments import Segments

GRID = SnippetGrid(fps=25, window=16, stride=16)
CLASSES = ("run", "jump", "swim")


def material(name: str, classes: tuple[str, ...], video: RunVideo) -> RunMaterial:
    return RunMaterial(name, "r1", classes, False, "activitynet", {"v": video}, {"v": facts()})


def facts(**more: object) -> VideoFacts:
    return VideoFacts("v", "test", 1.28, **more)  # type: ignore[arg-type]


def test_each_value_lies_where_the_page_looks() -> None:
    # the run's columns come in another order than the page's classes
    score_TC = np.array([[0.25, 1.5], [0.5004, -0.1]], dtype=np.float32)
    label_TC = np.array([[1, -1], [0, 1]], dtype=np.int8)
    predictions = Segments.build(
        ["v", "v"], ["swim", "run"], [0.64, 0.0], [1.28, 0.5], [0.2, 0.87654]
    )
    video = RunVideo(
        GRID,
        predictions,
        (Curve("cbp", "CBP", score_TC, (0.66262, 0.33738)),),
        (Strip("cbp", "r1 CBP", label_TC),),
    )
    truth = Segments.build(["v"], ["jump"], [0.1], [0.7])
    found = build_tracks(facts(truth=truth), [material("tiny", ("swim", "run"), video)], CLASSES)
    assert found["truth"] == [[1, 0.1, 0.7]]
    assert found["chosen"] == 1
    (run,) = found["runs"]
    assert run["predictions"] == [[0, 0.0, 0.5, 0.8765], [2, 0.64, 1.28, 0.2]]
    # thousandths inside 0..1; a class that the run does not know has none
    assert run["curves"][0]["values"] == [[1000, 0], None, [250, 500]]
    assert run["strips"][0]["values"] == ["?1", None, "10"]
    assert (run["start"], run["step"], run["fps"]) == (0.0, 0.64, 25.0)
    assert run["curves"][0]["levels"] == [0.6626, 0.3374]


def test_overlapping_windows_start_where_their_snippet_speaks() -> None:
    grid = SnippetGrid(fps=30, window=16, stride=4, offset=2)
    video = RunVideo(grid, Segments.empty())
    found = build_tracks(facts(), [material("tiny", CLASSES, video)], CLASSES)
    assert found["runs"][0]["start"] == round((2 + 6) / 30, 6)
    assert found["runs"][0]["step"] == round(4 / 30, 6)


def test_two_rounds_share_their_labels() -> None:
    strip = Strip("cbp", "r1 CBP", np.array([[1, 0, -1]], dtype=np.int8))
    other = Strip("cbp", "r1 CBP", np.array([[1, 0, 1]], dtype=np.int8))

    def strips(first: Strip, second: Strip) -> list[int]:
        runs = [
            material(name, CLASSES, RunVideo(GRID, Segments.empty(), (), (one,)))
            for name, one in (("a", first), ("b", second))
        ]
        return [len(run["strips"]) for run in build_tracks(facts(), runs, CLASSES)["runs"]]

    assert strips(strip, strip) == [1, 0]
    assert strips(strip, other) == [1, 1]


def test_a_run_that_does_not_know_the_video_has_no_track() -> None:
    there = material("a", CLASSES, RunVideo(GRID, Segments.empty()))
    elsewhere = RunMaterial("b", "r1", CLASSES, False, "activitynet", {}, {})
    found = build_tracks(facts(), [elsewhere, there], CLASSES)
    assert [run["name"] for run in found["runs"]] == ["a"]
    assert found["truth"] is None


def test_silent_classes_are_left_out() -> None:
    score_TC = np.array([[0.01, 0.04, 0.01], [0.02, 0.06, 0.01]], dtype=np.float32)
    label_TC = np.array([[0, 0, 0], [0, 0, 0]], dtype=np.int8)
    names = ("zero", "loud", "named")
    video = RunVideo(
        GRID, Segments.empty(), (Curve("cbp", "CBP", score_TC),), (Strip("cbp", "r1", label_TC),)
    )
    run = RunMaterial("a", "r1", names, False, "activitynet", {"v": video}, {})
    found = build_tracks(facts(labels=("named",)), [run], ("first", *names))["runs"][0]
    assert [value is None for value in found["curves"][0]["values"]] == [True, True, False, False]
    assert found["strips"][0]["values"] == [None, None, "00", "00"]
    label_TC[1, 0] = -1
    found = build_tracks(facts(labels=("named",)), [run], ("first", *names))["runs"][0]
    assert found["strips"][0]["values"] == [None, "0?", "00", "00"]


def test_the_class_that_is_shown_first() -> None:
    column = {name: c for c, name in enumerate(CLASSES)}
    guess = Segments.build(["v", "v"], ["run", "swim"], [0, 0], [1, 1], [0.2, 0.6])
    said = [None, RunVideo(GRID, guess)]
    truth = Segments.build(["v"], ["jump"], [0], [1])
    assert choose_class(facts(truth=truth), said, column) == 1
    assert choose_class(facts(labels=("jump",), truth=Segments.empty()), said, column) == 1
    assert choose_class(facts(), said, column) == 2
    assert choose_class(facts(), [None], column) == 0


def test_names_are_written_out() -> None:
    video = VideoFacts("v\u202e", "test", 1.28)
    found = build_tracks(video, [], ("a\u200b",))
    assert (found["id"], found["classes"]) == ("v\\u202e", ["a\\u200b"])


def test_signs() -> None:
    assert label_signs(np.array([1, 0, -1, 1], dtype=np.int8)) == "10?1"
