"""Our text tower against published embeddings of OpenAI's ViT-B/16, and what needs no weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from wtal_core.encoders.clip import PromptedText, build_clip, load_clip, tokenize
from wtal_core.encoders.clip_image import image_size
from wtal_core.weights.convert import VIT_B_16, read_clip
from wtal_core.weights.fetch import file_of, verify_entry
from wtal_core.weights.registry import find_entry, weights_folder

PROTOTYPES = Path(__file__).parents[3] / "shared" / "reference" / "clip"
# As their maker's file names say, t0 to t8; every class name of THUMOS14 begins with a consonant.
TEMPLATES = (
    "The action of {}.", "an action of a {} in the image.", "itaa of a {}.", "itaa of the {}.",
    "{}", "A human is performing the {} action.", "a photo of action {}.",
    "an image of action {}.", "a blurry photo of the {}.",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.reference
def test_the_text_tower_reproduces_published_prototypes() -> None:
    """Cosine above 0.999 for 9 templates and 20 classes, with OpenAI's weights."""
    entry, folder = find_entry("clip"), weights_folder()
    if not file_of(folder, entry, entry.files[0]).is_file():
        pytest.skip(f"OpenAI's weights are not in {folder}: `wtal weights fetch clip`")
    if not PROTOTYPES.is_dir():
        pytest.skip("no ../shared/reference/clip")
    verify_entry(folder, entry)
    model = load_clip(VIT_B_16, read_clip(file_of(folder, entry, entry.files[0])))
    files = [np.load(PROTOTYPES / f"thumos_text_proto_b16_t{i}.npz") for i in range(9)]
    names = list(files[0])
    least = []
    # Whether their names were split into words before they were put in lower case is not said.
    for written in (names, PromptedText(model, names).class_names):
        found = []
        for template, file in zip(TEMPLATES, files, strict=True):
            texts = [template.format(name.lower().replace("_", " ")) for name in written]
            with torch.inference_mode():
                ours_CE = torch.nn.functional.normalize(
                    model.encode_text(tokenize(model, texts)), dim=-1
                )
            theirs_CE = np.concatenate([file[name] for name in names]).astype(np.float32)
            found.append((ours_CE.numpy() * theirs_CE).sum(1).min())
        least.append(min(found))
    assert max(least) > 0.999, least


def test_tokens_are_openais() -> None:
    """Ids that OpenAI's README and every port of its tokenizer give for this text."""
    model = build_clip({**VIT_B_16, "text_cfg": {**VIT_B_16["text_cfg"], "layers": 1}})
    ids = tokenize(model, ["a photo of a cat", "A  Photo of a CAT "])
    assert ids.shape == (2, 77)
    assert ids[0, :8].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407, 0]
    assert torch.equal(ids[0], ids[1])  # lower case, single blanks


@pytest.mark.slow
def test_the_full_text_tower_takes_templates() -> None:
    """Random weights: our shortened tower equals open_clip's own on all 77 tokens."""
    torch.manual_seed(4)
    model = build_clip(VIT_B_16).eval()
    assert image_size(model) == 224
    text = PromptedText(model, ("PoleVault", "ThrowDiscus"))
    for template in (TEMPLATES[1], TEMPLATES[4]):
        texts = [template.format(name) for name in ("pole vault", "throw discus")]
        with torch.inference_mode():
            expected = model.encode_text(tokenize(model, texts))
            torch.testing.assert_close(text.plain(template), expected, rtol=1e-3, atol=1e-4)
        assert torch.dist(expected[0], expected[1]) > 0.01
