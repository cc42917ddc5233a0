"""Options at the top level: where the job runs and where its files go."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Section


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    if cfg.SHARD_ID >= cfg.NUM_SHARDS:
        raise ConfigError(
            key="SHARD_ID", value=cfg.SHARD_ID, why=f"there are NUM_SHARDS = {cfg.NUM_SHARDS} machines, counted from 0",
            right=f"0 to {cfg.NUM_SHARDS - 1}",
        )  # fmt: skip
    if cfg.MAX_RESTARTS and cfg.NUM_SHARDS > 1:
        raise ConfigError(
            key="MAX_RESTARTS", value=cfg.MAX_RESTARTS, why="processes of several machines (NUM_SHARDS) are not started again",
            right="0, or torchrun with --max-restarts",
        )  # fmt: skip
    if cfg.DIST_BACKEND == "nccl" and cfg.NUM_GPUS == 0 and cfg.NUM_PROCS * cfg.NUM_SHARDS > 1:
        raise ConfigError(key="DIST_BACKEND", value="nccl", why="it runs on GPUs, and NUM_GPUS is 0", right="gloo, or empty")


def _one_machine(cfg: CfgNode, given: frozenset[str]) -> str:
    return "NUM_SHARDS is 1" if cfg.NUM_SHARDS == 1 else ""


def _on_gpus(cfg: CfgNode, given: frozenset[str]) -> str:
    return f"each of NUM_GPUS = {cfg.NUM_GPUS} has one process" if cfg.NUM_GPUS > 0 else ""


def _on_cpu(cfg: CfgNode, given: frozenset[str]) -> str:
    return "NUM_GPUS is 0" if cfg.NUM_GPUS == 0 else ""


SECTION = Section(
    name="",
    meaning="The job as a whole.",
    finish=_finish,
    options={
        "NUM_GPUS": Option(
            -1,
            "GPUs to use on this machine, one process each; -1: all there are, else the CPU; 0: the CPU.",
            minimum=-1,
            maximum=1024,
        ),
        "TF32": Option(
            True,
            "Whether GPUs may round the factors of float32 products to TF32: three digits, several times as fast since Ampere.",
            no_effect_if=_on_cpu,
        ),
        "NUM_PROCS": Option(
            1, "Processes on this machine when it computes on the CPU.", minimum=1, maximum=256, no_effect_if=_on_gpus
        ),
        "NUM_SHARDS": Option(1, "Machines that the job runs on.", minimum=1, maximum=4096),
        "SHARD_ID": Option(0, "Number of this machine, from 0.", minimum=0, maximum=4095),
        "INIT_METHOD": Option(
            "tcp://localhost:0",
            "Address of machine 0 (tcp://host:port) for jobs on several machines; port 0: any free one.",
            empty=False,
            no_effect_if=_one_machine,
        ),
        "DIST_BACKEND": Option(
            "",
            "Library that carries messages between processes; empty: nccl on GPUs, gloo on CPUs.",
            choices=("", "nccl", "gloo"),
        ),
        "DIST_TIMEOUT_SECONDS": Option(
            1800.0,
            "Seconds that the other processes wait for one that is silent; then the run ends, and says where that one was.",
            minimum=1,
            maximum=10**6,
        ),
        "MAX_RESTARTS": Option(
            0,
            "How often the processes of this machine, or its only one, are started again when one was killed or failed; "
            "torchrun has --max-restarts.",
            minimum=0,
            maximum=10**6,
        ),
        "OUTPUT_DIR": Option("runs/default", "Folder for checkpoints, logs and results.", empty=False),
        "RNG_SEED": Option(0, "Seed that every random choice of the job derives from.", minimum=0, maximum=2**32 - 1),
        "LOG_PERIOD": Option(10, "Iterations between two log lines.", minimum=1, maximum=10**6),
        "LOG_MODEL_INFO": Option(True, "Whether to log the size of the model before training."),
    },
)
