"""Options of AVA, and of data sets in its format."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Reason, Section, switched_off

_VALIDATION = ("VAL_LISTS", "VAL_PREDICT_BOX_LISTS", "VAL_EXCLUSION_FILE")
"""What goes with VAL_GROUNDTRUTH_FILE."""


def ava_file_key(cfg: CfgNode, split: str, kind: str) -> str:
    """Key, in the section AVA, of the option that names a split's files: those of the test serve validation too, unless it
    has its own.

    kind: LISTS or PREDICT_BOX_LISTS; for validation and tests also GROUNDTRUTH_FILE or EXCLUSION_FILE.
    """
    if split == "train":
        return f"TRAIN_{kind}"
    if split == "val" and cfg.AVA.VAL_GROUNDTRUTH_FILE:
        return f"VAL_{kind}"
    return f"TEST_{kind}" if kind.endswith("LISTS") else kind


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    if not cfg.AVA.VAL_GROUNDTRUTH_FILE and (alone := [key for key in _VALIDATION if cfg.AVA[key]]):
        raise ConfigError(
            key=f"AVA.{alone[0]}", value=cfg.AVA[alone[0]],
            why="validation has files of its own only with AVA.VAL_GROUNDTRUTH_FILE, which is empty",
            right="AVA.VAL_GROUNDTRUTH_FILE as well, or none of the options VAL_*",
        )  # fmt: skip
    seconds = cfg.AVA.ANNOTATED_SECONDS
    if seconds and not (len(seconds) == 2 and cfg.AVA.START_SECOND <= seconds[0] <= seconds[1]):
        raise ConfigError(
            key="AVA.ANNOTATED_SECONDS", value=seconds, why=f"no range that begins at AVA.START_SECOND, {cfg.AVA.START_SECOND}",
            right="two seconds, the first and the last, or an empty list",
        )  # fmt: skip
    if [len(row) for row in cfg.AVA.TRAIN_PCA_EIGVEC] != [3, 3, 3]:
        raise ConfigError(
            key="AVA.TRAIN_PCA_EIGVEC", value=cfg.AVA.TRAIN_PCA_EIGVEC,
            why="not one row a colour", right="three rows (R, G, B) of three numbers",
        )  # fmt: skip


def _unless(key: str, wanted: bool, why: str) -> Reason:
    """Without effect where an option of the section is not as wanted."""

    def reason(cfg: CfgNode, given: frozenset[str]) -> str:
        return "" if bool(cfg.AVA[key]) == wanted else why

    return reason


_WITHOUT_COLOURS = _unless("TRAIN_USE_COLOR_AUGMENTATION", True, "AVA.TRAIN_USE_COLOR_AUGMENTATION is False")
_WITH_VIDEOS = _unless("VIDEO_DIR", False, "with AVA.VIDEO_DIR, frames are read out of videos")


def _clips(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.DATA.LANE_PIECES else "clips are read, not whole videos"


def _no_step_to_fill(cfg: CfgNode, given: frozenset[str]) -> str:
    if cfg.DATA.LANE_PIECES:
        return "steps of whole videos have no annotated second to borrow from"
    return switched_off("PGT")(cfg, given)


SECTION = Section(
    name="AVA",
    meaning="Persons at annotated seconds: AVA (Gu et al., arXiv:1705.08421) and data sets in its format.",
    finish=_finish,
    no_effect_if=switched_off("DETECTION"),
    options={
        "FRAME_DIR": Option(
            "",
            "Folder that the pictures in the frame lists are relative to; empty: frames in DATA.PATH_TO_DATA_DIR.",
            no_effect_if=_WITH_VIDEOS,
        ),
        "VIDEO_DIR": Option(
            "", "Folder of videos that begin at START_SECOND, to read instead of FRAME_DIR; no frame lists then."
        ),
        "FRAME_LIST_DIR": Option(
            "", "Folder with the frame lists; empty: frame_lists in DATA.PATH_TO_DATA_DIR.", no_effect_if=_WITH_VIDEOS
        ),
        "ANNOTATION_DIR": Option(
            "", "Folder with the lists of boxes, the label map and the excluded seconds; empty: annotations, likewise."
        ),
        "TRAIN_LISTS": Option(
            ["train.csv"], "Frame lists of the training videos.", elements=str, empty=False, no_effect_if=_WITH_VIDEOS
        ),
        "TEST_LISTS": Option(
            ["val.csv"],
            "Frame lists of the videos for validation and tests.",
            elements=str,
            empty=False,
            no_effect_if=_WITH_VIDEOS,
        ),
        "TRAIN_GT_BOX_LISTS": Option(
            ["ava_train_v2.2.csv"], "Lists of annotated boxes to train on.", elements=str, empty=False
        ),
        "TRAIN_PREDICT_BOX_LISTS": Option(
            [], "Lists of detected and labelled boxes to train on as well.", elements=str, empty=False
        ),
        "TEST_PREDICT_BOX_LISTS": Option(
            ["ava_val_predicted_boxes.csv"], "Lists of detected boxes, for validation and tests.", elements=str, empty=False
        ),
        "VAL_GROUNDTRUTH_FILE": Option(
            "", "Annotated boxes of validation videos other than those of the test; empty: validation uses the files of tests."
        ),
        "VAL_LISTS": Option([], "Frame lists of such validation videos.", elements=str),
        "VAL_PREDICT_BOX_LISTS": Option([], "Lists of detected boxes in such validation videos.", elements=str),
        "VAL_EXCLUSION_FILE": Option("", "Seconds of such validation videos that are not scored; empty: all are."),
        "DETECTION_SCORE_THRESH": Option(0.9, "Smallest score of a detected box that counts.", minimum=0, maximum=1),
        "BGR": Option(False, "Whether the network is fed blue-green-red, as some old weights want."),
        "TRAIN_USE_COLOR_AUGMENTATION": Option(False, "Whether training changes colours at random."),
        "TRAIN_PCA_JITTER_ONLY": Option(
            True,
            "Whether these changes are only a shift of the colours (PCA jitter), without brightness, contrast, saturation.",
            no_effect_if=_WITHOUT_COLOURS,
        ),
        "TRAIN_PCA_EIGVAL": Option(
            [0.225, 0.224, 0.229],
            "PCA jitter: how far colours vary in each direction.",
            length=(3, 3),
            minimum=0,
            maximum=255,
            no_effect_if=_WITHOUT_COLOURS,
        ),
        "TRAIN_PCA_EIGVEC": Option(
            [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]],
            "PCA jitter: the directions, as columns; the rows are R, G, B.",
            length=(3, 3),
            minimum=-1,
            maximum=1,
            no_effect_if=_WITHOUT_COLOURS,
        ),
        "TEST_FORCE_FLIP": Option(False, "Whether clips are mirrored in validation and tests."),
        "FULL_TEST_ON_VAL": Option(False, "Whether to validate on all seconds, not only on those divisible by 4."),
        "LABEL_MAP_FILE": Option(
            "ava_action_list_v2.2_for_activitynet_2019.pbtxt",
            "Label map: names of the classes that are scored; empty: all are, and have no names.",
        ),
        "EXCLUSION_FILE": Option("ava_val_excluded_timestamps_v2.2.csv", "Seconds that are not scored; empty: all are."),
        "GROUNDTRUTH_FILE": Option("ava_val_v2.2.csv", "Annotated boxes that validation and tests are scored against."),
        "PROTOCOL": Option(
            "slowfast",
            "Rules of scoring: those of PySlowFast, or of an edition of the official evaluation.",
            choices=("slowfast", "activitynet_2018", "activitynet_2019", "activitynet_head"),
        ),
        "START_SECOND": Option(
            900, "Second, as the lists of boxes count them, that the first frame of each video shows.", minimum=0, maximum=10**6
        ),
        "ANNOTATED_SECONDS": Option(
            [],
            "First and last second that may have boxes; empty: 902 and 1798, or all if START_SECOND is not 900.",
            elements=int,
            minimum=0,
            maximum=10**8,
        ),
        "FPS": Option(
            30,
            "Frames a second of the pictures in the frame lists, or taken of the files in VIDEO_DIR.",
            minimum=1,
            maximum=1000,
        ),
        "CENTER_FRAME": Option(
            -1, "Frame of the clip that shows the annotated second; -1: the middle, T // 2.", minimum=-1, maximum=2**16
        ),
        "LEAD_SECONDS": Option(
            20.0,
            "Whole videos: how much is read of a video before its first annotated second.",
            minimum=0,
            maximum=10**6,
            no_effect_if=_clips,
        ),
        "EMPTY_STEP": Option(
            "keyframe",
            "What a step without boxes of its own is given: those of the clip's annotated second, or nothing.",
            choices=("keyframe", "skip"),
            no_effect_if=_no_step_to_fill,
        ),
        "IMG_PROC_BACKEND": Option(
            "cv2", "Library that processes pictures.", no_effect="there is one way to process pictures."
        ),
    },
)
