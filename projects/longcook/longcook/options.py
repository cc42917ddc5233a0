"""Options of LongCook, the embedded data set."""

from fvcore.common.config import CfgNode

from longcook.plan_shift import MOST_TABLES
from slowfast.options import Option, Section

HOUR = "longcook_hour"
NAMES = ("longcook", "longcook_kinetics", "longcook_ava", HOUR)
"""The data sets that read these options: LongCook in the format of Charades, of Kinetics and of AVA, and LongCook-Hour."""

_AVA_FILES = {
    "VAL_LISTS": ["val.csv"],
    "VAL_PREDICT_BOX_LISTS": ["ava_val_predicted_boxes.csv"],
    "VAL_EXCLUSION_FILE": "ava_val_excluded_timestamps_v2.2.csv",
    "VAL_GROUNDTRUTH_FILE": "ava_val_v2.2.csv",
    "TEST_LISTS": ["test.csv"],
    "TEST_PREDICT_BOX_LISTS": ["ava_test_predicted_boxes.csv"],
    "EXCLUSION_FILE": "ava_test_excluded_timestamps_v2.2.csv",
    "GROUNDTRUTH_FILE": "ava_test_v2.2.csv",
}
"""AVA is validated and tested on one list; LongCook in its format has a list for each."""


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    """Names the files of LongCook in the section AVA, where nobody has named others."""
    if "longcook_ava" in (cfg.TRAIN.DATASET, cfg.TEST.DATASET):
        for key, value in _AVA_FILES.items():
            if f"AVA.{key}" not in given:
                cfg.AVA[key] = value


def _other_data(cfg: CfgNode, given: frozenset[str]) -> str:
    names = list(dict.fromkeys((cfg.TRAIN.DATASET, cfg.TEST.DATASET)))
    return "" if set(names) & set(NAMES) else f"no data set of this config is LongCook ({', '.join(names)})"


def _short_videos(cfg: CfgNode, given: frozenset[str]) -> str:
    return _unless_hour(cfg, "a length to choose")


def _other_videos(cfg: CfgNode, given: frozenset[str]) -> str:
    return _unless_hour(cfg, "several tables")


def _unless_hour(cfg: CfgNode, what: str) -> str:
    return "" if HOUR in (cfg.TRAIN.DATASET, cfg.TEST.DATASET) else f"only videos of {HOUR} have {what}"


SECTION = Section(
    name="LONGCOOK",
    meaning="The embedded data set; it is written to DATA.PATH_TO_DATA_DIR when it is missing there.",
    finish=_finish,
    no_effect_if=_other_data,
    order=-10,  # before the core, which checks the names of files in AVA
    options={
        "NUM_TRAIN": Option(400, "Training videos.", minimum=1, maximum=10**5),
        "NUM_VAL": Option(150, "Validation videos, on which choices are made.", minimum=1, maximum=10**5),
        "NUM_TEST": Option(150, "Test videos.", minimum=1, maximum=10**5),
        "MINUTES": Option(
            5,
            f"Mean length of the videos of {HOUR}, which differ by up to two fifths. What was prepared matters for up to ten.",
            minimum=1,
            maximum=60,
            no_effect_if=_short_videos,
        ),
        "TABLES": Option(
            1,
            f"Tables of {HOUR}. With two, told apart by their cloths, what milk makes is what was prepared at the same one.",
            minimum=1,
            maximum=MOST_TABLES,
            no_effect_if=_other_videos,
        ),
        "SEED": Option(0, "Seed of the kitchen: other seeds give other videos.", minimum=0, maximum=2**32 - 1),
    },
)
