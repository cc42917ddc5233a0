"""Evaluation in time: how well a network says when something happens. Measures of scores along a video, and of events.

`TimedScores` are the scores of a video at the seconds they are for. `frame_map` and `localization_map` judge them as they are;
`join_events` makes events of them, with a `JoinRule` that is given or `tune_join_rule` finds; `event_map` judges events.
"""

from slowfast.evaluation.timed.event_map import ACTIVITYNET_IOU, THUMOS_IOU, EventMap, event_map
from slowfast.evaluation.timed.frame_map import FrameMap, frame_map
from slowfast.evaluation.timed.joining import JoinRule, join_events
from slowfast.evaluation.timed.localization import localization_map
from slowfast.evaluation.timed.scores import TimedScores
from slowfast.evaluation.timed.tuning import Candidates, TunedJoin, tune_join_rule

__all__ = [
    "ACTIVITYNET_IOU",
    "THUMOS_IOU",
    "Candidates",
    "EventMap",
    "FrameMap",
    "JoinRule",
    "TimedScores",
    "TunedJoin",
    "event_map",
    "frame_map",
    "join_events",
    "localization_map",
    "tune_join_rule",
]
