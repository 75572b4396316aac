"""Copies of results, and disks that are too small."""

from collections import namedtuple
from pathlib import Path

import pytest

from wtal_core.planning import room
from wtal_core.planning.estimate import Cost
from wtal_core.planning.room import Places, count_copies, find_places, find_shortages, needed_bytes

Usage = namedtuple("Usage", "total used free")
COSTS = [
    Cost("frames", out_bytes=100, item_bytes=90, scratch_bytes=7),
    Cost("warm_up", out_bytes=10, scratch_bytes=30),
]


def places(folder: Path, linked: str) -> Places:
    return Places(folder / "data", folder / "cache", folder / "items", linked)


@pytest.mark.parametrize(
    ("linked", "expected"),
    [("copy", (110, 110, 120)), ("hardlink", (0, 110, 120)), ("reflink", (0, 110, 30))],
)
def test_bytes_in_each_place(tmp_path: Path, linked: str, expected: tuple[int, ...]) -> None:
    needed = needed_bytes(COSTS, places(tmp_path, linked))
    assert tuple(needed.values()) == expected  # of scratch the most at a time
    assert list(needed) == ["data", "dvc_cache", "items"]
    assert set(count_copies(places(tmp_path, linked))) == set(needed)


def test_places_of_one_disk_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = places(tmp_path, "copy")
    needed = {"data": 40.0, "dvc_cache": 50.0, "items": 60.0}
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: Usage(999, 0, 149))
    (short,) = find_shortages(needed, here)
    assert (short.needed, short.free, short.place) == (150.0, 149, tmp_path / "data")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: Usage(999, 0, 150))
    assert find_shortages(needed, here) == []


def test_each_disk_is_asked_for_its_own_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = places(tmp_path, "copy")
    monkeypatch.setattr(room, "_device", lambda path: 2 if path == here.items else 1)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: Usage(999, 0, 100))
    needed = {"data": 40.0, "dvc_cache": 60.0, "items": 101.0}
    (short,) = find_shortages(needed, here)
    assert (short.needed, short.place) == (101.0, here.items)


def test_dvc_is_asked_where_and_how_it_keeps_things(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    config = tmp_path / ".dvc" / "config"
    config.write_text("[core]\n    analytics = false\n")
    found = find_places(tmp_path, tmp_path / "data", tmp_path / "items")
    assert found.dvc_cache == tmp_path / ".dvc" / "cache"
    assert found.linked in ("copy", "reflink")
    config.write_text(f'[cache]\n    dir = {tmp_path}/else\n    type = "hardlink,symlink"\n')
    found = find_places(tmp_path, tmp_path / "data", tmp_path / "items")
    assert (found.dvc_cache, found.linked) == (tmp_path / "else", "hardlink")
    (tmp_path / ".dvc" / "config.local").write_text("[cache]\n    type = symlink\n")
    assert find_places(tmp_path, tmp_path, tmp_path).linked == "symlink"
