"""Options of PySlowFast and of its forks that are called otherwise here, or are not here: their config files load as they are.

What is not here either changes nothing in what is trained or measured, and then is ignored, with a warning; or it would,
and then only the value that asks for nothing is taken: a training that silently leaves something out is worth less than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unused:
    """An option without an effect here.

    why: the reason that others read; an entry without one is ignored silently, as another option decides. off: values that ask
    for nothing, which are taken silently; so are texts that begin with `off_prefix`, if there is one. refused: whether other
    values are errors; else they are ignored with a warning. advice: what would be right, where that is more than `off`.
    """

    why: str = ""
    off: tuple[object, ...] = ()
    refused: bool = False
    off_prefix: str = ""
    advice: str = ""

    def asks_for_nothing(self, value: object) -> bool:
        if self.off_prefix and isinstance(value, str) and value.startswith(self.off_prefix):
            return True
        return not self.why or any(_plain(value) == _plain(off) for off in self.off)


def find_unused(full_key: str) -> Unused | None:
    """The entry of an option, or else that of the section that it belongs to."""
    while full_key:
        if full_key in UNUSED:
            return UNUSED[full_key]
        full_key = full_key.rpartition(".")[0]
    return None


def _ignored(why: str, *off: object) -> Unused:
    return Unused(why, off)


def _refused(why: str, *off: object) -> Unused:
    return Unused(why, off or (False,), refused=True)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


_NO_PICTURES = "this library trains on videos, not on pictures."
_NO_DRAWING = "TensorBoard is given numbers alone; the report of a test shows scores over time."
_PCA = "only AVA's changes of colours use it: see AVA.TRAIN_PCA_EIGVAL and AVA.TRAIN_PCA_EIGVEC."
_PCA_DIRECTIONS = [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
_NO_SELF_SUPERVISION = "this library has no self-supervised training"

RENAMED = {
    "LOGS.DIR": "OUTPUT_DIR",
    "LOGS.PERIOD": "LOG_PERIOD",
    "LOGS.LOG_MODEL": "LOG_MODEL_INFO",
    "TRAIN.FULL_TIME_EVAL": "DATA.FULL_TIME_EVAL",
    "TEST.CYCLIC_LOAD": "DATA.CYCLIC_LOAD",
}
"""Their name -> ours. Files and the command line may use either."""

UNUSED: dict[str, Unused] = {
    # Norms and weights.
    "BN.NUM_SPLITS": _ignored("only sub_batchnorm, which this library does not have, splits batches.", 1),
    "BN.NUM_SYNC_DEVICES": _ignored("sync_batchnorm measures over all processes.", 1),
    "BN.GLOBAL_SYNC": _ignored("sync_batchnorm measures over all processes.", False),
    "MODEL.FROZEN_BN": _refused("norms are frozen by BN.NORM_TYPE frozen_batchnorm"),
    "MODEL.DROPCONNECT_RATE": _refused("this library drops no blocks", 0.0),
    "MODEL.FP16_ALLREDUCE": _ignored("gradients are summed in their own type.", False),
    "TRAIN.CHECKPOINT_EPOCH_RESET": _ignored("weights to start from start a training at its first epoch.", True, False),
    "TRAIN.CHECKPOINT_FILE_EPOCH": _ignored("the file of weights is named whole.", -1),
    "TEST.CHECKPOINT_FILE_EPOCH": _ignored("the file of weights is named whole.", -1),
    "TRAIN.TRANSFER_WEIGHT": _ignored("weights to start from start a training at its first epoch.", True),
    "TRAIN.CHECKPOINT_STRICT": _ignored(
        "weights that do not fit are named in the log, and refused if they are the most.", False
    ),
    "TEST.CHECKPOINT_STRICT": _ignored("weights to test must always fit exactly.", False, True),
    "TRAIN.CHECKPOINT_IN_INIT": _refused("weights of pictures are read with TRAIN.CHECKPOINT_INFLATE"),
    # Optimisation.
    "TRAIN.KILL_LOSS_EXPLOSION_FACTOR": _ignored("a training ends when its loss is not a number.", 0.0),
    "SOLVER.GAMMA": _ignored("no SOLVER.LR_POLICY reads it."),
    "SOLVER.STEP_SIZE": _ignored("no SOLVER.LR_POLICY reads it."),
    "SOLVER.WARMUP_FACTOR": _ignored("warm-up begins at SOLVER.WARMUP_START_LR."),
    "SOLVER.LARS_ON": _refused("this library does not have the optimizer LARS"),
    # ssl_eval and its like name the data set that self-supervised weights are tried on, by ordinary training.
    "TASK": Unused(
        _NO_SELF_SUPERVISION, ("",), refused=True, off_prefix="ssl_eval", advice="'' or ssl_eval, to train with labels"
    ),
    # Data.
    "DATA.TRAIN_PCA_EIGVAL": _ignored(_PCA, [0.225, 0.224, 0.229]),
    "DATA.TRAIN_PCA_EIGVEC": _ignored(_PCA, _PCA_DIRECTIONS),
    "DATA.PATH_TO_PRELOAD_IMDB": _ignored(_NO_PICTURES, ""),
    "DATA.IN22K_TRAINVAL": _ignored(_NO_PICTURES, False),
    "DATA.IN22k_VAL_IN1K": _ignored(_NO_PICTURES, ""),
    "DATA.IN_VAL_CROP_RATIO": _ignored(_NO_PICTURES),
    "DATA.DECODING_SHORT_SIZE": _ignored("frames are decoded at their own size."),
    "DATA.VIEW": _refused("this library does not have the data set CharadesEgo", "3rd"),
    "PREFETCH": _ignored("DATA_LOADER.NUM_WORKERS says how many processes load data."),
    "DATA.LOADER_CHUNK_SIZE": _ignored("lists are read whole.", 0),
    "DATA.LOADER_CHUNK_OVERALL_SIZE": _ignored("lists are read whole.", 0),
    "DATA.SKIP_ROWS": _refused("lists are read from their first row", 0),
    "DATA.DUMMY_LOAD": _refused("this library trains on videos, not on noise"),
    "DATA.TRAIN_JITTER_MOTION_SHIFT": _refused("all frames of a clip are cut out at the same place"),
    "DATA.TRAIN_JITTER_FPS": _refused("clips are sampled at DATA.TARGET_FPS, without jitter", 0.0),
    "DATA.TRAIN_CROP_NUM_TEMPORAL": _refused("training takes one clip of a video", 1),
    "DATA.TRAIN_CROP_NUM_SPATIAL": _refused("training takes one crop of a clip", 1),
    "DATA.TIME_DIFF_PROB": _refused("clips keep their frames", 0.0),
    "DATA.SSL_MOCOV2_AUG": _refused(_NO_SELF_SUPERVISION),
    "DATA.SSL_BLUR_SIGMA_MIN": Unused(),
    "DATA.SSL_BLUR_SIGMA_MAX": Unused(),
    "TEST.NUM_TEMPORAL_CLIPS": _refused("a video's clips are counted by TEST.NUM_ENSEMBLE_VIEWS", []),
    # Sections of which one switch or two decide over all the rest.
    "AUG.GEN_MASK_LOADER": _refused(_NO_SELF_SUPERVISION),
    "AUG.MASK_TUBE": Unused(),
    "AUG.MASK_FRAMES": Unused(),
    "AUG.MASK_WINDOW_SIZE": Unused(),
    "AUG.MASK_RATIO": Unused(),
    "AUG.MAX_MASK_PATCHES_PER_BLOCK": Unused(),
    "MULTIGRID": Unused(),
    "MULTIGRID.SHORT_CYCLE": _refused("this library does not have multigrid training over space"),
    "MULTIGRID.LONG_CYCLE": _refused("this library does not have multigrid training over space"),
    "MASK": Unused(),
    "MASK.ENABLE": _refused(_NO_SELF_SUPERVISION),
    "VIS_MASK": Unused(),
    "VIS_MASK.ENABLE": _refused(_NO_SELF_SUPERVISION),
    "DEMO": Unused(),
    "DEMO.ENABLE": _refused("cameras and new videos are for tools/predict.py, which needs no config"),
    # What only networks read which MODEL.MODEL_NAME does not know.
    "MVIT.PATCH_2D": _refused(_NO_PICTURES.rstrip(".")),
    "MVIT.LAYER_SCALE_INIT_VALUE": _refused("blocks have no scales of their own for each channel", 0.0),
    "MVIT.USE_FIXED_SINCOS_POS": _refused("positions of MViT are learned"),
    "MVIT.CONV_Q": Unused(
        "queries are added as they are, which MVIT.RESIDUAL_POOLING True says",
        (0,),
        refused=True,
        advice="MVIT.RESIDUAL_POOLING",
    ),
    "MVIT.REV": Unused(),
    "MVIT.REV.ENABLE": _refused("this library has no reversible networks"),
    "CONTRASTIVE": Unused(),
    # What is drawn, logged and timed.
    "LOGS.FILE_NAME": _ignored("the log is OUTPUT_DIR/stdout.log.", ""),
    "DEBUG": _ignored("the log says what a run does; --debug shows where in the code an error came up.", False),
    "BENCHMARK": _ignored("benchmarks/ measures how fast videos load."),
    "TENSORBOARD.PREDICTIONS_PATH": _ignored(_NO_DRAWING, ""),
    "TENSORBOARD.CLASS_NAMES_PATH": _ignored(_NO_DRAWING, ""),
    "TENSORBOARD.CATEGORIES_PATH": _ignored(_NO_DRAWING, ""),
    "TENSORBOARD.CONFUSION_MATRIX": _ignored(_NO_DRAWING),
    "TENSORBOARD.HISTOGRAM": _ignored(_NO_DRAWING),
    "TENSORBOARD.MODEL_VIS": _ignored(_NO_DRAWING),
    "TENSORBOARD.WRONG_PRED_VIS": _ignored(_NO_DRAWING),
}
"""By key; the name of a section, or of one within another, stands for all options in it that have no entry themselves."""
