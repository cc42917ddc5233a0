"""Options of the processes that load data."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="DATA_LOADER",
    meaning="Loading of data.",
    options={
        "NUM_WORKERS": Option(
            -1, "Loading processes for each training process; -1: as many as the cores allow.", minimum=-1, maximum=256
        ),
        "PIN_MEMORY": Option(True, "Whether batches wait in page-locked memory (GPUs only)."),
        "VIDEO_TIMEOUT_SEC": Option(
            60.0,
            "Seconds that reading one sample may take before its video counts as unreadable; 0: no limit.",
            minimum=0,
            maximum=86400,
        ),
        "ENABLE_MULTI_THREAD_DECODE": Option(
            False, "Decode one video with several threads.", no_effect="one thread a worker is faster once several workers run."
        ),
    },
)
