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

SAME_NETWORKS = {"PTVX3D": "X3D"}
"""Models that differ from another by next to nothing, so that tests of the other are enough."""

RESNETS = ("c2d", "i3d", "slow", "slowfast")
"""Those that are made of ResNets' blocks, with the options of the section RESNET."""


def tiny_config(variant: str, **changes: Any) -> CfgNode:
    """Config of a small network; `changes` have two underscores where the key has a dot."""
    values = TINY | VARIANTS[variant] | {key.replace("__", "."): value for key, value in changes.items()}
    return load_config(None, [part for pair in values.items() for part in pair])
