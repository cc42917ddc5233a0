"""Other lengths and numbers of steps, for whoever asks what these would cost."""

from __future__ import annotations

from fvcore.common.config import CfgNode

from pgt.fit import schedule_of, whole_videos


def other_lengths(cfg: CfgNode) -> list[dict[str, object]]:
    """Options of half and twice as many steps, and of steps of half and twice their length, whose clips have as many frames as
    they need. Steps of half a length are left out where they would be no longer than their overlap."""
    number = "PGT.UPDATE_EVERY" if whole_videos(cfg) else "PGT.STEPS"
    derived = {"DATA.NUM_FRAMES": 0, "DATA.LANE_PIECES": 0} if whole_videos(cfg) else {"DATA.NUM_FRAMES": 0}
    steps, lengths = schedule_of(cfg).steps, list(cfg.PGT.STEP_LEN)
    found: list[dict[str, object]] = [{number: count, **derived} for count in (steps // 2, 2 * steps) if count]
    halves = [length // 2 for length in lengths]
    if all(length % 2 == 0 for length in lengths) and all(a > b for a, b in zip(halves, cfg.PGT.OVERLAP, strict=True)):
        found.append({"PGT.STEP_LEN": halves, **derived})
    found.append({"PGT.STEP_LEN": [2 * length for length in lengths], **derived})
    return found
