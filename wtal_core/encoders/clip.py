"""CLIP through open_clip: building a model, and its frozen text tower with learnable prompts.

Source: prompt mechanics of Ju et al., "Prompting Visual-Language Models for Efficient Video
Understanding", 2022.
Shapes: C classes or texts, P prompt vectors on each side of a name, L tokens, W text width,
E joint embedding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from wtal_core import vision_compat

vision_compat.ensure()
import open_clip  # noqa: E402  (only after torchvision can be imported)
from open_clip.transformer import QuickGELU  # noqa: E402

# Names that dataset packages run together; camel case alone does not part them.
_RUN_TOGETHER = {"shotput": "shot put"}
_CAMEL_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def build_clip(config: str | Mapping[str, Any]) -> open_clip.CLIP:
    """An untrained CLIP, from a model name of open_clip ("ViT-B-16") or from a mapping.

    A mapping holds embed_dim, vision_cfg, text_cfg and may hold quick_gelu (default: true).
    A named model always has QuickGELU, since OpenAI's weights need it.
    Nothing is downloaded. Raises ValueError for a key that open_clip does not know.
    """
    if isinstance(config, str):
        model = open_clip.create_model(config, pretrained=None, force_quick_gelu=True)
        if not any(isinstance(module, QuickGELU) for module in model.modules()):
            raise ValueError(
                f"{config} was built without QuickGELU, so OpenAI's weights would not fit it"
            )
        return model
    unknown = set(config) - {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}
    if unknown:
        raise ValueError(f"unknown keys in a CLIP config: {sorted(unknown)}")
    return open_clip.CLIP(
        embed_dim=config["embed_dim"],
        vision_cfg=open_clip.CLIPVisionCfg(**config["vision_cfg"]),
        text_cfg=open_clip.CLIPTextCfg(**config["text_cfg"]),
        quick_gelu=config.get("quick_gelu", True),
    )


def load_clip(config: str | Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> open_clip.CLIP:
    """A frozen CLIP in evaluation mode with the weights `state`: exactly the model's keys."""
    model = build_clip(config)
    model.load_state_dict(state, strict=True)
    return model.requires_grad_(False).eval()


def tokenize(model: open_clip.CLIP, texts: Sequence[str]) -> torch.Tensor:
    """Token ids (N, L) of `texts`, padded with 0 to the model's context length."""
    return open_clip.SimpleTokenizer(context_length=model.context_length)(list(texts))


def clean_class_name(name: str) -> str:
    """A class name as words: "BaseballPitch" -> "baseball pitch"."""
    words = " ".join(_CAMEL_BORDER.sub(" ", name).replace("_", " ").split()).lower()
    return _RUN_TOGETHER.get(words, words)


class TextTower(nn.Module):
    """The text half of `model`, sharing its parameters, on sequences that end at the last EOS.

    Under the causal mask nothing after EOS can matter, so what lies behind it need not be computed.
    Raises ValueError for a model without causal mask, EOS pooling or a projection matrix.
    """

    causal_LL: torch.Tensor

    def __init__(self, model: open_clip.CLIP):
        super().__init__()
        if model.attn_mask is None or model.text_pool_type != "argmax":
            raise ValueError(
                "the text tower must have a causal mask and pool at EOS: "
                f"got {model.attn_mask = }, {model.text_pool_type = }"
            )
        if not isinstance(model.text_projection, nn.Parameter):
            raise ValueError(f"the text projection must be a matrix: got {model.text_projection!r}")
        self.token_embedding = model.token_embedding
        self.positional_embedding = model.positional_embedding
        self.transformer = model.transformer
        self.ln_final = model.ln_final
        self.text_projection = model.text_projection
        self.register_buffer("causal_LL", model.attn_mask.detach().clone(), persistent=False)

    def forward(self, tokens_CLW: torch.Tensor, eos_C: torch.Tensor) -> torch.Tensor:
        """Text embeddings (C, E), not normalised: token embeddings and the index of each EOS."""
        length, context = tokens_CLW.shape[1], len(self.positional_embedding)
        if length > context:
            raise ValueError(
                f"the longest class text has {length} tokens, the text tower takes {context}: "
                "use fewer prompt vectors or shorter class names"
            )
        hidden_CLW = tokens_CLW + self.positional_embedding[:length]
        hidden_CLW = self.transformer(hidden_CLW, attn_mask=self.causal_LL[:length, :length])
        eos_CW = hidden_CLW[torch.arange(len(eos_C), device=eos_C.device), eos_C]
        return self.ln_final(eos_CW) @ self.text_projection

    def encode_ids(self, ids_CL: torch.Tensor) -> torch.Tensor:
        """Text embeddings (C, E), not normalised, of token ids, as `encode_text` gives."""
        # EOS has the largest id of the vocabulary, which is how CLIP itself finds it.
        eos_C = ids_CL.argmax(dim=1)
        return self(self.token_embedding(ids_CL[:, : int(eos_C.max()) + 1]), eos_C)


