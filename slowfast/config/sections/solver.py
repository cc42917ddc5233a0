"""Options of the optimizer and its learning rate."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Reason, Section


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    solver = cfg.SOLVER
    if solver.LR_POLICY == "steps_with_relative_lrs":
        _check_steps(solver)
    elif solver.COSINE_END_LR > solver.BASE_LR:
        raise ConfigError(
            key="SOLVER.COSINE_END_LR", value=solver.COSINE_END_LR, why="the cosine would rise",
            right=f"at most SOLVER.BASE_LR, {solver.BASE_LR}",
        )  # fmt: skip
    if solver.WARMUP_EPOCHS > solver.MAX_EPOCH:
        raise ConfigError(
            key="SOLVER.WARMUP_EPOCHS",
            value=solver.WARMUP_EPOCHS,
            why=f"longer than the training (SOLVER.MAX_EPOCH = {solver.MAX_EPOCH})",
            right=f"at most {solver.MAX_EPOCH}",
        )
    if solver.OPTIMIZING_METHOD == "sgd" and solver.NESTEROV and (solver.MOMENTUM == 0 or solver.DAMPENING != 0):
        raise ConfigError(
            key="SOLVER.NESTEROV", value=True, why="Nesterov momentum needs a momentum and no dampening",
            right="False, or SOLVER.MOMENTUM above 0 and SOLVER.DAMPENING 0",
        )  # fmt: skip


def _check_steps(solver: CfgNode) -> None:
    if not solver.STEPS or solver.STEPS[0] != 0 or sorted(set(solver.STEPS)) != solver.STEPS:
        raise ConfigError(
            key="SOLVER.STEPS", value=solver.STEPS, why="not rising from 0", right="[0, first change, ...] in epochs"
        )
    reached = sum(step < solver.MAX_EPOCH for step in solver.STEPS)  # recipes end their list with the last epoch, or do not
    if len(solver.LRS) < reached:
        raise ConfigError(
            key="SOLVER.LRS", value=solver.LRS,
            why=f"fewer factors than SOLVER.STEPS has entries before the end of the training ({reached})",
            right=f"{reached} factors",
        )  # fmt: skip


def _policy(wanted: str) -> Reason:
    def reason(cfg: CfgNode, given: frozenset[str]) -> str:
        policy = cfg.SOLVER.LR_POLICY
        return "" if policy == wanted else f"SOLVER.LR_POLICY {policy} does not read it"

    return reason


def _method(*wanted: str) -> Reason:
    def reason(cfg: CfgNode, given: frozenset[str]) -> str:
        method = cfg.SOLVER.OPTIMIZING_METHOD
        return "" if method in wanted else f"SOLVER.OPTIMIZING_METHOD {method} does not read it"

    return reason


def _steps(cfg: CfgNode, given: frozenset[str]) -> str:
    beyond = [step for step in cfg.SOLVER.STEPS if step > cfg.SOLVER.MAX_EPOCH]
    if why := _policy("steps_with_relative_lrs")(cfg, given):
        return why
    return f"the training ends at SOLVER.MAX_EPOCH {cfg.SOLVER.MAX_EPOCH}, before {beyond}" if beyond else ""


def _factors(cfg: CfgNode, given: frozenset[str]) -> str:
    spare = cfg.SOLVER.LRS[len(cfg.SOLVER.STEPS) :]
    if why := _policy("steps_with_relative_lrs")(cfg, given):
        return why
    return f"SOLVER.STEPS has no entries for the last factors, {spare}" if spare else ""


def _without_warm_up(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.SOLVER.WARMUP_EPOCHS else "SOLVER.WARMUP_EPOCHS is 0"


SECTION = Section(
    name="SOLVER",
    meaning="Optimisation.",
    finish=_finish,
    options={
        "OPTIMIZING_METHOD": Option("sgd", "Optimizer.", choices=("sgd", "adam", "adamw")),
        "BASE_LR": Option(0.1, "Learning rate after warm-up.", minimum=0, above=0, maximum=1000),
        "BASE_LR_SCALE_NUM_SHARDS": Option(
            False, "Whether BASE_LR, COSINE_END_LR and WARMUP_START_LR are multiplied by NUM_SHARDS."
        ),
        "LR_POLICY": Option("cosine", "How the learning rate falls.", choices=("cosine", "steps_with_relative_lrs")),
        "COSINE_END_LR": Option(
            0.0, "Learning rate at the end of the cosine.", minimum=0, maximum=1000, no_effect_if=_policy("cosine")
        ),
        "COSINE_AFTER_WARMUP": Option(
            False, "Whether the cosine starts after warm-up, not at epoch 0.", no_effect_if=_policy("cosine")
        ),
        "STEPS": Option(
            [],
            "Epochs at which steps_with_relative_lrs changes; the first is 0.",
            elements=int,
            minimum=0,
            maximum=10**6,
            no_effect_if=_steps,
        ),
        "LRS": Option(
            [], "Factors of BASE_LR from each of STEPS on.", elements=float, minimum=0, maximum=10**6, no_effect_if=_factors
        ),
        "MAX_EPOCH": Option(300, "Epochs.", minimum=1, maximum=10**6),
        "WARMUP_EPOCHS": Option(
            0.0, "Epochs over which the rate rises linearly from WARMUP_START_LR.", minimum=0, maximum=10**6
        ),
        "WARMUP_START_LR": Option(
            0.01, "Learning rate at the start of warm-up.", minimum=0, maximum=1000, no_effect_if=_without_warm_up
        ),
        "MOMENTUM": Option(0.9, "Momentum (SGD).", minimum=0, below=1, no_effect_if=_method("sgd")),
        "DAMPENING": Option(0.0, "Dampening of the momentum (SGD).", minimum=0, maximum=1, no_effect_if=_method("sgd")),
        "NESTEROV": Option(True, "Nesterov momentum (SGD).", no_effect_if=_method("sgd")),
        "BETAS": Option(
            [0.9, 0.999],
            "Decay of the moments (Adam, AdamW).",
            length=(2, 2),
            minimum=0,
            below=1,
            no_effect_if=_method("adam", "adamw"),
        ),
        "WEIGHT_DECAY": Option(1e-4, "Weight decay; norms have their own, BN.WEIGHT_DECAY.", minimum=0, maximum=10),
        "LAYER_DECAY": Option(
            1.0,
            "Factor of the learning rate from each layer to the one before it (networks that know their layers).",
            above=0,
            maximum=1,
        ),
        "ZERO_WD_1D_PARAM": Option(False, "Whether biases and scales go without weight decay."),
        "CLIP_GRAD_L2NORM": Option(0.0, "Largest norm of the whole gradient; 0: any.", minimum=0, maximum=10**9),
        "CLIP_GRAD_VAL": Option(0.0, "Largest absolute value of a gradient's entry; 0: any.", minimum=0, maximum=10**9),
    },
)
