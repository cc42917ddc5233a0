"""Names of networks of tokens: torchvision's MViT."""

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
