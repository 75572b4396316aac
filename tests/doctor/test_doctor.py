"""`wtal doctor`: each thing that can be wrong is found and gets its remedy; nothing is changed."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.own_videos.folders import snapshot
from wtal_cli.main import app
from wtal_core.doctor.dvc_settings import read_dvc_settings
from wtal_core.doctor.dvc_state import check_rwlock, is_cached, look_at_dvc, read_lock
from wtal_core.doctor.environment import (
    check_device,
    check_opencv,
    check_packages,
    check_pair,
    compare_tested,
)
from wtal_core.doctor.examine import look_at_data_sets, look_at_workers
from wtal_core.doctor.item_cache import look_at_items, sort_items
from wtal_core.doctor.places import look_at_places, nearest_folder
from wtal_core.doctor.processes import is_alive
from wtal_core.errors import WtalError
from wtal_core.findings import Finding, by_weight, exit_code

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def seen(findings: object) -> list[tuple[str, str]]:
    """Level and subject of each."""
    return [(one.level, one.subject) for one in findings]  # type: ignore[attr-defined]


class TestEnvironment:
    INSTALLED = {"numpy": "2.4.6", "torch": "2.13.0+cpu", "torchvision": "0.28.0"}  # noqa: RUF012

    def test_packages(self) -> None:
        needs = [
            "numpy<3,>=2", "torch~=2.12.0", "open_clip_torch>=2",
            'pytest>=8; extra == "dev"', 'numpy>=9; python_version < "3"',
        ]  # fmt: skip
        found = list(check_packages(needs, self.INSTALLED))
        assert seen(found) == [("error", "torch"), ("error", "open_clip_torch")]
        assert "2.13.0+cpu, but ~=2.12.0 is needed" in found[0].text
        assert all("constraints.txt" in one.remedy for one in found)

    def test_names_in_any_form(self) -> None:
        assert list(check_packages(["Open_CLIP.torch>=2"], {"open-clip-torch": "3.0"})) == []

    def test_a_pair(self) -> None:
        assert list(check_pair(self.INSTALLED, ["numpy", "torch (==2.13.0)"])) == []
        (found,) = check_pair(self.INSTALLED, ["torch (==2.12.1)"])
        assert found.text == "torchvision 0.28.0 needs torch==2.12.1, torch 2.13.0+cpu is there"

    def test_one_cv2(self) -> None:
        one = {"opencv-contrib-python-headless": "5", "numpy": "2"}
        assert list(check_opencv(one)) == []
        (found,) = check_opencv({**one, "opencv-python": "5"})
        assert "pip uninstall opencv-contrib-python-headless opencv-python" in found.remedy

    def test_tested_versions(self, tmp_path: Path) -> None:
        path = tmp_path / "constraints.txt"
        path.write_text("# comment\nnumpy==2.4.6\ntorchvision==0.27\nabsent==1.0\n")
        (found,) = compare_tested(path, self.INSTALLED)
        assert (found.level, found.subject) == ("note", "1 packages")
        assert "torchvision 0.28.0 (0.27)" in found.text
        assert seen(compare_tested(tmp_path / "none", {})) == [("note", str(tmp_path / "none"))]

    def test_device(self) -> None:
        assert seen(check_device("2.13.0+cpu", gpu=True)) == [("warning", "torch")]
        for version, gpu in (("2.13.0+cpu", False), ("2.13.0", True), ("2.13.0+cu130", True)):
            assert seen(check_device(version, gpu)) == [("note", "torch")]
        assert list(check_device("", gpu=True)) == []

    def test_workers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WTAL_WORKERS", "many")
        (found,) = look_at_workers()
        assert found.level == "error"
        assert "'many'" in found.text
        assert "unset it" in found.text + found.remedy


def rwlock(**holders: int) -> str:
    """As DVC writes it: a reader and a writer."""
    read = {"/a": [{"pid": pid, "cmd": f"dvc {name}"} for name, pid in holders.items()]}
    first = next(iter(holders.items()))
    return json.dumps({"read": read, "write": {"/b": {"pid": first[1], "cmd": f"dvc {first[0]}"}}})


class TestDvc:
    @pytest.fixture
    def repository(self, tmp_path: Path) -> Path:
        (tmp_path / ".git").mkdir()
        (tmp_path / ".dvc/tmp").mkdir(parents=True)
        return tmp_path

    def test_not_the_top(self, tmp_path: Path) -> None:
        assert seen(look_at_dvc(tmp_path, tmp_path)) == [("error", str(tmp_path))]

    def test_no_git(self, tmp_path: Path) -> None:
        (tmp_path / ".dvc").mkdir()
        (found,) = look_at_dvc(tmp_path, tmp_path)
        assert (found.level, "core.no_scm" in found.remedy) == ("warning", True)

    def test_the_lock_of_a_dead_process(self, repository: Path, dead: int) -> None:
        path = repository / ".dvc/tmp/rwlock"
        path.write_text(rwlock(repro=dead, status=os.getpid()))
        found = {one.level: one for one in check_rwlock(path)}
        assert f"process {dead}, which lives no more (dvc repro)" in found["warning"].text
        assert found["warning"].remedy.endswith(f"rm {path}")
        assert f"process {os.getpid()} is at work: dvc status" in found["note"].text
        assert len(found) == 2

    @pytest.mark.parametrize(
        "text", ['{"read": {"/a": [{"pi', '{"read": 3}', '{"write": {"a": 1}}']
    )
    def test_a_damaged_lock(self, repository: Path, text: str) -> None:
        path = repository / ".dvc/tmp/rwlock"
        path.write_text(text)
        (found,) = check_rwlock(path)
        assert (found.level, "rm " in found.remedy) == ("error", True)

    def test_no_lock_no_finding(self, repository: Path) -> None:
        path = repository / ".dvc/tmp/rwlock"
        assert list(check_rwlock(path)) == []
        for text in ("", "{}", '{"read": {}, "write": {}}'):
            path.write_text(text)
            assert list(check_rwlock(path)) == []

    WHOLE = (
        "schema: '2.0'\nstages:\n  one:\n    cmd: x\n    outs:\n    - path: a.txt\n"
        f"      hash: md5\n      md5: {'1a' * 16}\n"
    )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (WHOLE.replace("  one:", "<<<<<<< HEAD\n  one:"), "merge conflict"),
            (WHOLE[:-40] + "\n   }", "damaged"),
            (WHOLE[WHOLE.index("stages") :], "`schema` is missing"),
            ("", "damaged"),
        ],
    )
    def test_a_broken_dvc_lock(self, repository: Path, text: str, said: str) -> None:
        path = repository / "dvc.lock"
        path.write_text(text)
        stages, (found,) = read_lock(path)
        assert stages == {}
        assert (found.level, said in found.text) == ("error", True)
        assert f"git checkout {path}" in found.remedy

    @pytest.mark.parametrize("lock", ["dvc.lock", "fustal/dvc.lock", "fustal/rounds/dvc.lock"])
    def test_lost_results(self, repository: Path, lock: str) -> None:
        cache = repository / "cache"
        (repository / lock).parent.mkdir(parents=True, exist_ok=True)
        (repository / lock).write_text(self.WHOLE)
        (found,) = look_at_dvc(repository, cache)
        assert "1 results are neither here nor in" in found.text
        assert "a.txt (one)" in found.text
        (repository / "a.txt").touch()
        assert list(look_at_dvc(repository, cache)) == []
        (repository / "a.txt").unlink()
        kept = cache / "files/md5/1a" / ("1a" * 15)
        kept.parent.mkdir(parents=True)
        kept.touch()
        assert list(look_at_dvc(repository, cache)) == []

    def test_a_folder_in_the_cache_is_whole_or_not(self, tmp_path: Path) -> None:
        objects = tmp_path / "files/md5"
        folder = objects / "22" / ("2" * 30 + ".dir")
        folder.parent.mkdir(parents=True)
        folder.write_text(json.dumps([{"md5": "3" * 32, "relpath": "a"}]))
        assert not is_cached("2" * 32 + ".dir", tmp_path)
        (objects / "33").mkdir()
        (objects / "33" / ("3" * 30)).touch()
        assert is_cached("2" * 32 + ".dir", tmp_path)
        folder.write_text("[{")
        assert not is_cached("2" * 32 + ".dir", tmp_path)

    def test_settings(self, repository: Path) -> None:
        assert read_dvc_settings(repository).kinds == ("reflink", "copy")
        (repository / ".dvc/config").write_text('[cache]\n    type = "hardlink,symlink"\n')
        (repository / ".dvc/config.local").write_text("[cache]\n    dir = /big/cache\n")
        found = read_dvc_settings(repository)
        assert (found.cache, found.kinds) == (Path("/big/cache"), ("hardlink", "symlink"))
        (repository / ".dvc/config").write_text("no section\n")
        with pytest.raises(WtalError, match="git checkout"):
            read_dvc_settings(repository)


class TestCaches:
    def test_halves_of_items_and_unfinished_files(self, tmp_path: Path, dead: int) -> None:
        stage = tmp_path / "flow"
        stage.mkdir()
        sizes = {"a.mkv": 1000, "a.note": 20, "b.mkv": 300, "c.note": 7}
        host = socket.gethostname()
        sizes |= {f".d.{host}.{dead}.mkv.tmp": 50, f".e.{host}.{os.getpid()}.mkv.tmp": 60}
        sizes |= {".f.elsewhere.1.mkv.tmp": 70}  # of another machine: nobody here can tell
        for name, size in sizes.items():
            (stage / name).write_bytes(bytes(size))
        whole, dead_pile, loose = sort_items(stage)
        assert (whole.count, whole.size) == (2, 1020)
        assert (dead_pile.count, dead_pile.size) == (1, 50)
        assert (loose.count, loose.size) == (2, 307)
        old = time.time() - 3 * 86400
        os.utime(stage / "b.mkv", (old, old))
        found = list(look_at_items(tmp_path))
        assert [one.level for one in found] == ["warning", "warning", "note"]
        assert "the oldest 3.0 days old" in found[1].text
        assert {path.name for path in stage.iterdir()} == set(sizes)

    def test_trainings_that_nobody_resumed(self, tmp_path: Path) -> None:
        state = tmp_path / "work/b_step/abc/epoch-3"
        state.parent.mkdir(parents=True)
        state.write_bytes(bytes(9))
        assert list(look_at_items(tmp_path)) == []
        old = time.time() - 8 * 86400
        os.utime(state, (old, old))
        assert seen(look_at_items(tmp_path)) == [("warning", str(tmp_path / "work"))]

    def test_no_cache_at_all(self, tmp_path: Path) -> None:
        assert list(look_at_items(tmp_path / "none")) == []

    def test_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place = tmp_path / "a/b"
        assert nearest_folder(place) == tmp_path
        for free, level in ((1e8, "error"), (1e9, "warning"), (1e10, "note")):
            usage = type("usage", (), {"free": free})
            monkeypatch.setattr("shutil.disk_usage", lambda _, usage=usage: usage)
            assert seen(look_at_places({"data": place})) == [(level, str(place))]
        monkeypatch.setattr("os.access", lambda *_: False)
        (found,) = look_at_places({"data": place})
        assert "may not be written to" in found.text

    def test_data_sets(self, tmp_path: Path, dead: int) -> None:
        good = tmp_path / "good"
        good.mkdir()
        facts = "i3d: {}\nclip: {}\n"
        (good / "dataset.yaml").write_text(facts)
        (tmp_path / f".bad.{dead}.tmp").mkdir()
        (good / f".labels.json.{os.getpid()}.tmp").touch()
        found = list(look_at_data_sets(tmp_path))
        assert seen(found) == [
            *(("warning", str(good / "encoders" / n)) for n in ("i3d_rgb", "i3d_flow", "clip")),
            ("warning", str(tmp_path / f".bad.{dead}.tmp")),
        ]
        assert "rm -r " in found[-1].remedy
        (good / "dataset.yaml").write_text("i3d: {batsh: 3}\nclip: {}\n")
        assert next(iter(look_at_data_sets(tmp_path))).level == "error"


def test_who_lives(dead: int) -> None:
    assert is_alive(os.getpid())
    assert not is_alive(dead)
    assert not is_alive(2**40)


def test_levels_and_exit_codes() -> None:
    note, warning, error = (Finding(level, "", "x", "y") for level in ("note", "warning", "error"))
    assert by_weight([note, warning, error, note]) == [error, warning, note, note]
    assert [exit_code(found) for found in ([], [note], [warning], [note, error])] == [0, 0, 0, 2]
    assert [exit_code(found, True) for found in ([note], [warning], [warning, error])] == [0, 1, 2]
    with pytest.raises(ValueError, match="level is one of"):
        Finding("fatal", "", "x", "y")  # type: ignore[arg-type]


class TestCommand:
    @pytest.fixture
    def checkout(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / ".git").mkdir()
        (tmp_path / ".dvc/tmp").mkdir(parents=True)
        (tmp_path / "data").mkdir()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
        return tmp_path

    def test_a_healthy_checkout(self, checkout: Path) -> None:
        before = snapshot(checkout)
        ran = CliRunner().invoke(app, ["doctor", "--json", "-"])
        tree = json.loads(ran.stdout)
        errors = [one for one in tree["findings"] if one["level"] == "error"]
        assert (ran.exit_code, tree["exit_code"], errors) == (0, 0, [])
        assert {"Python", "torch", "PyAV", "workers"} <= {o["subject"] for o in tree["findings"]}
        assert snapshot(checkout) == before

    def test_errors_come_first_and_decide(self, checkout: Path) -> None:
        (checkout / ".dvc/tmp/rwlock").write_text('{"read"')
        ran = CliRunner().invoke(app, ["doctor", "--json", "out.json"])
        assert ran.exit_code == 2
        assert ran.stdout.startswith("error .dvc/tmp/rwlock: damaged")
        assert json.loads(Path("out.json").read_text())["exit_code"] == 2

    def test_a_warning_counts_when_asked(self, checkout: Path, dead: int) -> None:
        (checkout / ".dvc/tmp/rwlock").write_text(rwlock(repro=dead))
        assert CliRunner().invoke(app, ["doctor"]).exit_code == 0
        assert CliRunner().invoke(app, ["doctor", "--strict"]).exit_code == 1

    def test_it_is_quick_and_loads_no_torch(self, checkout: Path) -> None:
        code = (
            "import sys\nsys.argv = ['wtal', 'doctor']\nfrom wtal_cli.main import app\n"
            "try:\n    app()\nfinally:\n    print('torch' in sys.modules, 'cv2' in sys.modules)"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment,
            timeout=300,
        )  # fmt: skip
        assert ran.stdout.splitlines()[-1] == "False False", ran.stdout + ran.stderr
