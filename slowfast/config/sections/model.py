"""Options of the network as a whole: its architecture, its norms, whether it classifies persons."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Section, switched_off

_REGNET_NOTE = "as in the paper of RegNets, its stem has 32 channels and its groups are of one width."
_TIMESFORMER_NOTE = "MODEL.DROPOUT_RATE, which it did not read there, is of the features before the classifier."
MODEL_ALIASES = {
    "PTVResNet": ("ResNet", ""),
    "PTVSlowFast": ("SlowFast", ""),
    "RegNet": ("RegNet3D", _REGNET_NOTE),
    "R3D": ("RegNet3D", _REGNET_NOTE),
    "vit_base_patch16_224": ("TimeSformer", _TIMESFORMER_NOTE),
}
"""The same networks in other code bases."""

REFUSED_MODELS = {
    "PTVMViT": ("weights of pytorchvideo's MViT have names that this library does not know", "MViT"),
    "MaskMViT": ("this library has no self-supervised training", "MViT, to train with labels"),
    "PTVCSN": ("this library has no channel-separated networks", "ResNet, SlowFast, X3D or RegNet3D"),
    "ContrastiveModel": ("this library has no self-supervised training", "the network to train with labels, such as ResNet"),
    "ResNet_nopool": ("variants without pooling over time are told by MODEL.ARCH", "ResNet, with MODEL.ARCH c2d_nopool"),
}
"""What other code bases have and this one does not: why, and what would be right."""


WITHOUT_STAGES = ("MViT", "TimeSformer", "ViT")
"""Networks of blocks alone."""


def _settle_checkpointing(cfg: CfgNode, given: frozenset[str]) -> None:
    """PySlowFast's switch stands for one of the values of ours."""
    if "TRAIN.ACTIVATION_CHECKPOINTING" not in given:
        whole = "blocks" if cfg.MODEL.MODEL_NAME in WITHOUT_STAGES else "stages"
        cfg.TRAIN.ACTIVATION_CHECKPOINTING = whole if cfg.MODEL.ACT_CHECKPOINT else "none"
    elif cfg.MODEL.ACT_CHECKPOINT and cfg.TRAIN.ACTIVATION_CHECKPOINTING == "none":
        why = "TRAIN.ACTIVATION_CHECKPOINTING, which says the same in more detail, is none"
        raise ConfigError(key="MODEL.ACT_CHECKPOINT", value=True, why=why, right="TRAIN.ACTIVATION_CHECKPOINTING alone")


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    _settle_checkpointing(cfg, given)
    if cfg.TRAIN.COMPILE and cfg.DETECTION.ENABLE:
        why = "the number of persons changes from batch to batch, and every one would be compiled anew (DETECTION.ENABLE)"
        raise ConfigError(key="TRAIN.COMPILE", value=True, why=why, right="False")
    if cfg.MODEL.NUM_CLASSES < 1:
        raise ConfigError(
            key="MODEL.NUM_CLASSES", value=cfg.MODEL.NUM_CLASSES,
            why=f"the data set {cfg.TRAIN.DATASET!r} does not say how many classes it has", right="at least 1",
        )  # fmt: skip
    both = set(cfg.MODEL.SINGLE_PATHWAY_ARCH) & set(cfg.MODEL.MULTI_PATHWAY_ARCH)
    if both:
        raise ConfigError(
            key="MODEL.MULTI_PATHWAY_ARCH", value=cfg.MODEL.MULTI_PATHWAY_ARCH,
            why=f"MODEL.SINGLE_PATHWAY_ARCH says that {min(both)!r} has one pathway", right=f"{min(both)!r} in one of both",
        )  # fmt: skip
    if cfg.DATA.MULTI_LABEL and cfg.MODEL.LOSS_FUNC == "cross_entropy":
        raise ConfigError(
            key="MODEL.LOSS_FUNC", value=cfg.MODEL.LOSS_FUNC,
            why="it knows one class a video, but DATA.MULTI_LABEL says that there are several", right="bce_logit",
        )  # fmt: skip


def _head_of_tokens(cfg: CfgNode, given: frozenset[str]) -> str:
    own = f"the model {cfg.MODEL.MODEL_NAME} draws them as all its others, times HEAD_INIT_SCALE if it has that"
    return own if cfg.MODEL.MODEL_NAME in WITHOUT_STAGES else ""


def _no_grid(cfg: CfgNode, given: frozenset[str]) -> str:
    reads_one = ("TimeSformer",) if cfg.DETECTION.ENABLE else ("MViT", "TimeSformer")
    why = f"the head of {cfg.MODEL.MODEL_NAME} reads one token, or the mean of all"
    return why if cfg.MODEL.MODEL_NAME in reads_one else ""


