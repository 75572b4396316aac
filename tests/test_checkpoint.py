"""Checkpoints: whole or absent, the same bytes again, and resuming after a kill."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from wtal_core.checkpoint import META, WEIGHTS, Resume, load_checkpoint, save_checkpoint
from wtal_core.errors import WtalError

ROOT = Path(__file__).parents[1]


def tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(3, 5, generator=generator)
    return {
        "head.weight": weight,
        "head.tied": weight,  # shares memory
        "head.turned": weight.T,  # not contiguous
        "steps": torch.tensor(7),
        "mask": torch.tensor([True, False]),
        "random_state": torch.arange(11, dtype=torch.uint8),
        "half": weight.half(),
        "empty": torch.empty(0, 4),
    }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    meta = {"branch": "cbp", "dim": 5, "nested": {"list": [1, 2.5, None]}}
    save_checkpoint(tmp_path / "r0" / "cbp", tensors(), meta)
    read, read_meta = load_checkpoint(tmp_path / "r0" / "cbp")
    assert read_meta == meta
    assert read.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)
    assert sorted(p.name for p in (tmp_path / "r0").iterdir()) == ["cbp"]
    assert sorted(p.name for p in (tmp_path / "r0/cbp").iterdir()) == [META, WEIGHTS]


def test_equal_input_gives_equal_bytes_in_any_order(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a", tensors(), {"x": 1, "y": 2})
    save_checkpoint(tmp_path / "b", dict(reversed(tensors().items())), {"y": 2, "x": 1})
    for name in (META, WEIGHTS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_new_checkpoint_replaces_the_old_one_and_orphans(tmp_path: Path) -> None:
    orphan = tmp_path / ".cbp.abc.tmp"
    orphan.mkdir()
    neighbour = tmp_path / ".vlp.abc.tmp"
    neighbour.mkdir()
    for seed in (0, 1):
        save_checkpoint(tmp_path / "cbp", tensors(seed), {"seed": seed})
    read, meta = load_checkpoint(tmp_path / "cbp")
    assert meta == {"seed": 1}
    assert torch.equal(read["head.weight"], tensors(1)["head.weight"])
    assert not orphan.exists()
    assert neighbour.exists()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_broken_weights_are_not_written_over_good_ones(tmp_path: Path, bad: float) -> None:
    save_checkpoint(tmp_path / "cbp", tensors(), {"epoch": 1})
    spoilt = tensors()
    spoilt["head.weight"][1, 2] = bad
    with pytest.raises(WtalError, match=r"cbp: head\..* NaN or infinity.*learning rate"):
        save_checkpoint(tmp_path / "cbp", spoilt, {"epoch": 2})
    assert load_checkpoint(tmp_path / "cbp")[1] == {"epoch": 1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_checkpoint(tmp_path / "other", tensors(), {"loss": bad})


def test_damage_is_found_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "cbp"
    with pytest.raises(WtalError, match=r"cbp: no complete checkpoint.*dvc"):
        load_checkpoint(folder)
    save_checkpoint(folder, tensors(), {})
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:-1])
    with pytest.raises(WtalError, match=r"model\.safetensors: sha256 .*truncated"):
        load_checkpoint(folder)
    (folder / WEIGHTS).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(WtalError, match="sha256"):
        load_checkpoint(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(WtalError, match=r"model\.safetensors missing"):
        load_checkpoint(folder)
    (folder / META).write_text('{"format": "other"}')
    (folder / WEIGHTS).write_bytes(whole)
    with pytest.raises(WtalError, match="not a checkpoint of format"):
        load_checkpoint(folder)
    (folder / META).write_text("<html>")
    with pytest.raises(WtalError, match="not readable as JSON"):
        load_checkpoint(folder)


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "cbp", tensors(), {})
    record = json.loads((tmp_path / "cbp" / META).read_text())
    torch.save({"a": torch.zeros(1)}, tmp_path / "cbp" / WEIGHTS)
    content = (tmp_path / "cbp" / WEIGHTS).read_bytes()
    record["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "cbp" / META).write_text(json.dumps(record))
    with pytest.raises(WtalError, match=r"model\.safetensors"):
        load_checkpoint(tmp_path / "cbp")


class TestResume:
    def test_nothing_to_resume(self, tmp_path: Path) -> None:
        assert Resume(tmp_path / "none").load() is None

    def test_the_newest_epoch_is_loaded_and_two_are_kept(self, tmp_path: Path) -> None:
        resume = Resume(tmp_path / "work")
        for epoch in (8, 9, 10, 11):  # 9 -> 10: by number, not by text
            resume.save(epoch, tensors(epoch), {"lr": 0.5})
        read = Resume(tmp_path / "work").load()
        assert read is not None
        assert read[1] == {"lr": 0.5, "epoch": 11}
        assert torch.equal(read[0]["head.weight"], tensors(11)["head.weight"])
        kept = sorted(p.name for p in (tmp_path / "work").iterdir())
        assert kept == ["epoch-000010", "epoch-000011"]
        resume.clear()
        assert resume.load() is None

    def test_a_damaged_epoch_gives_way_to_the_one_before(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        resume = Resume(tmp_path)
        for epoch in (1, 2):
            resume.save(epoch, tensors(epoch), {})
        weights = tmp_path / "epoch-000002" / WEIGHTS
        weights.write_bytes(weights.read_bytes()[:20])
        read = resume.load()
        assert read is not None
        assert read[1]["epoch"] == 1
        assert "epoch-000002" in caplog.text
        weights.unlink()
        (tmp_path / "epoch-000001" / META).unlink()
        assert resume.load() is None


WRITER = """
import sys, torch
from pathlib import Path
from wtal_core.checkpoint import Resume
resume = Resume(Path(sys.argv[1]))
state = resume.load()
epoch = state[1]["epoch"] if state else 0
print("from", epoch, flush=True)
while True:
    epoch += 1
    resume.save(epoch, {"w": torch.full((300, 300), float(epoch))}, {})
    print(epoch, flush=True)
"""


@pytest.mark.slow
def test_kill_at_any_moment_loses_no_finished_epoch(tmp_path: Path) -> None:
    """SIGKILL at spread moments: what was reported as saved is there, whole, afterwards."""
    reached = 0
    for attempt in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline().split() == ["from", str(reached)]
        said = [int(writer.stdout.readline()), int(writer.stdout.readline())]
        time.sleep(0.003 * attempt)  # lands before, in and after the next write
        os.kill(writer.pid, signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        writer.stdout.close()
        read = Resume(tmp_path).load()
        assert read is not None
        # The kill may fall between the rename and the word about it.
        assert read[1]["epoch"] in (said[-1], said[-1] + 1)
        assert bool((read[0]["w"] == read[1]["epoch"]).all())
        reached = read[1]["epoch"]