class PromptedText(nn.Module):
    """The frozen text tower of `model` for fixed class names; gradients reach the prompts only.

    A class's text is SOS | prefix (P) | name | suffix (P) | EOS, and ends there.
    Freezes `model`'s text tower. Raises ValueError (on use) when a text does not fit the context.
    """

    name_ids_CN: torch.Tensor
    name_length_C: torch.Tensor

    def __init__(self, model: open_clip.CLIP, class_names: Sequence[str]):
        super().__init__()
        self.tokenizer = open_clip.SimpleTokenizer(context_length=model.context_length)
        self.class_names = tuple(clean_class_name(name) for name in class_names)
        self.tower = TextTower(model)
        self.dim = model.text_projection.shape[1]  # E
        self.width = model.text_projection.shape[0]  # W, channels of one prompt vector
        names = [torch.tensor(self.tokenizer.encode(name)) for name in self.class_names]
        ids_CN = nn.utils.rnn.pad_sequence(names, batch_first=True)
        self.register_buffer("name_ids_CN", ids_CN, persistent=False)
        lengths_C = torch.tensor([len(ids) for ids in names])
        self.register_buffer("name_length_C", lengths_C, persistent=False)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> PromptedText:
        """Stays in evaluation mode: the tower is frozen."""
        return super().train(False)

    def forward(self, prefix_PW: torch.Tensor, suffix_PW: torch.Tensor) -> torch.Tensor:
        """Text embeddings (C, E), not normalised, of the class names between the two prompts."""
        embedding = self.tower.token_embedding
        ends = [self.tokenizer.sot_token_id, self.tokenizer.eot_token_id]
        ends_2W = embedding(torch.tensor(ends, device=self.name_ids_CN.device))
        # Concatenate each class by itself, since names differ in length.
        texts = [
            torch.cat([ends_2W[:1], prefix_PW, embedding(ids_N[:length]), suffix_PW, ends_2W[1:]])
            for ids_N, length in zip(self.name_ids_CN, self.name_length_C.tolist(), strict=True)
        ]
        eos_C = len(prefix_PW) + self.name_length_C + len(suffix_PW) + 1
        return self.tower(nn.utils.rnn.pad_sequence(texts, batch_first=True), eos_C)

    def plain(self, templates: str | Sequence[str] = "a photo of a {}.") -> torch.Tensor:
        """Text embeddings (C, E) of templates in which `{}` stands for the class name.

        One template: not normalised. Several: the mean of the L2-normalised embeddings of each.
        """
        if not isinstance(templates, str):
            if not templates:
                raise ValueError("plain text embeddings need at least one template")
            each = [F.normalize(self.plain(template), dim=-1) for template in templates]
            return torch.stack(each).mean(dim=0)
        sot, eot = self.tokenizer.sot_token_id, self.tokenizer.eot_token_id
        texts = [templates.format(name) for name in self.class_names]
        rows = [torch.tensor([sot, *self.tokenizer.encode(text), eot]) for text in texts]
        ids_CL = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return self.tower.encode_ids(ids_CL.to(self.name_ids_CN.device))
