"""A study's page and pictures from made-up results."""

import re
import struct

import pytest

from wtal_core.schema.study import Claim, Entry, Row, StudyParams, Table
from wtal_core.study.plots import draw_all
from wtal_core.study.report import Heading, Results, cell, escape, name_metric, signed, write_page

ENTRIES = (
    Entry("before", "one", "r0"),
    Entry("after | r3", "one", "r3"),
    Entry("clip_$x$", "one", "r0", branch="vlp"),
)
METRICS = ("map_avg_0.1-0.7", "fg_miou", "min_miou")
STUDY = StudyParams(
    (0, 5),
    {"one": Row(rounds=3)},
    (
        Table(
            "Gains <1>",
            "Does it *help*?",
            METRICS,
            ENTRIES,
            (Claim("it gains", "after | r3", "before", METRICS[0], 2.0),),
        ),
    ),
    resamples=50,
)
CLAIM = {
    "table": "Gains <1>", "says": "it gains", "metric": METRICS[0], "better": "after | r3",
    "worse": "before", "at_least": "2.0", "difference": "30.04", "over_seeds": "1.25",
    "low": "24.96", "high": "35.0", "verdict": "holds",
}  # fmt: skip


def make_results(**claim: str) -> Results:
    """mAP of round n: 0.4 + n / 10, less 0.02 with seed 5; fg below bg for CBP, above for VLP."""
    values = {}
    for seed, less in ((0, 0.0), (5, 0.02)):
        for n in range(4):
            miou = {"fg_miou_cbp": 0.3 + n / 10, "bg_miou_cbp": 0.6 + n / 10}
            clip = {"fg_miou_vlp": 0.9 - less, "bg_miou_vlp": 0.5}
            values["one", seed, f"r{n}"] = {METRICS[0]: 0.4 + n / 10 - less} | miou | clip
    return Results(values, [CLAIM | claim])


def heading(synthetic: bool = True) -> Heading:
    return Heading("w2", "world", synthetic, "a/study.yaml")


def page(results: Results, synthetic: bool = True) -> str:
    return write_page(STUDY, results, heading(synthetic), ["claims.png"])


def test_the_first_line_says_what_world_it_is() -> None:
    assert "synthetic world" in page(make_results()).splitlines()[0]
    assert "synthetic" not in page(make_results(), synthetic=False)


def test_a_table_by_hand() -> None:
    """0.4 and 0.38: mean 39, deviation 0.02 / sqrt(2); the best of each column is bold."""
    lines = page(make_results()).splitlines()
    start = lines.index("|  | mAP .1:.7 | foreground mIoU | smaller mIoU |")
    assert lines[start + 2 : start + 5] == [
        "| before | 39.0 ± 1.4 | 30.0 ± 0.0 | 30.0 ± 0.0 |",
        r"| after \| r3 | **69.0 ± 1.4** | 60.0 ± 0.0 | **60.0 ± 0.0** |",
        r"| clip\_\$x\$ | 39.0 ± 1.4 | **89.0 ± 1.4** | 50.0 ± 0.0 |",
    ]


@pytest.mark.parametrize(
    ("claim", "words", "summed_up"),
    [
        ({}, "holds (above 2)", "holds 1, does not hold 0, not decided 0"),
        (
            {"verdict": "fails", "difference": "-30.04", "low": "-35", "high": "1"},
            "**does not hold** (below 2)",
            "holds 0, does not hold 1, not decided 0",
        ),
        (
            {"verdict": "open", "low": "-1.0"},
            "not decided (the interval does not lie on one side of 2)",
            "holds 0, does not hold 0, not decided 1",
        ),
    ],
)
def test_a_claim_in_words(claim: dict[str, str], words: str, summed_up: str) -> None:
    written = page(make_results(**claim))
    assert f"- it gains: {words}. mAP .1:.7: " in written
    assert f"Of 1 claim: {summed_up}." in written
    shown = CLAIM | claim
    numbers = f"{signed(shown['difference'])} | [{signed(shown['low'])}, {signed(shown['high'])}]"
    assert f"| Gains \\<1\\> | it gains | {numbers} | > 2 | " in written


def test_numbers_have_one_digit_and_a_sign() -> None:
    assert [signed(text) for text in ("30.04", "-0.26", "")] == ["+30.0", "-0.3", "–"]
    assert "+30.0 [+25.0, +35.0], ± 1.2 over the seeds." in page(make_results())


def test_a_value_that_does_not_exist_is_a_dash_and_never_the_best() -> None:
    results = make_results()
    del results.values["one", 5, "r0"]["fg_miou_vlp"]  # type: ignore[attr-defined]
    assert str(cell(results, ENTRIES[2], "fg_miou", STUDY.seeds)) == "–"
    assert r"| clip\_\$x\$ | 39.0 ± 1.4 | – | – |" in page(results)
    assert "**60.0 ± 0.0** | **60.0 ± 0.0**" in page(results)
    assert str(cell(results, ENTRIES[0], "fg_miou", (0,))) == "30.0 ± 0.0"


def test_labels_are_no_markup() -> None:
    text = "a_b *c* <br> `x` | [y](z) \\ # ~ &amp;\nnext"
    written = escape(text)
    assert re.sub(r"\\(.)", r"\1", written) == text.replace("\n", " ")
    assert not re.search(r"(?<!\\)[`*_<>|\[\]#~&]", written.replace("\\\\", ""))


def test_names_of_metrics() -> None:
    names = {"map@0.55": "mAP@.55", "map_avg_0.5-0.95": "mAP .5:.95", "bg_miou": "background mIoU"}
    assert {key: name_metric(key) for key in names} == names


def test_pictures_follow_the_results_alone() -> None:
    pictures = draw_all(STUDY, make_results(), "world")
    assert list(pictures) == ["claims.png", "rounds.png", "complementarity.png"]
    assert draw_all(STUDY, make_results(), "world") == pictures
    for content in pictures.values():
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">I", content[16:20])[0] > 800  # pixels across
        assert b"Software" not in content
    other = draw_all(STUDY, make_results(low="21.0"), "world")
    assert [name for name in pictures if other[name] != pictures[name]] == ["claims.png"]
    moved = make_results()
    moved.values["one", 0, "r2"][METRICS[0]] += 0.1  # type: ignore[index]
    other = draw_all(STUDY, moved, "world")
    assert [name for name in pictures if other[name] != pictures[name]] == ["rounds.png"]


def test_a_claim_without_a_value_can_be_drawn() -> None:
    blank = make_results(low="", high="", difference="", verdict="open")
    pictures = [draw_all(STUDY, one, "w")["claims.png"] for one in (blank, make_results())]
    assert pictures[0] != pictures[1]
    assert "– [–, –]" in page(blank)


def test_only_what_the_study_has_is_drawn() -> None:
    short = StudyParams((0,), {"one": Row(rounds=1)}, (Table("T", "Q", METRICS[:1], ENTRIES[:1]),))
    assert draw_all(short, Results(make_results().values, []), "w") == {}
    assert "## Claims" not in write_page(short, Results(make_results().values, []), heading(), [])
