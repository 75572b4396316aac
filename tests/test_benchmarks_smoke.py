"""`python -m benchmarks`: each benchmark runs, its results are right, and the table has them.

No figure is looked at: a smoke run measures nothing.
"""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, Benchmark, main
from benchmarks.harness import Row, plot, read_rows, take_turns, times_faster, write
from benchmarks.overview import write_overview
from tests.closure import ROOT

NAMES = [one.name for one in BENCHMARKS]
FAST = Row("it", "that", target=4, measured=5, accuracy="the same", accurate=True, limit="6 GB/s")
WRONG = Row("other", "that", target=4, measured=50, accuracy="far off", accurate=False)
SLOW = Row("third", "that", target=95, measured=94, accuracy="the same", accurate=True, unit=" %")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of every benchmark's smoke run."""
    folder = tmp_path_factory.mktemp("smoke")
    assert main(["--smoke", "--out", str(folder)]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.xdist_group("benchmarks")
@pytest.mark.parametrize("one", BENCHMARKS, ids=NAMES)
def test_each_runs_and_is_right(smoke: Path, one: Benchmark) -> None:
    target = smoke / one.files
    tree = json.loads(target.with_suffix(".json").read_text())
    assert tree["machine"]
    rows = read_rows(target.with_suffix(".json"))
    assert all(row.accurate for row in rows), [row.accuracy for row in rows]
    assert all(row.measured > 0 or row.most for row in rows)
    page = target.with_suffix(".md").read_text()
    assert page.startswith("# ")
    assert f"`python -m benchmarks.{one.name}`" in page
    assert target.with_suffix(".svg").is_file() or not rows
    table = (smoke / "README.md").read_text()
    assert table.count(f"]({one.files}.md)") == len(rows)


@pytest.mark.slow
@pytest.mark.xdist_group("benchmarks")
def test_what_smoke_runs_find_equal(smoke: Path) -> None:
    """Where a smoke run has no target, its figures still tell whether results are right."""
    evaluation = json.loads((smoke / "evaluate.json").read_text())
    there = importlib.util.find_spec("pandas") is not None
    assert set(evaluation["ways"]) == ({"table", "loop"} if there else {"loop"})
    assert all(way["ap_gap"] < 1e-12 for way in evaluation["ways"].values())
    nms = json.loads((smoke / "nms.json").read_text())
    assert {"ours", "numpy"} <= set(nms["ways"])
    assert all(way["same_picks"] and way["score_apart"] < 1e-12 for way in nms["ways"].values())
    store = json.loads((smoke / "store.json").read_text())
    assert all(way["equal"] for way in store["ways"].values())
    assert store["ways"]["numpy"]["files"] == store["videos"] == 5


def test_a_wrong_name_and_a_smoke_run_into_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "nms,magic"])
    assert "no benchmark magic; there are flow," in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--smoke"])
    assert "name a folder with --out" in capsys.readouterr().err


def test_one_that_fails_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = [
        type(BENCHMARKS[0])(name, 0.5, wants=("no_such_package",)) for name in ("no_a", "no_b")
    ]
    monkeypatch.setattr("benchmarks.__main__.BENCHMARKS", tuple(broken))
    assert main(["--out", str(tmp_path)]) == 2
    told = capfd.readouterr().err
    assert "[1/2] no_a: about 0.5 min, 1 min in all to go" in told
    assert "[2/2] no_b: about 0.5 min, 0.5 min in all to go" in told
    assert told.count("no_such_package is missing") == 2
    assert told.endswith("failed: no_a, no_b\n")
    assert "Without figures for a target: no_a, no_b." in (tmp_path / "README.md").read_text()


def test_the_table(tmp_path: Path) -> None:
    write(tmp_path, "a", {"figure": 1.5}, [FAST, WRONG], ["# A"])
    write(tmp_path, "b", {}, [SLOW], ["# B"])
    write(tmp_path, "c", {}, [], ["# C"])
    (tmp_path / "d.json").write_text("{}")
    page = write_overview(tmp_path, ["a", "b", "c", "d", "e"]).read_text()
    assert "1 of 3 targets reached" in page
    assert "| [it](a.md) | that | 4x | 5x | yes | the same | 6 GB/s |" in page
    assert "| **[other](a.md)** | that | 4x | 50x | no | far off | – |" in page
    assert "| **[third](b.md)** | that | 95 % | 94 % | no | the same | – |" in page
    assert "Without figures for a target: c, d, e." in page
    assert page.rstrip().endswith(": a, b, c.")  # on this machine
    assert (tmp_path / "overview.svg").is_file()
    assert read_rows(tmp_path / "a.json") == [FAST, WRONG]
    assert json.loads((tmp_path / "a.json").read_text())["figure"] == 1.5
    assert not (tmp_path / "c.svg").exists()
    assert "](c.svg)" not in (tmp_path / "c.md").read_text()


def test_a_target_that_is_a_limit(tmp_path: Path) -> None:
    row = Row("gap", "that", target=0.5, measured=0.25, accuracy="", accurate=True, most=True,
              unit=" points")  # fmt: skip
    assert row.reached
    assert row.share == 2
    assert replace(row, measured=0.5).reached
    assert not replace(row, measured=0.51).reached
    assert not replace(row, accurate=False).reached
    assert replace(row, measured=0.0).share == 10
    write(tmp_path, "a", {}, [row, FAST], ["# A"])
    assert read_rows(tmp_path / "a.json") == [row, FAST]
    page = write_overview(tmp_path, ["a"]).read_text()
    assert "| that | ≤ 0.5 points | 0.25 points | yes |" in page
    picture = (tmp_path / "a.svg").read_text()
    for text in ("0.25 points, target ≤ 0.5 points", "5x, target 4x"):
        assert f">{text}<" in picture


def test_the_same_rows_make_the_same_picture(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        plot([FAST, WRONG, SLOW], tmp_path / folder / "p.svg")
    first, second = ((tmp_path / folder / "p.svg").read_text() for folder in ("x", "y"))
    assert first == second
    for text in ("it", "other", "third", "94 %, target 95 %"):
        assert f">{text}<" in first


def test_ways_take_turns() -> None:
    seen: list[str] = []
    now = [0.0]

    def way(name: str, seconds: float) -> None:
        seen.append(name)
        now[0] += seconds * len(seen)

    ways = {"a": lambda: way("a", 2), "b": lambda: way("b", 1)}
    taken = take_turns(ways, 2, clock=lambda: now[0])
    assert "".join(seen) == "ababab"
    assert taken == {"a": [6, 10], "b": [4, 6]}  # the first turn is not counted
    assert times_faster(taken["a"], taken["b"]) == 1.58  # median of 1.5 and 1.667


def test_every_benchmark_that_has_a_target_is_run_by_bench() -> None:
    """A file in benchmarks/ with `--smoke` and results of its own stands in the list."""
    own = {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if "from benchmarks.harness import" in (text := path.read_text(encoding="utf-8"))
        and "def main(" in text
    }
    assert own - {"__main__"} <= set(NAMES)
