"""The B and the F step with corrections: what they say holds, and without the switch nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from stages import b_step, f_step, warm_up
from tests.stages.tiny_method import make_data
from wtal_core.checkpoint import load_checkpoint
from wtal_core.corrections import Corrected, write_corrections
from wtal_core.errors import WtalError
from wtal_core.store import read_sequences


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("corrected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WTAL_ITEM_CACHE", str(folder / "cache"))
        torch.set_num_threads(1)
        data = make_data(folder)
        warm_up.main(data, folder / "params.yaml")
        for name, switch in (("off", "false"), ("on", "true")):
            text = (folder / "params.yaml").read_text()
            assert "  corrections: false" in text
            path = folder / f"{name}.yaml"
            path.write_text(text.replace("  corrections: false", f"  corrections: {switch}"))
        yield data


def run(data: Path, switch: str, round_: str) -> None:
    params = data.parent / f"{switch}.yaml"
    b_step.main(data, round_, "r0", params)
    f_step.main(data, round_, "r0", params)


def tree(folder: Path) -> dict[str, bytes]:
    """Without the round's own name, which the records repeat."""
    return {
        str(p.relative_to(folder)): p.read_bytes().replace(folder.name.encode(), b"rX")
        for p in sorted(folder.rglob("*")) if p.is_file()
    }  # fmt: skip


def test_corrections_hold_in_both_steps(data: Path) -> None:
    """v0 has 20 snippets of 0.64 s and the label HopScotch."""
    write_corrections(
        data / "corrections.json",
        {"v0": Corrected((("HopScotch", 1.28, 3.52),), ("HopScotch",))},
    )
    run(data, "on", "r1")
    expected = [0, 0, 1, 1, 1, -1] + [0] * 14  # half of the sixth snippet is inside
    for branch in ("cbp", "vlp"):
        store = read_sequences(data / "r1" / f"pseudo_{branch}.zarr")
        label_TC = store.of("v0")["label"]
        assert label_TC[:, 0].tolist() == expected
        assert (label_TC[:, 1:] == 0).all()
        facts = store.attrs["corrections"]
        changed = facts.pop("changed")
        assert facts == {"videos": 1, "foreground": 3, "background": 16, "uncertain": 1}
        assert 0 < changed <= 20
        assert store.attrs["pseudo_labels"]["corrections"] is True

    # The same run without the switch: other videos are labelled as before in the B step.
    run(data, "off", "r2")
    with_ = read_sequences(data / "r1" / "pseudo_cbp.zarr")
    without = read_sequences(data / "r2" / "pseudo_cbp.zarr")
    assert not np.array_equal(with_.of("v0")["label"], without.of("v0")["label"])
    assert np.array_equal(with_.of("v0")["score"], without.of("v0")["score"])
    for name in with_.names[1:]:
        assert np.array_equal(with_.of(name)["label"], without.of(name)["label"])
    for branch in ("cbp", "vlp"):
        learnt = [load_checkpoint(data / r / branch)[0] for r in ("r1", "r2")]
        assert any(not torch.equal(learnt[0][key], learnt[1][key]) for key in learnt[0])

    # And without the switch the file is as if it were not there.
    (data / "corrections.json").unlink()
    before = tree(data / "r2")
    assert "corrections" not in json.dumps(dict(without.attrs))
    run(data, "off", "r2")
    assert tree(data / "r2") == before


def test_the_switch_without_corrections_is_an_error(data: Path) -> None:
    path = data / "corrections.json"
    path.unlink(missing_ok=True)
    with pytest.raises(WtalError, match=r"corrections\.json: no such file"):
        run(data, "on", "r3")
    write_corrections(path, {})
    with pytest.raises(WtalError, match="the file holds none"):
        run(data, "on", "r3")