SECTION = Section(
    name="MODEL",
    network=("MODEL_NAME", "ARCH", "NUM_CLASSES", "FINAL_POOL"),
    meaning="The network.",
    finish=_finish,
    options={
        "MODEL_NAME": Option(
            "SlowFast", "Name of the network's class.", aliases=MODEL_ALIASES, refused=REFUSED_MODELS, empty=False
        ),
        "ACT_CHECKPOINT": Option(
            False,
            "PySlowFast's name for activation checkpointing: True is TRAIN.ACTIVATION_CHECKPOINTING stages, or "
            "blocks for a network without stages.",
        ),
        "EXECUTION": Option(
            "auto",
            "How convolutions are computed, to the same results: 3d; 2d, with channels last, and in 2-D wherever they look "
            "along space or time alone; auto: 2d on CPUs, where it is faster (benchmarks/README.md), 3d on GPUs.",
            choices=("auto", "3d", "2d"),
        ),
        "ARCH": Option(
            "slowfast",
            "Variant: temporal kernels and pooling, as in the papers.",
            aliases={"r3d": ("regnet3d", "")},
            empty=False,
        ),
        "NUM_CLASSES": Option(400, "Classes; 0: as many as the data set says (data set folder).", minimum=0, maximum=10**6),
        "LOSS_FUNC": Option("cross_entropy", "Loss.", choices=("cross_entropy", "soft_cross_entropy", "bce", "bce_logit")),
        "SINGLE_PATHWAY_ARCH": Option(
            ["c2d", "c2d_nopool", "i3d", "i3d_nopool", "slow", "x3d", "regnet3d", "mvit", "vit"],
            "Variants with one pathway.",
            elements=str,
            empty=False,
        ),
        "MULTI_PATHWAY_ARCH": Option(["slowfast"], "Variants with two pathways.", elements=str, empty=False),
        "DETACH_FINAL_FC": Option(
            False, "Whether only the classifier learns, from the features of a trained network (linear evaluation)."
        ),
        "DROPOUT_RATE": Option(0.5, "Share of features that training drops before the classifier.", minimum=0, below=1),
        "FC_INIT_STD": Option(
            0.01,
            "Standard deviation of the classifier's first weights.",
            minimum=0,
            maximum=10,
            no_effect_if=_head_of_tokens,
        ),
        "HEAD_ACT": Option("softmax", "What makes scores of logits outside training.", choices=("softmax", "sigmoid")),
        "FINAL_POOL": Option(
            ["avg", "avg"],
            "How the head pools over space and over time: avg or max each.",
            length=(2, 2),
            choices=("avg", "max"),
            no_effect_if=_no_grid,
        ),
    },
)


def _frozen(cfg: CfgNode, given: frozenset[str]) -> str:
    return "frozen norms neither measure nor learn (BN.NORM_TYPE)" if cfg.BN.NORM_TYPE == "frozen_batchnorm" else ""


def _not_precise(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.BN.USE_PRECISE_STATS else "BN.USE_PRECISE_STATS is False"


NORMS = Section(
    name="BN",
    meaning="Normalisation.",
    options={
        "NORM_TYPE": Option("batchnorm", "Kind of norm.", choices=("batchnorm", "frozen_batchnorm", "sync_batchnorm")),
        "WEIGHT_DECAY": Option(0.0, "Weight decay of the norms' parameters.", minimum=0, maximum=10, no_effect_if=_frozen),
        "EPSILON": Option(1e-5, "Added to the variance.", minimum=0, above=0, maximum=1),
        "MOMENTUM": Option(0.1, "Weight of a new batch in the running statistics.", minimum=0, maximum=1, no_effect_if=_frozen),
        "USE_PRECISE_STATS": Option(
            False,
            "Whether to remeasure the running statistics before each validation and checkpoint.",
            no_effect_if=_frozen,
        ),
        "NUM_BATCHES_PRECISE": Option(
            200, "Batches for that measurement.", minimum=1, maximum=10**6, no_effect_if=_not_precise
        ),
    },
)

DETECTION = Section(
    name="DETECTION",
    network=("*",),
    meaning="Detection: the network classifies persons, given their boxes, and not whole clips.",
    no_effect_if=switched_off("DETECTION"),
    options={
        "ENABLE": Option(False, "Whether to classify persons in boxes."),
        "ALIGNED": Option(True, "Whether boxes are shifted by half a pixel, so that pixels are areas and not points."),
        "SPATIAL_SCALE_FACTOR": Option(
            16, "Pixels of the clip for each place of the features that boxes are cut from.", minimum=1, maximum=1024
        ),
        "ROI_XFORM_RESOLUTION": Option(
            7, "Places, on each side, that the features of a box are read at.", minimum=1, maximum=64
        ),
    },
)
