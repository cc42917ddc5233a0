"""Options of the data: where it lies, which frames a clip takes, how pictures are cut."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.config.prepared_folder import settle
from slowfast.options import Option, Section

_OF_255 = "pixels go from 0 to 1 here: divide figures on the scale of 255 by 255"


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    settle(cfg, given)
    low, high = cfg.DATA.TRAIN_JITTER_SCALES
    if low > high:
        raise ConfigError(
            key="DATA.TRAIN_JITTER_SCALES",
            value=cfg.DATA.TRAIN_JITTER_SCALES,
            why="not a range of sizes",
            right="[smallest, largest]",
        )
    if cfg.DATA.TRAIN_CROP_SIZE > low:
        raise ConfigError(
            key="DATA.TRAIN_CROP_SIZE", value=cfg.DATA.TRAIN_CROP_SIZE,
            why=f"larger than the smallest short side, {low} (DATA.TRAIN_JITTER_SCALES)", right=f"at most {low}",
        )  # fmt: skip
    _check_colours(cfg)
    _check_relative_crops(cfg)
    if cfg.DATA.CYCLIC_LOAD and cfg.DATA.USE_OFFSET_SAMPLING:
        raise ConfigError(
            key="DATA.USE_OFFSET_SAMPLING", value=True, why="views of DATA.CYCLIC_LOAD lie one after the other",
            right="only one of the two",
        )  # fmt: skip


def _check_relative_crops(cfg: CfgNode) -> None:
    areas, aspects = "DATA.TRAIN_JITTER_SCALES_RELATIVE", "DATA.TRAIN_JITTER_ASPECT_RELATIVE"
    ranges = {areas: cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE, aspects: cfg.DATA.TRAIN_JITTER_ASPECT_RELATIVE}
    for key, value in ranges.items():
        if value and (len(value) != 2 or value[0] > value[1]):
            raise ConfigError(key=key, value=value, why="not a range", right="[smallest, largest], or [] for none")
    for key, other, right in ((areas, aspects, "[0.08, 1.0]"), (aspects, areas, "[0.75, 1.3333]")):
        if ranges[other] and not ranges[key]:
            why = f"{other} is {ranges[other]}, and crops need both their area and their shape"
            raise ConfigError(key=key, value=[], why=why, right=right)
    if ranges[areas] and (cfg.TRAIN.DATASET == "ava" or cfg.DETECTION.ENABLE):
        why = "boxes of persons are told in crops that keep the shape of the picture"
        raise ConfigError(key=areas, value=ranges[areas], why=why, right="[], with DATA.TRAIN_JITTER_SCALES")


def _check_colours(cfg: CfgNode) -> None:
    data = cfg.DATA
    if data.SSL_COLOR_JITTER and (cfg.TRAIN.DATASET == "ava" or cfg.DETECTION.ENABLE):  # also data sets in AVA's format
        why = "AVA has other changes of colour"
        raise ConfigError(key="DATA.SSL_COLOR_JITTER", value=True, why=why, right="AVA.TRAIN_USE_COLOR_AUGMENTATION True")
    if data.COLOR_RND_GRAYSCALE and not data.SSL_COLOR_JITTER:
        why = "it belongs to the changes of colour that DATA.SSL_COLOR_JITTER switches on"
        raise ConfigError(
            key="DATA.COLOR_RND_GRAYSCALE", value=data.COLOR_RND_GRAYSCALE, why=why, right="0, or SSL_COLOR_JITTER"
        )


def _without_jitter(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.DATA.SSL_COLOR_JITTER else "DATA.SSL_COLOR_JITTER is False"


def _of_clips(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.DATA.LANE_PIECES else "clips are read, not whole videos (DATA.LANE_PIECES)"


SECTION = Section(
    name="DATA",
    meaning="The data.",
    finish=_finish,
    options={
        "PATH_TO_DATA_DIR": Option("", "Folder with the lists or annotations."),
        "PATH_PREFIX": Option("", "Folder that the paths in the lists are relative to; empty: PATH_TO_DATA_DIR."),
        "PATH_LABEL_SEPARATOR": Option(" ", "The separator of path and label in a Kinetics list.", empty=False),
        "NUM_FRAMES": Option(
            8,
            "Frames of a clip (of the Fast pathway, if there are two); 0: derived where a project can.",
            minimum=0,
            maximum=2**16,
        ),
        "LANE_PIECES": Option(
            0,
            "Whole videos: pieces of a video that a batch holds for each lane, NUM_FRAMES in all; 0: clips. Projects set it.",
            minimum=0,
            maximum=2**16,
        ),
        "MAX_SECONDS": Option(
            0.0,
            "Whole videos: seconds of a video that are read, from its start; 0: all.",
            minimum=0,
            maximum=10**6,
            no_effect_if=_of_clips,
        ),
        "SAMPLING_RATE": Option(8, "Step between two frames of a clip, in frames of the video.", minimum=1, maximum=10**4),
        "TARGET_FPS": Option(
            30, "Frame rate that SAMPLING_RATE refers to (Kinetics; Charades has 24).", minimum=1, maximum=1000
        ),
        "MEAN": Option(
            [0.45, 0.45, 0.45], "Mean of the pixels, R G B, in [0, 1].", length=(3, 3), minimum=0, maximum=1, advice=_OF_255
        ),
        "STD": Option(
            [0.225, 0.225, 0.225], "Standard deviation of the pixels, R G B.", length=(3, 3), above=0, maximum=1, advice=_OF_255
        ),
        "INPUT_CHANNEL_NUM": Option(
            [3, 3],
            "Colour channels that each pathway reads.",
            bare=True,
            length=(1, 2),
            choices=(3,),
            advice="videos have three, R, G and B",
        ),
        "TRAIN_JITTER_SCALES": Option(
            [256, 320], "Range that the short side is drawn from in training.", length=(2, 2), minimum=1, maximum=2**13
        ),
        "TRAIN_JITTER_SCALES_RELATIVE": Option(
            [],
            "Range of a training crop's share of the picture's area, instead of TRAIN_JITTER_SCALES; empty: no such crops.",
            elements=float,
            above=0,
            maximum=1,
        ),
        "TRAIN_JITTER_ASPECT_RELATIVE": Option(
            [],
            "Range of the width of such a crop over its height.",
            elements=float,
            above=0,
            maximum=100,
        ),
        "TRAIN_CROP_SIZE": Option(224, "Side of the square that training crops out.", minimum=1, maximum=2**13),
        "TEST_CROP_SIZE": Option(256, "Short side, and side of the square crops, in tests.", minimum=1, maximum=2**13),
        "INV_UNIFORM_SAMPLE": Option(False, "Whether the inverse of the short side is drawn uniformly, not the side itself."),
        "RANDOM_FLIP": Option(True, "Whether half of the training clips are mirrored."),
        "SSL_COLOR_JITTER": Option(
            False, "Whether training changes colours at random (not AVA, which has AVA.TRAIN_USE_COLOR_AUGMENTATION)."
        ),
        "COLOR_RND_GRAYSCALE": Option(0.0, "Share of clips that this makes grey.", minimum=0, maximum=1),
        "SSL_COLOR_BRI_CON_SAT": Option(
            [0.4, 0.4, 0.4],
            "How far brightness, contrast and saturation leave 1 at most, as factors.",
            length=(3, 3),
            no_effect_if=_without_jitter,
            minimum=0,
            maximum=1,
        ),
        "SSL_COLOR_HUE": Option(
            0.1,
            "How far hues are turned at most, as a share of the full circle.",
            minimum=0,
            maximum=0.5,
            no_effect_if=_without_jitter,
        ),
        "MULTI_LABEL": Option(False, "Whether a video can have several labels (then mAP is the measure, else accuracy)."),
        "ENSEMBLE_METHOD": Option("sum", "How the scores of a video's views become one.", choices=("sum", "max")),
        "USE_OFFSET_SAMPLING": Option(
            False, "Kinetics: whether the last of the views in tests ends with the video, as for later models of PySlowFast."
        ),
        "CYCLIC_LOAD": Option(
            False, "Kinetics: whether views in tests follow each other, and go on at the beginning where the video ends."
        ),
        "FULL_TIME_EVAL": Option(True, "Charades: validate on clips that cover the video, as in tests, not on random ones."),
        "DECODING_BACKEND": Option(
            "pyav", "Library that decodes videos.", choices=("pyav", "torchvision", "decord"), no_effect="PyAV decodes them."
        ),
        "CHECK_FILES": Option(False, "Whether to look for every listed video before anything begins (not for AVA)."),
        "INDEX_CACHE_DIR": Option(
            "auto", "Folder where indexes of video files are kept; auto: one in the user's cache; empty: nowhere."
        ),
        "REMOTE_CACHE_DIR": Option(
            "auto", "Folder for copies of remote videos (paths with ://); auto: one in the user's cache.", empty=False
        ),
        "REMOTE_CACHE_GB": Option(
            20.0, "Size of that folder, in 10^9 bytes; what was not used for longest goes first.", minimum=0, maximum=10**6
        ),
        "REVERSE_INPUT_CHANNEL": Option(
            False, "Swap red and blue.", no_effect="frames are RGB already, which is what the published settings feed."
        ),
        "CROP_SIZE": Option(
            224,
            "Crop that the head is built for.",
            no_effect="the head is built for DATA.TRAIN_CROP_SIZE.",
            minimum=1,
            maximum=2**13,
        ),
    },
)

LOADER = Section(
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
