"""CLIP: the prompted text tower, image preparation, building and loading."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from wtal_core.encoders.clip import (
    PromptedText,
    TextTower,
    build_clip,
    clean_class_name,
    load_clip,
    tokenize,
)
from wtal_core.encoders.clip_image import encode_images, image_size, preprocess

NAMES = ("Diving", "CleanAndJerk", "HighJump")  # one, three and two tokens
WIDTH, EMBED, CONTEXT = 24, 20, 19


def config(**text: Any) -> dict[str, Any]:
    return {
        "embed_dim": EMBED,
        "vision_cfg": {
            "image_size": 16, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16,
        },
        "text_cfg": {"context_length": CONTEXT, "width": WIDTH, "heads": 2, "layers": 2, **text},
    }  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Any:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    clip = build_clip(config())
    # Fresh weights are tiny; larger ones make a wrong position or token visible.
    nn.init.normal_(clip.positional_embedding, std=0.5)
    nn.init.normal_(clip.token_embedding.weight, std=0.5)
    return clip.eval()


@pytest.fixture
def prompted(model: Any) -> PromptedText:
    return PromptedText(model, NAMES)


def embedded(prompted: PromptedText, text: str) -> torch.Tensor:
    return prompted.tower.token_embedding(torch.tensor(prompted.tokenizer.encode(text)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BaseballPitch", "baseball pitch"),
        ("CleanAndJerk", "clean and jerk"),
        ("clean_and_jerk", "clean and jerk"),
        ("Shotput", "shot put"),
        ("TVShow", "tv show"),
        ("Putting on  makeup", "putting on makeup"),
        ("4x100mRelay", "4x100m relay"),
    ],
)
def test_class_names_become_words(name: str, words: str) -> None:
    assert clean_class_name(name) == words


def test_prompts_of_real_words_give_the_plain_text(model: Any, prompted: PromptedText) -> None:
    prefix, suffix = embedded(prompted, "a photo of a person"), embedded(prompted, "in the sun")
    assert len(prefix) != len(suffix)
    texts = [f"a photo of a person {clean_class_name(n)} in the sun" for n in NAMES]
    # open_clip computes the full context; ours ends at the last EOS.
    expected = model.encode_text(tokenize(model, texts))
    actual = prompted(prefix, suffix)
    assert actual.shape == (3, EMBED)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    # The classes must differ by far more than that tolerance.
    assert torch.cdist(expected, expected).add(10 * torch.eye(3)).min() > 0.1


def test_what_lies_behind_eos_changes_no_output_and_no_gradient(prompted: PromptedText) -> None:
    """The tower is causal, so cutting at the last EOS leaves out nothing that matters."""
    generator = torch.Generator().manual_seed(6)
    text_CLW = torch.randn(3, 11, WIDTH, generator=generator)
    eos_C = torch.tensor([10, 4, 8])
    found = []
    for behind in (0, CONTEXT - 11):
        cut_CLW = text_CLW.clone().requires_grad_()
        more = torch.randn(3, behind, WIDTH, generator=generator)
        out_CE = prompted.tower(torch.cat([cut_CLW, more], 1), eos_C)
        found.append((out_CE, torch.autograd.grad(out_CE.square().sum(), cut_CLW)[0]))
    (short, short_grad), (full, full_grad) = found
    torch.testing.assert_close(short, full, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(short_grad, full_grad, rtol=1e-3, atol=1e-4)
    assert not short_grad[1, 5:].any()  # behind the second text's own EOS


def test_no_prompts_at_all_give_the_name(model: Any, prompted: PromptedText) -> None:
    nothing = torch.empty(0, WIDTH)
    expected = model.encode_text(tokenize(model, [clean_class_name(n) for n in NAMES]))
    torch.testing.assert_close(prompted(nothing, nothing), expected, rtol=1e-4, atol=1e-5)


def test_plain_template(model: Any, prompted: PromptedText) -> None:
    expected = model.encode_text(tokenize(model, [f"a {clean_class_name(n)}." for n in NAMES]))
    torch.testing.assert_close(prompted.plain("a {}."), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(prompted.plain(), prompted.plain("a photo of a {}."))


def test_several_templates_are_averaged_after_normalising(prompted: PromptedText) -> None:
    one, two = prompted.plain("a {}."), prompted.plain("{} here")
    norm = torch.linalg.vector_norm
    expected = (one / norm(one, dim=1, keepdim=True) + two / norm(two, dim=1, keepdim=True)) / 2
    torch.testing.assert_close(prompted.plain(["a {}.", "{} here"]), expected)
    with pytest.raises(ValueError, match="at least one template"):
        prompted.plain([])


def test_a_class_does_not_see_the_length_of_another(model: Any) -> None:
    prefix, suffix = torch.randn(2, WIDTH), torch.randn(3, WIDTH)
    alone = PromptedText(model, NAMES[:1])(prefix, suffix)
    together = PromptedText(model, NAMES)(prefix, suffix)
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_prompt_and_nothing_else(prompted: PromptedText) -> None:
    prefix = torch.randn(2, WIDTH, requires_grad=True)
    suffix = torch.randn(3, WIDTH, requires_grad=True)
    prompted.train()
    assert not any(module.training for module in prompted.modules())
    prompted(prefix, suffix).square().sum().backward()
    for prompt in (prefix, suffix):
        assert prompt.grad is not None
        assert (prompt.grad.abs().sum(dim=1) > 0).all()
    assert all(p.grad is None and not p.requires_grad for p in prompted.parameters())


def test_order_of_prompt_vectors_matters(prompted: PromptedText) -> None:
    prefix, suffix = torch.randn(2, WIDTH), torch.randn(3, WIDTH)
    change = (prompted(prefix, suffix) - prompted(prefix.flip(0), suffix)).abs().max()
    assert change > 1e-3


def test_texts_too_long_for_the_tower(prompted: PromptedText) -> None:
    # SOS, P, three tokens of "clean and jerk", P, EOS fill 19 at P = 7.
    fits = torch.zeros(7, WIDTH)
    prompted(fits, fits)
    with pytest.raises(ValueError, match="20 tokens, the text tower takes 19"):
        prompted(fits, torch.zeros(8, WIDTH))
    with pytest.raises(ValueError, match="tokens, the text tower takes 19"):
        prompted.plain("very " * 17 + "{}")


def test_towers_without_causal_mask_are_refused() -> None:
    with pytest.raises(ValueError, match="causal mask"):
        TextTower(build_clip(config(no_causal_mask=True)))


def test_unknown_config_keys() -> None:
    with pytest.raises(ValueError, match=r"\['vision'\]"):
        build_clip({**config(), "vision": {}})


def test_load_is_strict_and_frozen(model: Any) -> None:
    state = model.state_dict()
    loaded = load_clip(config(), state)
    pictures = torch.randint(0, 256, (2, 17, 21, 3), dtype=torch.uint8)
    torch.testing.assert_close(encode_images(loaded, pictures), encode_images(model, pictures))
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    del state["ln_final.bias"]
    with pytest.raises(RuntimeError, match=r"ln_final\.bias"):
        load_clip(config(), state)


@pytest.mark.slow
def test_named_model_has_quick_gelu() -> None:
    named = build_clip("ViT-B-16")
    assert image_size(named) == 224
    assert named.text_projection.shape == (512, 512)
    mlp = named.visual.transformer.resblocks[0].mlp
    x = torch.tensor([-1.5, 0.3, 2.0])
    torch.testing.assert_close(mlp.gelu(x), x * torch.sigmoid(1.702 * x))


@pytest.mark.parametrize("shape", [(40, 53), (53, 40), (16, 16), (16, 23), (9, 12), (37, 37)])
def test_preprocess_equals_pillow(shape: tuple[int, int]) -> None:
    size = 16
    # Not noise: Pillow clips between its two passes, which shows where neighbours differ by 255.
    noise = np.random.default_rng(5).integers(50, 200, (2, 5, 5, 3), dtype=np.uint8)
    rgb = np.stack([np.asarray(Image.fromarray(n).resize(shape[::-1])) for n in noise])
    height, width = shape
    short = min(shape)
    resized = (int(size * width / short), int(size * height / short))
    expected = []
    for picture in rgb:
        image = np.asarray(Image.fromarray(picture).resize(resized, Image.Resampling.BICUBIC))
        top, left = (round((side - size) / 2) for side in image.shape[:2])
        expected.append(image[top : top + size, left : left + size])
    normalised = preprocess(torch.from_numpy(rgb), size)
    assert normalised.shape == (2, 3, size, size)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    levels = (normalised * std + mean).permute(0, 2, 3, 1).numpy() * 255
    # Pillow's resize works in fixed point: at most one grey level apart.
    assert np.abs(levels - np.stack(expected)).max() < 1.01


@pytest.mark.parametrize(
    "pictures",
    [torch.zeros(2, 3, 8, 9, dtype=torch.uint8), torch.zeros(2, 8, 9, 3), torch.zeros(8, 9, 3)],
)
def test_preprocess_refuses_other_layouts(pictures: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="uint8 RGB"):
        preprocess(pictures, 16)
