"""Ids, the split, spelling and thresholds: by hand, and their promises for any input."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.own_videos.folders import HOSTILE, add_files
from wtal_core.errors import WtalError
from wtal_core.own_videos.identity import file_name, make_id
from wtal_core.own_videos.outline import Choices, Outline, make_outline, used_videos
from wtal_core.own_videos.spelling import find_misspelt, nearest
from wtal_core.own_videos.split import KEEP, choose_test
from wtal_core.own_videos.tags import Tag, Tags
from wtal_core.own_videos.thresholds import advise_thresholds
from wtal_core.own_videos.video_files import find_videos
from wtal_core.sources import _is_file_name


class TestIds:
    def test_by_hand(self) -> None:
        found = make_id("matches/final (1).mp4", "0" * 64)
        assert found.rpartition("-")[0] == "matches-final_1"
        assert len(found.rpartition("-")[2]) == 10
        assert file_name(found, "matches/final (1).MP4") == f"{found}.mp4"

    def test_equal_stems_differ(self) -> None:
        names = ["a/x.mp4", "b/x.mp4", "a-x.mp4", "a/x.avi", "a/X.mp4", "a_x.mp4"]
        ids = [make_id(name, "0" * 64) for name in names]
        assert len({one.lower() for one in ids}) == len(names)

    def test_another_content_is_another_video(self) -> None:
        assert make_id("a.mp4", "0" * 64) != make_id("a.mp4", "1" * 64)

    @pytest.mark.parametrize("name", [*HOSTILE, ".mp4", "\udcff.mp4", "x/…/.mkv"])
    def test_any_name_gives_an_id_that_stages_accept(self, name: str) -> None:
        found = make_id(name, "ab" * 32)
        assert _is_file_name(found)
        assert not set("<>\"'$`;&|\\ \n\u202e=") & set(found)
        assert found[0] not in "-."
        assert len(file_name(found, name).encode()) < 120


@st.composite
def tagged(draw: st.DrawFn) -> tuple[dict[str, tuple[str, ...]], dict[str, str], float]:
    """Videos with one or two of four labels, contents some of which are equal, and a share."""
    count = draw(st.integers(1, 30))
    label = st.lists(st.sampled_from("ABCD"), min_size=1, max_size=2, unique=True)
    labels = {f"v{n}": tuple(draw(label)) for n in range(count)}
    content = st.integers(0, 40)
    sha256 = {video: f"{draw(content):064x}" for video in labels}
    return labels, sha256, draw(st.floats(0, 0.9))


class TestSplit:
    def test_by_hand(self) -> None:
        labels = {name: ("A",) if name < "d" else ("B",) for name in "abcdefg"}
        # by content: g a b c d e f. Three of A: one may go. Four of B: two may, 3 of 7 are wanted.
        sha256 = {name: str(n) for n, name in enumerate("gabcdef")}
        assert choose_test(labels, sha256, 3 / 7) == {"g", "a", "d"}
        assert choose_test(labels, sha256, 1 / 7) == {"g"}
        assert choose_test(labels, sha256, 0.0) == set()
        assert choose_test(labels, sha256, 0.01) == {"g"}  # a share is never no video
        # two more of A that train anyhow
        assert choose_test(labels, sha256, 3 / 7, [("A",), ("A",)]) == {"g", "a", "b"}

    def test_twins_stay_together(self) -> None:
        labels = dict.fromkeys("abcdef", ("A",))
        sha256 = dict(zip("abcdef", "011223", strict=True))
        assert choose_test(labels, sha256, 0.5) == {"a", "b", "c"}
        assert choose_test(labels, sha256, 0.33) == {"a", "f"}  # b and c would be one too many

    @given(tagged())
    def test_promises(self, case: tuple[dict[str, tuple[str, ...]], dict[str, str], float]) -> None:
        labels, sha256, share = case
        tested = choose_test(labels, sha256, share)
        assert len(tested) <= max(1, round(share * len(labels)))
        before = Counter(name for names in labels.values() for name in names)
        after = Counter(name for v, names in labels.items() if v not in tested for name in names)
        assert all(after[name] >= min(KEEP, before[name]) for name in before)
        for a in labels:
            for b in labels:
                if sha256[a] == sha256[b]:
                    assert (a in tested) == (b in tested)
        turned = dict(reversed(labels.items()))
        if len(set(sha256.values())) == len(labels):
            assert choose_test(turned, sha256, share) == tested


class TestSpelling:
    def test_case_and_signs(self) -> None:
        assert find_misspelt({"LongJump": 3, "long jump": 3, "HighJump": 3}) == [
            ("long jump", "LongJump")
        ]

    def test_a_rare_neighbour(self) -> None:
        assert find_misspelt({"PoleVault": 9, "PoleVaullt": 1}) == [("PoleVaullt", "PoleVault")]
        assert find_misspelt({"PoleVault": 9, "PoleVaullt": 4}) == []

    def test_numbers_are_meant(self) -> None:
        assert find_misspelt({"Making tea step 1": 9, "Making tea step 2": 1}) == []

    def test_classes_of_the_demo_do_not_resemble_each_other(self) -> None:
        names = ["KiteSpin", "KiteWhirl", "DrumSpin", "DrumWhirl", "HighJump", "LongJump"]
        assert find_misspelt({name: 1 + 9 * (n % 2) for n, name in enumerate(names)}) == []

    def test_nearest(self) -> None:
        assert nearest("pole-valt", ["LongJump", "PoleVault"]) == "PoleVault"
        assert nearest("swim", ["LongJump", "PoleVault"]) is None


def test_thresholds_of_few_classes() -> None:
    # half-way through: chance .5, plus (.3 - .05) / .95 of the other half, rounded up
    assert advise_thresholds(2, 0.1) == (0.64, 0.53)
    assert advise_thresholds(5, 0.1) == (0.42, 0.25)
    assert advise_thresholds(10, 0.1) == (0.34, 0.15)
    assert advise_thresholds(11, 0.1) is None
    assert advise_thresholds(5, 0.25) is None
    for classes in range(2, 11):
        high, low = advise_thresholds(classes, 0.1) or (0.0, 0.0)
        assert 1 / classes < low < high < 1


SEVEN = tuple("abcdefg")


def outline(
    folder: Path, tags: Tags, choices: Choices | None = None, names: tuple[str, ...] = SEVEN
) -> Outline:
    videos = find_videos(add_files(folder, [f"{name}.mp4" for name in names]))
    chosen = choices or Choices()
    used = used_videos(videos, tags, chosen)
    sha256 = {video: f"{n:064x}" for n, video in enumerate(used)}
    return make_outline(used, tags, sha256, chosen)


def some(**labels: str) -> Tags:
    """`a="AB"`: a.mp4 has the labels A and B."""
    return Tags(tuple(Tag(f"{k}.mp4", tuple(v), "", f"line of {k}") for k, v in labels.items()))


ALL = some(a="A", b="AB", c="B", d="A", e="B", f="A", g="B")


class TestOutline:
    def test_test_videos_lose_their_labels(self, tmp_path: Path) -> None:
        found = outline(tmp_path, ALL)
        assert found.classes == ("A", "B")
        assert [(one.source, one.labels) for one in found.subset("test")] == [("a.mp4", ())]
        assert {one.source: one.labels for one in found.subset("train")}["b.mp4"] == ("A", "B")
        assert "1 of 7" in found.rule
        assert found.findings == ()

    def test_untagged_videos_must_be_decided(self, tmp_path: Path) -> None:
        tags = some(a="A", b="AB", c="B", d="A", e="", f="AB")
        with pytest.raises(WtalError, match=r"2 of 7 videos .* have no label.*\n  e.mp4\n  g.mp4"):
            outline(tmp_path, tags)
        tested = outline(tmp_path, tags, Choices(untagged="test"))
        # there are test videos, so nobody else is taken
        assert {one.source for one in tested.subset("test")} == {"e.mp4", "g.mp4"}
        skipped = outline(tmp_path, tags, Choices(untagged="skip"))
        assert {one.source for one in skipped.entries} == {f"{n}.mp4" for n in "abcdf"}

    def test_tags_without_a_video_must_be_decided(self, tmp_path: Path) -> None:
        tags = Tags(ALL.tags, absent=("tags.csv, line 9: z.mp4",))
        with pytest.raises(
            WtalError, match=r"1 tagged videos are not in[^\n]*\n  tags.csv, line 9"
        ):
            outline(tmp_path, tags)
        (said,) = outline(tmp_path, tags, Choices(absent="skip")).findings
        assert (said.code, said.subject) == ("W221", "tags.csv, line 9: z.mp4")

    def test_a_given_subset_holds(self, tmp_path: Path) -> None:
        tags = Tags(tuple(
            Tag(tag.video, tag.labels, "test" if tag.video in ("c.mp4", "f.mp4") else "train", "")
            for tag in ALL.tags
        ))  # fmt: skip
        found = outline(tmp_path, tags)
        assert {one.source for one in found.subset("test")} == {"c.mp4", "f.mp4"}

    def test_classes_that_nobody_could_learn(self, tmp_path: Path) -> None:
        with pytest.raises(WtalError, match=r"one class in all, 'A'"):
            outline(tmp_path, some(**dict.fromkeys(SEVEN, "A")))
        tags = Tags(ALL.tags, classes=("A", "B", "C"))
        with pytest.raises(WtalError, match=r"1 classes have no training video[^\n]*\n  C$"):
            outline(tmp_path, tags)
        with pytest.raises(WtalError, match=r"B \(did you mean Bb\?\)"):
            outline(tmp_path, Tags(ALL.tags, classes=("A", "Bb")))

    def test_too_few_videos_to_test_any(self, tmp_path: Path) -> None:
        with pytest.raises(WtalError, match="no video is left to test"):
            outline(tmp_path, some(a="A", b="B", c="A", d="B"), names=tuple("abcd"))

    def test_nothing_tagged(self, tmp_path: Path) -> None:
        with pytest.raises(WtalError, match="not one of its 7 videos has a label"):
            outline(tmp_path, Tags(()))

    def test_a_training_video_without_labels(self, tmp_path: Path) -> None:
        tags = Tags((*ALL.tags[:-1], Tag("g.mp4", (), "train", "line of g")))
        with pytest.raises(WtalError, match=r"line of g: g\.mp4 is to train but has no"):
            outline(tmp_path, tags, Choices(untagged="test"))

    def test_doubts_are_said(self, tmp_path: Path) -> None:
        words = {"a": "Kite", "b": "Kite", "c": "kite", "d": "Drum", "e": "Drum", "f": "Drum"}
        tags = Tags(tuple(Tag(f"{k}.mp4", (v,), "", k) for k, v in words.items()))
        videos = find_videos(add_files(tmp_path, [f"{name}.mp4" for name in "abcdef"]))
        sha256 = dict.fromkeys(["a.mp4", "b.mp4"], "0" * 64) | {
            f"{name}.mp4": f"{n:064x}" for n, name in enumerate("cdef", start=1)
        }
        found = make_outline(used_videos(videos, tags, Choices()), tags, sha256, Choices())
        assert [(f.code, f.subject) for f in found.findings] == [
            ("W210", "a.mp4, b.mp4"),
            ("W220", "kite"),
        ]
        assert "did you mean Kite (2 videos)" in found.findings[1].text

    @pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
    def test_an_impossible_share(self, share: float) -> None:
        with pytest.raises(WtalError, match="--test-share"):
            Choices(test_share=share)
