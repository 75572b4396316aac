"""What study.yaml may ask for."""

import pytest

from stages.parts.study_file import read_study
from tests.closure import ROOT
from wtal_core.schema.study import Claim, Entry, Row, StudyParams, Table

ENTRIES = (Entry("a", "one", "r0"), Entry("b", "one", "r2"))


def test_runs_are_every_row_seed_and_round() -> None:
    study = StudyParams((0, 7), {"one": Row(rounds=2), "two": Row(rounds=0)}, ())
    assert len(study.runs()) == 2 * 3 + 2 * 1
    assert study.runs()[3:7] == [
        ("one", 7, "r0"), ("one", 7, "r1"), ("one", 7, "r2"), ("two", 0, "r0"),
    ]  # fmt: skip


def test_tables_show_rounds_that_rows_make() -> None:
    table = Table("T", "Q", ("map@0.5",), ENTRIES)
    StudyParams((0,), {"one": Row(rounds=2)}, (table,))
    for rows in ({"one": Row(rounds=1)}, {"two": Row(rounds=2)}):
        with pytest.raises(ValueError, match=r"'b' shows one r2|'a' shows one r0"):
            StudyParams((0,), rows, (table,))


@pytest.mark.parametrize("labels", [("a", "c"), ("c", "b")])
def test_claims_compare_lines_of_their_table(labels: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"'c', which is no line"):
        Table("T", "Q", ("map@0.5",), ENTRIES, (Claim("it helps", *labels, "map@0.5"),))


def test_lines_differ() -> None:
    with pytest.raises(ValueError, match=r"'b' twice"):
        Claim("it helps", "b", "b", "map@0.5")
    with pytest.raises(ValueError, match=r"same label"):
        Table("T", "Q", ("map@0.5",), (ENTRIES[0], Entry("a", "two", "r1")))


@pytest.mark.parametrize(
    ("seeds", "resamples"), [((), 9), ((1, 2, 1), 9), ((1,), 0)], ids=["none", "twice", "resamples"]
)
def test_seeds_and_resamples(seeds: tuple[int, ...], resamples: int) -> None:
    with pytest.raises(ValueError, match=r"seeds must differ|resamples must be at least 1, got 0"):
        StudyParams(seeds, {}, (), resamples)


@pytest.mark.parametrize("key", ["loss", "loss.kd.weight", "Loss.kd", ".kd"])
def test_rows_set_a_key_of_a_section(key: str) -> None:
    with pytest.raises(ValueError, match=r"set takes keys like"):
        Row({key: 1})


@pytest.mark.parametrize("student", ["r2", "r-1", "generator"])
def test_a_student_learns_from_the_generator_or_a_round_of_the_row(student: str) -> None:
    assert Row(rounds=1, student="r1").results == ("r0", "r1", "student")
    assert Row(rounds=0, student="fustal").results == ("r0", "generator", "student")
    with pytest.raises(ValueError, match=rf"student is one of fustal, r0, r1, got '{student}'"):
        Row(rounds=1, student=student)


def test_our_own_study_can_be_read() -> None:
    study = read_study(ROOT / "data/study/study.yaml")
    assert len(study.seeds) >= 3
    shown = {entry.row for table in study.tables for entry in table.entries}
    assert shown == set(study.rows), "a row that no table shows is trained for nothing"
