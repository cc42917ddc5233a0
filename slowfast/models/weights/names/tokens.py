"""Names of networks of tokens: torchvision's MViT, Hugging Face's ViT, VideoMAE and TimeSformer, and MAE-ST."""

import re

import torch
from torch import Tensor

from slowfast.models.weights.names.naming import PathNaming

_TABLES = ("cls_token", "pos_embed_spatial", "pos_embed_temporal", "pos_embed_class")


def _rows_of_one_batch(state: dict[str, Tensor]) -> None:
    """torchvision keeps the class token as (C,) and positions as (N, C) or (C,); they are (1, 1, C) and (1, N, C) here."""
    for name in _TABLES:
        if name in state:
            state[name] = state[name].reshape(1, -1, state[name].shape[-1])


TORCHVISION_MVIT = PathNaming(
    marker=r"pos_encoding\.class_token",
    paths={
        r"conv_proj\.(weight|bias)": r"patch_embed.proj.\1",
        r"pos_encoding\.class_token": "cls_token",
        r"pos_encoding\.(spatial|temporal|class)_pos": r"pos_embed_\1",
        r"(blocks\.\d+\.(?:norm1|norm2|attn\.qkv)\.\w+)": r"\1",
        r"(blocks\.\d+\.attn\.rel_pos_[thw])": r"\1",
        r"(blocks\.\d+\.attn)\.project\.0\.(\w+)": r"\1.proj.\2",
        r"(blocks\.\d+\.attn\.pool_[qkv])\.pool\.weight": r"\1.weight",
        r"(blocks\.\d+\.attn)\.pool_([qkv])\.norm_act\.0\.(\w+)": r"\1.norm_\2.\3",
        r"(blocks\.\d+\.mlp)\.0\.(\w+)": r"\1.fc1.\2",
        r"(blocks\.\d+\.mlp)\.3\.(\w+)": r"\1.fc2.\2",
        r"(blocks\.\d+)\.project\.(\w+)": r"\1.proj.\2",
        r"norm\.(\w+)": r"norm.\1",
        r"head\.1\.(\w+)": r"head.projection.\1",
    },
    finish=_rows_of_one_batch,
)

PROJECTION = re.compile(r"(blocks\.\d+\.attn)\.q\.weight")


def join_projections(state: dict[str, Tensor]) -> None:
    """Queries, keys and values that have a projection each get one together.

    Biases of all three are joined as well; those of queries and values alone become q_bias and v_bias, as VideoMAE has them.
    """
    for attention in [match[1] for name in state if (match := PROJECTION.fullmatch(name))]:
        if {f"{attention}.{part}.weight" for part in "kv"} <= state.keys():
            state[f"{attention}.qkv.weight"] = torch.cat([state.pop(f"{attention}.{part}.weight") for part in "qkv"])
        biases = {part: state.pop(name) for part in "qkv" if (name := f"{attention}.{part}.bias") in state}
        if len(biases) == 3:
            state[f"{attention}.qkv.bias"] = torch.cat(list(biases.values()))
        else:
            state |= {f"{attention}.{part}_bias": bias for part, bias in biases.items()}


_BLOCK = r"encoder\.layer\.(\d+)"
_HUGGING_FACE = {
    r"embeddings\.cls_token": "cls_token",
    r"embeddings\.position_embeddings": "pos_embed",
    r"embeddings\.patch_embeddings\.projection\.(\w+)": r"patch_embed.proj.\1",
    rf"{_BLOCK}\.attention\.output\.dense\.(\w+)": r"blocks.\1.attn.proj.\2",
    rf"{_BLOCK}\.intermediate\.dense\.(\w+)": r"blocks.\1.mlp.fc1.\2",
    rf"{_BLOCK}\.output\.dense\.(\w+)": r"blocks.\1.mlp.fc2.\2",
    rf"{_BLOCK}\.layernorm_before\.(\w+)": r"blocks.\1.norm1.\2",
    rf"{_BLOCK}\.layernorm_after\.(\w+)": r"blocks.\1.norm2.\2",
    r"layernorm\.(\w+)": r"norm.\1",
    r"classifier\.(\w+)": r"head.\1",
}

# ViT has a bias of each projection. VideoMAE has none of keys: files of the hub have q_bias and v_bias, modules of version 5 of
# transformers have biases of the projections. (Some of its releases read zeros for the former, and saved those afterwards.)
HF_VIT = PathNaming(
    marker=r"encoder\.layer\.0\.attention\.attention\.query\.weight",
    paths=_HUGGING_FACE
    | {
        rf"{_BLOCK}\.attention\.attention\.([qv]_bias)": r"blocks.\1.attn.\2",
        rf"{_BLOCK}\.attention\.attention\.(q|k|v)(?:uery|ey|alue)\.(\w+)": r"blocks.\1.attn.\2.\3",
    },
    finish=join_projections,
)

HF_TIMESFORMER = PathNaming(
    marker=r"encoder\.layer\.0\.temporal_attention\.attention\.qkv\.weight",
    paths=_HUGGING_FACE
    | {
        r"embeddings\.time_embeddings": "time_embed",
        rf"{_BLOCK}\.attention\.attention\.qkv\.(\w+)": r"blocks.\1.attn.qkv.\2",
        rf"{_BLOCK}\.temporal_attention\.attention\.qkv\.(\w+)": r"blocks.\1.temporal_attn.qkv.\2",
        rf"{_BLOCK}\.temporal_attention\.output\.dense\.(\w+)": r"blocks.\1.temporal_attn.proj.\2",
        rf"{_BLOCK}\.temporal_dense\.(\w+)": r"blocks.\1.temporal_fc.\2",
        rf"{_BLOCK}\.temporal_layernorm\.(\w+)": r"blocks.\1.temporal_norm1.\2",
    },
)


def _as_a_classifier(state: dict[str, Tensor]) -> None:
    """MAE-ST's own code has three projections where PySlowFast has one; what draws pictures in its training is left out."""
    join_projections(state)
    for name in [name for name in state if name.startswith("pred_head.")]:
        del state[name]


# In the names of PySlowFast, where it is an MViT without poolings, and of its own code.
MAE_ST = PathNaming(
    marker=r"pos_embed_temporal",
    paths={r"norm\.(\w+)": r"fc_norm.\1", r"head\.projection\.(\w+)": r"head.\1"},
    finish=_as_a_classifier,
)
