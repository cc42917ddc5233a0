"""Evaluation in time: how well a network says when something happens. Measures of scores along a video, and of events.

`TimedScores` are the scores of a video at the seconds they are for. `frame_map` and `localization_map` judge them as they are;
`join_events` makes events of them, with a `JoinRule` that is given, `tune_join_rule` finds or `read_rule` reads; `event_map`
judges events, and `summarize` says what it found.
"""

from slowfast.evaluation.timed.event_map import ACTIVITYNET_IOU, THUMOS_IOU, EventMap, event_map
from slowfast.evaluation.timed.frame_map import FrameMap, frame_map
from slowfast.evaluation.timed.joining import JoinRule, join_events
from slowfast.evaluation.timed.localization import localization_map
from slowfast.evaluation.timed.rule_file import KeptRule, read_rule, rule_content
from slowfast.evaluation.timed.scores import TimedScores
from slowfast.evaluation.timed.summary import ALL_IOU, AVERAGES, averages, summarize
from slowfast.evaluation.timed.tuning import Candidates, TunedJoin, tune_join_rule

__all__ = [
    "ACTIVITYNET_IOU",
    "ALL_IOU",
    "AVERAGES",
    "THUMOS_IOU",
    "Candidates",
    "EventMap",
    "FrameMap",
    "JoinRule",
    "KeptRule",
    "TimedScores",
    "TunedJoin",
    "averages",
    "event_map",
    "frame_map",
    "join_events",
    "localization_map",
    "read_rule",
    "rule_content",
    "summarize",
    "tune_join_rule",
]
