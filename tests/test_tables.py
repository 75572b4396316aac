"""Small result files: exact bytes, and what is refused."""

from pathlib import Path

import pytest

from wtal_core.tables import write_csv, write_json


def test_json_is_flat_and_rounded(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "m.json", {"map@0.5": 0.12345678, "rounds": 2})
    text = (tmp_path / "new" / "m.json").read_text()
    assert text == '{\n "map@0.5": 0.123457,\n "rounds": 2\n}\n'


def test_csv_leaves_missing_values_blank(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", ["a", "b", "c"], [["x, y", 1 / 3, None], [7, float("nan"), 0.0]])
    assert (tmp_path / "t.csv").read_text() == 'a,b,c\n"x, y",0.333333,\n7,,0.0\n'


def test_a_number_that_is_none_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert path.read_text() == '{\n "a": 1\n}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["m.json"]
