"""The encoders are measured by the backend that the stages would take."""

from pathlib import Path

import numpy as np
import pytest
import torch

from wtal_core.encoders.i3d_folded import FoldedI3d
from wtal_core.grid import SnippetGrid
from wtal_core.planning.measure_encoders import EncodeJob, measure_encoder
from wtal_core.schema.encoders import EncoderParams
from wtal_core.video.frames import write_frames

CLIP = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8},
    "text_cfg": {"context_length": 7, "width": 8, "heads": 1, "layers": 1},
}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    rng = np.random.default_rng(3)
    write_frames(tmp_path / "a.mkv", rng.integers(0, 256, (9, 20, 24, 3), dtype=np.uint8), 25)
    return tmp_path / "a.mkv"


def job(pictures: Path, encoder: str, backend: EncoderParams) -> EncodeJob:
    model = CLIP if encoder == "clip" else 0.07
    return EncodeJob(encoder, pictures, model, SnippetGrid(25.0, 4, 3), 18, 5, backend, 0.05)


@pytest.mark.parametrize("encoder", ["rgb", "clip"])
def test_snippets_are_counted(pictures: Path, encoder: str) -> None:
    found = measure_encoder(job(pictures, encoder, EncoderParams("torch", "bf16")))
    assert found.encoder == encoder
    assert found.work.units > 0
    assert found.work.seconds > 0


def test_the_backend_is_the_data_sets(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []
    real = FoldedI3d.__init__

    def spy(self: FoldedI3d, model: object, sizes: object, dtype: torch.dtype) -> None:
        seen.append(dtype)
        real(self, model, sizes, dtype)  # type: ignore[arg-type]

    monkeypatch.setattr(FoldedI3d, "__init__", spy)
    measure_encoder(job(pictures, "rgb", EncoderParams("torch", "bf16")))
    assert seen == [torch.bfloat16]
    measure_encoder(job(pictures, "rgb", EncoderParams()))
    assert seen == [torch.bfloat16]  # the reference is not folded
