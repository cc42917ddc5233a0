"""Options at the top level: where the job runs and where its files go."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="",
    meaning="The job as a whole.",
    options={
        "NUM_GPUS": Option(
            -1, "GPUs to use on this machine, one process each; -1: all there are, else the CPU; 0: the CPU.", minimum=-1
        ),
        "NUM_PROCS": Option(1, "Processes on this machine when it computes on the CPU.", minimum=1),
        "NUM_SHARDS": Option(1, "Machines that the job runs on.", minimum=1),
        "SHARD_ID": Option(0, "Number of this machine, from 0.", minimum=0),
        "INIT_METHOD": Option(
            "tcp://localhost:0", "Address of machine 0 (tcp://host:port) for jobs on several machines; port 0: any free one."
        ),
        "DIST_BACKEND": Option(
            "",
            "Library that carries messages between processes; empty: nccl on GPUs, gloo on CPUs.",
            choices=("", "nccl", "gloo"),
        ),
        "OUTPUT_DIR": Option("runs/default", "Folder for checkpoints, logs and results."),
        "RNG_SEED": Option(0, "Seed that every random choice of the job derives from.", minimum=0),
        "LOG_PERIOD": Option(10, "Iterations between two log lines.", minimum=1),
        "LOG_MODEL_INFO": Option(True, "Whether to log the size of the model before training."),
    },
)
