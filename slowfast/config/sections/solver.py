"""Options of the optimizer and its learning rate."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.config.options import Option, Section


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    solver = cfg.SOLVER
    if solver.LR_POLICY == "steps_with_relative_lrs":
        if not solver.STEPS or solver.STEPS[0] != 0 or sorted(solver.STEPS) != solver.STEPS:
            raise ConfigError(
                key="SOLVER.STEPS", value=solver.STEPS, why="not rising from 0", right="[0, first change, ...] in epochs"
            )
        reached = [step for step in solver.STEPS if step < solver.MAX_EPOCH]
        if len(solver.LRS) < len(reached):
            raise ConfigError(
                key="SOLVER.LRS", value=solver.LRS,
                why=f"fewer factors than SOLVER.STEPS has entries before the end of the training ({len(reached)})",
                right=f"{len(reached)} factors",
            )  # fmt: skip
    if solver.WARMUP_EPOCHS > solver.MAX_EPOCH:
        raise ConfigError(
            key="SOLVER.WARMUP_EPOCHS",
            value=solver.WARMUP_EPOCHS,
            why=f"longer than the training (SOLVER.MAX_EPOCH = {solver.MAX_EPOCH})",
            right=f"at most {solver.MAX_EPOCH}",
        )


SECTION = Section(
    name="SOLVER",
    meaning="Optimisation.",
    finish=_finish,
    options={
        "OPTIMIZING_METHOD": Option("sgd", "Optimizer.", choices=("sgd", "adam", "adamw")),
        "BASE_LR": Option(0.1, "Learning rate after warm-up.", minimum=0),
        "BASE_LR_SCALE_NUM_SHARDS": Option(
            False, "Whether BASE_LR, COSINE_END_LR and WARMUP_START_LR are multiplied by NUM_SHARDS."
        ),
        "LR_POLICY": Option("cosine", "How the learning rate falls.", choices=("cosine", "steps_with_relative_lrs")),
        "COSINE_END_LR": Option(0.0, "Learning rate at the end of the cosine.", minimum=0),
        "COSINE_AFTER_WARMUP": Option(False, "Whether the cosine starts after warm-up, not at epoch 0."),
        "STEPS": Option([], "Epochs at which steps_with_relative_lrs changes; the first is 0.", elements=int),
        "LRS": Option([], "Factors of BASE_LR from each of STEPS on.", elements=float),
        "MAX_EPOCH": Option(300, "Epochs.", minimum=1),
        "WARMUP_EPOCHS": Option(0.0, "Epochs over which the rate rises linearly from WARMUP_START_LR.", minimum=0),
        "WARMUP_START_LR": Option(0.01, "Learning rate at the start of warm-up.", minimum=0),
        "MOMENTUM": Option(0.9, "Momentum (SGD).", minimum=0),
        "DAMPENING": Option(0.0, "Dampening of the momentum (SGD).", minimum=0),
        "NESTEROV": Option(True, "Nesterov momentum (SGD)."),
        "BETAS": Option([0.9, 0.999], "Decay of the moments (Adam, AdamW)."),
        "WEIGHT_DECAY": Option(1e-4, "Weight decay; norms have their own, BN.WEIGHT_DECAY.", minimum=0),
        "ZERO_WD_1D_PARAM": Option(False, "Whether biases and scales go without weight decay."),
        "CLIP_GRAD_L2NORM": Option(0.0, "Largest norm of the whole gradient; 0: any.", minimum=0),
        "CLIP_GRAD_VAL": Option(0.0, "Largest absolute value of a gradient's entry; 0: any.", minimum=0),
    },
)
