"""Configs of tiny networks of every kind."""

from typing import Any

from slowfast.config import CfgNode, load_config

TINY = {
    "NUM_GPUS": 0,
    "MODEL.NUM_CLASSES": 5,
    "MODEL.DROPOUT_RATE": 0.0,
    "RESNET.DEPTH": 18,
    "RESNET.WIDTH_PER_GROUP": 8,
    "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2], [2], [2], [2]],
    "DATA.TRAIN_CROP_SIZE": 32,
}

VARIANTS = {
    "c2d": {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "c2d"},
    "i3d": {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "i3d"},
    "slow": {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "slow"},
    "slowfast": {"MODEL.MODEL_NAME": "SlowFast", "MODEL.ARCH": "slowfast", "SLOWFAST.ALPHA": 4, "SLOWFAST.BETA_INV": 4},
    "x3d": {"MODEL.MODEL_NAME": "X3D", "MODEL.ARCH": "x3d", "RESNET.TRANS_FUNC": "x3d_transform", "X3D.DIM_C5": 16},
    "regnetx": {"MODEL.MODEL_NAME": "RegNet3D", "MODEL.ARCH": "regnet3d", "REGNET.DEPTH": "200M"},
    "regnety": {"MODEL.MODEL_NAME": "RegNet3D", "MODEL.ARCH": "regnet3d", "REGNET.DEPTH": "Y-400M"},
}
"""What the config says to get each network."""

TRANSFORMERS = {
    "timesformer": {
        "MODEL.MODEL_NAME": "TimeSformer",
        "MODEL.ARCH": "vit",
        "TIMESFORMER.EMBED_DIM": 16,
        "TIMESFORMER.DEPTH": 2,
        "TIMESFORMER.NUM_HEADS": 2,
        "TIMESFORMER.DROPPATH_RATE": 0.0,
    },
    "vit": {
        "MODEL.MODEL_NAME": "ViT",
        "MODEL.ARCH": "vit",
        "VIT.EMBED_DIM": 16,
        "VIT.DEPTH": 2,
        "VIT.NUM_HEADS": 2,
        "VIT.DROPPATH_RATE": 0.0,
    },
    "mvit": {
        "MODEL.MODEL_NAME": "MViT",
        "MODEL.ARCH": "mvit",
        "MVIT.DEPTH": 2,
        "MVIT.EMBED_DIM": 16,
        "MVIT.NUM_HEADS": 2,
        "MVIT.DROPPATH_RATE": 0.0,
        "MVIT.DIM_MUL": [[1, 2.0]],
        "MVIT.HEAD_MUL": [[1, 2.0]],
        "MVIT.POOL_Q_STRIDE": [[0, 1, 1, 1], [1, 1, 2, 2]],
        "MVIT.POOL_KV_STRIDE_ADAPTIVE": [1, 4, 4],
        "MVIT.POOL_KVQ_KERNEL": [3, 3, 3],
        "MVIT.SEP_POS_EMBED": True,
        "MVIT.REL_POS_SPATIAL": True,
        "MVIT.REL_POS_TEMPORAL": True,
        "MVIT.RESIDUAL_POOLING": True,
        "MVIT.DIM_MUL_IN_ATT": True,
        "MVIT.USE_MEAN_POOLING": True,  # else parameters of the last block do nothing
    },
}
"""Likewise, networks of tokens: they have neither stages nor a stem of that kind, and no norms of batches."""

SAME_NETWORKS = {"PTVX3D": "X3D"}
"""Models that differ from another by next to nothing, so that tests of the other are enough."""

RESNETS = ("c2d", "i3d", "slow", "slowfast")
"""Those that are made of ResNets' blocks, with the options of the section RESNET."""


def tiny_config(variant: str, **changes: Any) -> CfgNode:
    """Config of a small network; `changes` have two underscores where the key has a dot."""
    values = TINY | (VARIANTS | TRANSFORMERS)[variant] | {key.replace("__", "."): value for key, value in changes.items()}
    return load_config(None, [part for pair in values.items() for part in pair])
