"""Pre-training of the demo's encoders: it learns, repeats itself, and measures what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wtal_core.encoders.clip import load_clip
from wtal_core.encoders.i3d import InceptionI3d, load_i3d
from wtal_core.schema.encoders import ClipPretrainParams, I3dPretrainParams
from wtal_core.synthetic.augment import brighten, displace, split
from wtal_core.synthetic.pretrain_clip import contrastive_loss, pretrain_clip, retrieval
from wtal_core.synthetic.pretrain_i3d import (
    accuracy,
    clip_input,
    pretrain_i3d,
    start_as_motion_detectors,
)

I3D = I3dPretrainParams(width=0.07, epochs=30, batch=6, lr=1e-2, shift=1, dropout=0.0, holdout=0.25)
CLIP = ClipPretrainParams(
    embed_dim=12, image_size=16, patch=8, vision_width=16, vision_layers=1, text_width=16,
    text_layers=1, head_width=8, context_length=7, epochs=20, batch=12, lr=1e-2, shift=1,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def moving_clips(channels: int) -> tuple[np.ndarray, np.ndarray]:
    """24 clips (8 frames, 16 x 17 pixels) of a bar that goes right or left."""
    labels = np.arange(24) % 2
    clips = np.full((24, 8, 16, 17, channels), 60, np.uint8)
    for clip, label in zip(clips, labels, strict=True):
        for f in range(8):
            x = 2 + f if label else 12 - f
            clip[f, :, x : x + 3] = 200
    return clips, labels


def coloured_pairs() -> tuple[np.ndarray, list[str]]:
    """40 plain pictures of 18 x 16 pixels and the names of their four colours."""
    colours = {
        "red": (220, 30, 30),
        "green": (30, 220, 30),
        "blue": (30, 30, 220),
        "grey": (99,) * 3,
    }
    captions = [list(colours)[i % 4] for i in range(40)]
    images = np.zeros((40, 18, 16, 3), np.uint8)
    for image, caption in zip(images, captions, strict=True):
        image[:] = colours[caption]
    return images, [f"a {caption}" for caption in captions]


@pytest.mark.parametrize("channels", [2, 3])
def test_i3d_learns_directions_and_measures_unseen_clips(channels: int) -> None:
    clips, labels = moving_clips(channels)
    tensors, record = pretrain_i3d(clips, labels, I3D, seed=3)
    assert len(record["loss"]) == len(record["accuracy"]) == I3D.epochs
    assert record["loss"][-1] < record["loss"][0]
    assert record["accuracy"][-1] > 0.8
    model = load_i3d(I3D.width, tensors)
    held_out = split(24, I3D.holdout, torch.Generator().manual_seed(3))[1]
    assert len(held_out) == 6
    again = accuracy(
        model, torch.from_numpy(clips)[held_out], torch.from_numpy(labels)[held_out], batch=4
    )
    assert record["holdout_accuracy"] == again


def test_half_of_the_first_kernels_start_blind_to_what_stands_still() -> None:
    model = InceptionI3d(3, 0.2)
    before = model.state_dict()["trunk.Conv3d_1a_7x7.conv_3d.weight"].clone()
    start_as_motion_detectors(model)
    after = model.state_dict()["trunk.Conv3d_1a_7x7.conv_3d.weight"]
    assert torch.equal(after[1::2], before[1::2])
    # Not near the borders in time, where padding is a change too.
    still = torch.randn(1, 3, 1, 9, 9).expand(-1, -1, 9, -1, -1)
    seen = torch.nn.functional.conv3d(still, after)
    assert seen[:, ::2].abs().max() < 1e-4
    assert seen[:, 1::2].abs().min() > 1e-4


def test_i3d_repeats_itself_and_leaves_the_global_generator_alone() -> None:
    clips, labels = moving_clips(3)
    params = replace(I3D, epochs=1, dropout=0.3)
    torch.manual_seed(8)
    first, record = pretrain_i3d(clips, labels, params, seed=3)
    after = torch.rand(1)
    torch.manual_seed(9)
    second, record_again = pretrain_i3d(clips, labels, params, seed=3)
    other, _ = pretrain_i3d(clips, labels, params, seed=4)
    torch.manual_seed(8)
    assert after == torch.rand(1)
    assert record == record_again
    assert all(torch.equal(first[key], second[key]) for key in first)
    key = "trunk.Conv3d_1a_7x7.conv_3d.weight"
    assert not torch.equal(first[key], other[key])


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((4, 8, 16, 16), [0, 1, 0, 1], "takes clips"),
        ((4, 8, 16, 16, 1), [0, 1, 0, 1], "takes clips"),
        ((4, 8, 16, 16, 3), [0, 1, 0], "takes clips"),
        ((4, 8, 16, 16, 3), [0, 2, 0, 2], "none left out"),
        ((4, 8, 16, 16, 3), [0, -1, 0, 1], "none left out"),
    ],
)
def test_i3d_refuses(shape: tuple[int, ...], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pretrain_i3d(np.zeros(shape, np.uint8), np.array(labels), I3D, seed=0)


def test_clip_input_is_what_features_are_computed_from() -> None:
    clips = torch.zeros(1, 2, 3, 4, 2, dtype=torch.uint8)
    clips[0, 1, 2, 3] = torch.tensor([51, 255], dtype=torch.uint8)
    scaled = clip_input(clips)
    assert scaled.shape == (1, 2, 2, 3, 4)
    torch.testing.assert_close(scaled[0, :, 1, 2, 3], torch.tensor([-0.6, 1.0]))
    assert (scaled[0, :, 0] == -1).all()


def test_clip_learns_colours_and_measures_unseen_pairs() -> None:
    images, captions = coloured_pairs()
    tensors, record = pretrain_clip(images, captions, CLIP.config(), CLIP, seed=2)
    assert len(record["loss"]) == CLIP.epochs
    assert record["loss"][-1] < record["loss"][0] - 0.5
    assert record["holdout_retrieval"] == 1.0
    load_clip(CLIP.config(), tensors)


def test_clip_repeats_itself() -> None:
    images, captions = coloured_pairs()
    params = replace(CLIP, epochs=1)
    torch.manual_seed(8)
    first, record = pretrain_clip(images, captions, CLIP.config(), params, seed=2)
    torch.manual_seed(9)
    second, record_again = pretrain_clip(images, captions, CLIP.config(), params, seed=2)
    assert record == record_again
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_clip_refuses() -> None:
    with pytest.raises(ValueError, match="N captions"):
        pretrain_clip(np.zeros((2, 8, 8, 3), np.uint8), ["a"], CLIP.config(), CLIP, seed=0)


def test_equal_captions_are_no_negatives() -> None:
    # Pairs 0 and 1 share a caption; cosines by hand on the axes of the plane.
    east, north = [1.0, 0.0], [0.0, 1.0]
    image = torch.tensor([east, east, north])
    text = torch.tensor([east, east, north])
    scale, e = torch.tensor(2.0), np.exp(1)
    # Rows 0, 1: logits (2, 2, 0), target (1/2, 1/2, 0). Row 2: logits (0, 0, 2), target (0, 0, 1).
    same, alone = np.log(2 * e**2 + 1) - 2, np.log(e**2 + 2) - 2
    loss = contrastive_loss(image, text, torch.tensor([4, 4, 1]), scale)
    assert float(loss) == pytest.approx((2 * same + alone) / 3)


def test_contrastive_loss_is_symmetric() -> None:
    image, text = torch.randn(2, 5, 3).unbind()
    caption, scale = torch.tensor([0, 1, 0, 2, 3]), torch.tensor(3.0)
    torch.testing.assert_close(
        contrastive_loss(image, text, caption, scale), contrastive_loss(text, image, caption, scale)
    )


def test_retrieval_counts_own_captions() -> None:
    class Perfect:
        visual = type("Visual", (), {"image_size": 4})

        def eval(self) -> None: ...

        def encode_text(self, tokens: torch.Tensor, normalize: bool) -> torch.Tensor:
            return torch.eye(3)[tokens[:, 0]]

        def encode_image(self, image: torch.Tensor, normalize: bool) -> torch.Tensor:
            return torch.eye(3)[[0, 2, 2, 2]]

    images = torch.zeros(4, 4, 4, 3, dtype=torch.uint8)
    # Captions 0, 1, 2, 2: the second image goes to text 2 instead of 1.
    tokens = torch.tensor([[0], [1], [2]])
    assert retrieval(Perfect(), images, torch.tensor([0, 1, 2, 2]), tokens) == 0.75
    assert retrieval(Perfect(), images[:0], torch.tensor([]), tokens) is None


def test_displace_moves_each_picture_and_repeats_its_edge() -> None:
    pictures = torch.arange(6 * 2 * 4 * 5, dtype=torch.uint8).reshape(6, 2, 4, 5, 1)
    moved = displace(pictures, 2, torch.Generator().manual_seed(1))
    seen = set()
    for before, after in zip(pictures[..., 0], moved[..., 0], strict=True):
        padded = torch.from_numpy(np.pad(before.numpy(), ((0, 0), (2, 2), (2, 2)), mode="edge"))
        fits = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(padded[:, y : y + 4, x : x + 5], after)
        ]
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) > 2  # not all alike
    assert torch.equal(displace(pictures, 0, torch.Generator()), pictures)


def test_brighten_keeps_range_and_differs_between_pictures() -> None:
    pictures = torch.linspace(-1, 1, 9).expand(4, 9)
    bright = brighten(pictures, 0.2, torch.Generator().manual_seed(1))
    assert bright.abs().max() <= 1
    assert (bright[:, 4].abs() <= 0.2).all()  # zero gets the offset alone
    assert len(bright[:, 4].unique()) == 4
    assert torch.equal(brighten(pictures, 0.0, torch.Generator()), pictures)


def test_split_parts_everything_once() -> None:
    train, held_out = split(11, 0.2, torch.Generator().manual_seed(1))
    assert len(held_out) == 3
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(11))
    assert len(split(11, 0.0, torch.Generator())[1]) == 0
