"""Pre-trains a small CLIP contrastively on image–caption pairs.

N pairs, H W pixels, B pairs of a batch, E joint embedding.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from wtal_core.encoders.clip import TextTower, build_clip, tokenize
from wtal_core.encoders.clip_image import image_size, preprocess
from wtal_core.schema.encoders import ClipPretrainParams
from wtal_core.synthetic.augment import brighten, displace, split
from wtal_core.synthetic.pretrain_epochs import Curves, Learner, Watch, run_epochs

log = logging.getLogger(__name__)
_UNWATCHED = Watch()
_LARGEST_LOGIT_SCALE = float(np.log(100.0))  # as CLIP clips it, for stability


def pretrain_clip(
    images: np.ndarray,
    captions: Sequence[str],
    config: Mapping[str, Any],
    params: ClipPretrainParams,
    seed: int,
    watch: Watch = _UNWATCHED,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights of `build_clip(config)` and its curves, equal for equal input and seed.

    images: (N, H, W, 3) uint8 RGB; captions: N texts.
    The record holds `loss` per epoch and once `holdout_retrieval`: the share of held-out images
    whose best caption among the distinct held-out ones is their own.
    Raises ValueError for shapes that do not fit.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or len(images) != len(captions):
        raise ValueError(
            f"pre-training CLIP takes images (N, H, W, 3) and N captions: "
            f"got {images.shape = }, {len(captions) = }"
        )
    images_t = torch.from_numpy(images)
    # Equal captions share a row, so equality of captions is equality of numbers.
    texts, caption_of = np.unique(np.array(captions), return_inverse=True)
    caption_t = torch.from_numpy(caption_of)
    generator = torch.Generator().manual_seed(seed)
    train, held_out = split(len(images), params.holdout, generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_clip(config)
        tokens = tokenize(model, [str(text) for text in texts])
        curves = _train(model, images_t, caption_t, tokens, train, params, generator, watch)
    measured = retrieval(model, images_t[held_out], caption_t[held_out], tokens)
    if measured is not None:
        log.info("%s: retrieval on held-out pairs %.3f", watch.title, measured)
    tensors = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
    return tensors, {**curves, "holdout_retrieval": measured}


def contrastive_loss(
    image_BE: torch.Tensor, text_BE: torch.Tensor, caption_B: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Symmetric InfoNCE of unit vectors; pairs of equal captions are no negatives of each other.

    The target of a pair is spread evenly over all pairs of the batch that bear its caption.
    """
    logits_BB = scale * image_BE @ text_BE.T
    same_BB = (caption_B[:, None] == caption_B[None]).float()
    target_BB = same_BB / same_BB.sum(dim=1, keepdim=True)
    return (F.cross_entropy(logits_BB, target_BB) + F.cross_entropy(logits_BB.T, target_BB)) / 2


@torch.no_grad()
def retrieval(
    model: Any, images: torch.Tensor, caption: torch.Tensor, tokens: torch.Tensor
) -> float | None:
    """Share of images whose best text among the captions here is their own; None for no images."""
    if not len(images):
        return None
    model.eval()
    shown, own = caption.unique(return_inverse=True)
    text = model.encode_text(tokens[shown], normalize=True)
    batches = images.split(256)
    image = torch.cat(
        [model.encode_image(preprocess(b, image_size(model)), normalize=True) for b in batches]
    )
    return float(((image @ text.T).argmax(1) == own).float().mean())


def _train(
    model: Any,
    images: torch.Tensor,
    caption: torch.Tensor,
    tokens: torch.Tensor,
    train: torch.Tensor,
    params: ClipPretrainParams,
    generator: torch.Generator,
    watch: Watch,
) -> Curves:
    optimiser = torch.optim.AdamW(_groups(model, params.weight_decay), params.lr)
    steps = max(1, len(train) // params.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.lr, total_steps=steps * params.epochs
    )
    model.train()
    text = TextTower(model)

    def run_epoch() -> Iterator[dict[str, float]]:
        order = train[torch.randperm(len(train), generator=generator)]
        for chosen in order.tensor_split(steps):
            pictures = displace(images[chosen], params.shift, generator)
            pictures = _brighten(pictures, params.brightness, generator)
            image_BE = model.encode_image(preprocess(pictures, image_size(model)), normalize=True)
            # Each distinct caption of the batch goes through the text tower once.
            distinct, row_B = caption[chosen].unique(return_inverse=True)
            text_BE = F.normalize(text.encode_ids(tokens[distinct]), dim=-1)[row_B]
            loss = contrastive_loss(image_BE, text_BE, row_B, model.logit_scale.exp())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, _LARGEST_LOGIT_SCALE)
            yield {"loss": float(loss.detach()) * len(chosen)}

    learner = Learner(model, optimiser, schedule, generator)
    return run_epochs(learner, run_epoch, params.epochs, steps, len(train), watch)


def _brighten(pictures: torch.Tensor, most: float, generator: torch.Generator) -> torch.Tensor:
    bright = brighten(pictures.float() / 127.5 - 1, most, generator)
    return ((bright + 1) * 127.5).round().to(torch.uint8)


def _groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """No weight decay on gains, biases, the logit scale and embeddings, rarely seen as they are."""
    plain: list[torch.nn.Parameter] = []
    decayed: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        group = plain if parameter.ndim < 2 or "embedding" in name else decayed
        group.append(parameter)
    return [
        {"params": plain, "weight_decay": 0.0},
        {"params": decayed, "weight_decay": weight_decay},
    ]
