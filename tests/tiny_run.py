"""A clone of the working tree whose world is tiny, and the pipeline in it as a user runs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TINY: dict[str, dict[str, Any]] = {
    "world": {
        "classes": 4, "train_videos": 6, "test_videos": 3, "min_length_s": 16.0,
        "max_length_s": 18.0, "clips_per_motion": 3, "images": 200,
    },
    # Weights that have seen so little score every class alike: stretched, they still make labels.
    "pseudo_labels": {"minmax": True},
    "pretrain_i3d": {"epochs": 1},
    "pretrain_clip": {"epochs": 1},
    "warm_up": {"epochs": 20, "lr": 0.001},
    "b_step": {"epochs": 30, "lr": 0.003},
    "f_step": {"epochs": 20, "lr": 0.001},
}  # fmt: skip


@dataclass(frozen=True)
class Clone:
    """A repository of its own at `root`, with its own DVC cache and item cache."""

    root: Path
    workers: int

    @classmethod
    def make(cls, root: Path, workers: int, source: Path = ROOT) -> "Clone":
        """Copy what `source`'s git knows or would not ignore, but no results; shrink the world."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=source, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            left_behind = name.startswith("results/") or Path(name).name == "dvc.lock"
            if (source / name).is_file() and not left_behind:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, root / name)
        clone = cls(root, workers)
        for section, values in TINY.items():
            clone.set_params(section, **values)
        for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "tiny"]):
            subprocess.run(["git", *words], cwd=root, check=True, env=clone.environment)
        return clone

    @property
    def environment(self) -> dict[str, str]:
        """The machine's, with this interpreter's commands first and nobody's git or DVC habits."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WTAL_", "GIT_", "DVC_"))}
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": "",  # `python -m` finds the clone's own packages in its current folder
            "OMP_NUM_THREADS": "1",
            "WTAL_WORKERS": str(self.workers),
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_NAME": "tiny" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "tiny@example.org" for who in ("AUTHOR", "COMMITTER")},
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(self.root / ".dvc" / "tmp" / "nobody"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.root / ".dvc" / "tmp" / "nobody"),
            "DVC_SITE_CACHE_DIR": str(self.root / ".dvc" / "tmp" / "site"),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `python WORDS` in the clone, as the leader of its own process group."""
        return subprocess.Popen(
            [sys.executable, *words], cwd=self.root, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str, code: int = 0) -> str:
        """What `python WORDS` prints; it must end with `code`."""
        process = self.start(*words)
        output, _ = process.communicate()
        assert process.returncode == code, output
        return output

    def repro(self, *targets: str) -> list[str]:
        """`dvc repro`: the stages that ran, in order."""
        return stages_in(self.run("-m", "dvc", "repro", *targets))

    def interrupt(
        self, kind: signal.Signals, when: Callable[[], bool], target: str
    ) -> tuple[int, str]:
        """Start `dvc repro TARGET`, send its process group a signal as soon as `when()`.

        Returns the exit code and the output. The target is what makes its stage the last to run.
        """
        process = self.start("-m", "dvc", "repro", target)
        while not when():
            assert process.poll() is None, f"over too early: {process.communicate()[0]}"
            time.sleep(0.005)
        os.killpg(process.pid, kind)
        output, _ = process.communicate()
        return process.returncode, output

    def set_params(self, section: str, **values: Any) -> None:
        """Change numbers in the clone's params.yaml."""
        path = self.root / "params.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document[section].update(values)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def items(self, stage: str) -> dict[str, int]:
        """The stage's finished items, each with the moment when it was finished."""
        notes = (self.root / ".cache" / "items" / stage).glob("[!.]*.note")
        return {note.name: note.stat().st_mtime_ns for note in notes}

    def epochs(self, step: str) -> list[int]:
        """Numbers of the epochs that a training in progress has kept."""
        kept = (self.root / ".cache" / "items" / "work" / step).glob("*/epoch-[0-9]*")
        return sorted(int(path.name[6:]) for path in kept if path.suffix != ".tmp")

    def locks(self) -> dict[str, Any]:
        """What DVC knows of the last run: every stage with the hashes of all that went in and out.

        Equal in two clones if and only if they computed the same bytes.
        """
        found: dict[str, Any] = {}
        for lock in ("dvc.lock", "data/demo/dvc.lock"):
            if (self.root / lock).exists():
                found |= yaml.safe_load((self.root / lock).read_text(encoding="utf-8"))["stages"]
        return found

    def hashes(self) -> dict[str, str]:
        """Path of every out that a stage has finished, with the hash of its content."""
        return {o["path"]: o["md5"] for stage in self.locks().values() for o in stage["outs"]}


def stages_in(output: str) -> list[str]:
    """The stages that a `dvc repro` with this output ran.

    The order says no more than that a stage comes after those that it needs. Which of two
    independent stages DVC runs first may change from one process to the next: it walks a set of
    stages where a target takes fewer than half of the repository's, and Python salts its hashes.
    """
    return re.findall(r"^Running stage '(?:data/demo/dvc\.yaml:)?([\w@]+)'", output, re.MULTILINE)
