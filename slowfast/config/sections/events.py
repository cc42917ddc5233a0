"""Options of events: what scores in time are made into, by tests of whole videos and by whoever uses the weights."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Section

TUNED = -1.0
"""As EVENTS.THRESHOLD or EVENTS.MIN_SECONDS: what is best on validation videos."""


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    settled = [key for key in ("THRESHOLD", "MIN_SECONDS", "MAX_GAP_SECONDS") if f"EVENTS.{key}" in given]
    if cfg.EVENTS.RULE_FILE and settled:
        raise ConfigError(
            key=f"EVENTS.{settled[0]}", value=cfg.EVENTS[settled[0]], why="the rule is taken from a file (EVENTS.RULE_FILE)",
            right="only one of the two",
        )  # fmt: skip
    if 0 > cfg.EVENTS.THRESHOLD != TUNED or 0 > cfg.EVENTS.MIN_SECONDS != TUNED:
        key = "THRESHOLD" if 0 > cfg.EVENTS.THRESHOLD != TUNED else "MIN_SECONDS"
        raise ConfigError(
            key=f"EVENTS.{key}", value=cfg.EVENTS[key], why="it is below 0", right=f"a number from 0, or {TUNED:g}: tuned"
        )
    if cfg.TEST.VIDEOS:
        _check_new_videos(cfg)


def _check_new_videos(cfg: CfgNode) -> None:
    if not events_in_time(cfg):
        raise ConfigError(
            key="TEST.VIDEOS", value=cfg.TEST.VIDEOS, why="videos without labels are tested to find events in them, and only "
            "whole videos with several labels have scores in time",
            right="PGT.STEPS all and DATA.MULTI_LABEL True with it",
        )  # fmt: skip
    if cfg.TEST.SAVE_RESULTS_PATH:
        raise ConfigError(
            key="TEST.SAVE_RESULTS_PATH", value=cfg.TEST.SAVE_RESULTS_PATH,
            why="such files hold labels, and the videos of TEST.VIDEOS have none",
            right="an empty text: scores_in_time.npz has the scores",
        )  # fmt: skip


def events_in_time(cfg: CfgNode) -> bool:
    """Whether tests read whole videos whose labels have times."""
    return bool(cfg.DATA.LANE_PIECES and cfg.DATA.MULTI_LABEL and not cfg.DETECTION.ENABLE)


def have_events(cfg: CfgNode) -> bool:
    """Whether labels have times, so that scores along a video can be made into events."""
    return bool(cfg.DATA.MULTI_LABEL and not cfg.DETECTION.ENABLE)


def _no_events(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if have_events(cfg) else "events are those of videos with several labels (DATA.MULTI_LABEL)"


def _no_times(cfg: CfgNode, given: frozenset[str]) -> str:
    if events_in_time(cfg):
        return ""
    return "tests have scores in time of whole videos alone (PGT.STEPS all), those of clips only tune the rule for predictions"


def _off(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.EVENTS.ENABLE else "EVENTS.ENABLE is False"


SECTION = Section(
    name="EVENTS",
    meaning="The rule that makes events of scores in time, for data whose labels have times. A test keeps it in the weights.",
    finish=_finish,
    order=20,
    no_effect_if=_no_events,
    options={
        "ENABLE": Option(
            True, "Whether there is a rule that joins scores to events; tests of whole videos write these and measure them."
        ),
        "RULE_FILE": Option(
            "",
            "File with the rule for joining, as a test wrote it (event_rule.json); empty: THRESHOLD and so on.",
            no_effect_if=_off,
        ),
        "THRESHOLD": Option(
            TUNED,
            "Least score of an event, of every class; -1: for each class what is best on the validation videos, which are then "
            "evaluated first.",
            minimum=TUNED,
            maximum=1,
            no_effect_if=_off,
        ),
        "MIN_SECONDS": Option(
            TUNED,
            "Shortest event, in seconds; -1: for each class what is best on the validation videos.",
            minimum=TUNED,
            maximum=10**6,
            no_effect_if=_off,
        ),
        "MAX_GAP_SECONDS": Option(
            0.0,
            "Stretches of a class with no more seconds than this between them become one event.",
            minimum=0,
            maximum=10**6,
            no_effect_if=_off,
        ),
        "FPS": Option(
            1.0,
            "Rate of the frames that per-frame mAP judges, and of scores_in_time.csv.",
            above=0,
            maximum=1000,
            no_effect_if=_no_times,
        ),
        "SCORES_CSV": Option(
            False,
            "Whether scores are also written as scores_in_time.csv: a row for each frame, a column for each class.",
            no_effect_if=_no_times,
        ),
    },
)
