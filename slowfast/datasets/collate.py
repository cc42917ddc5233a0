"""From clips to a batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.data import default_collate

from slowfast.structures import Clip, ClipBatch, Keyframes


def collate(clips: Sequence[Clip]) -> ClipBatch:
    """One batch of clips of equal size: the rows of one clip after those of the other.

    Pixels stay as decoders write them, colour last in memory, so that stacking copies whole pictures. (`default_collate`
    stacks tensors; in a worker it does so straight into memory that is shared with the main process.)
    """
    replaced = tuple(text for clip in clips for text in clip.replaced)
    clips = [row for clip in clips for row in clip.rows()]
    frames = default_collate([clip.frames.permute(1, 2, 3, 0) for clip in clips])
    frame_labels = [clip.frame_labels for clip in clips if clip.frame_labels is not None]
    assert len(frame_labels) in (0, len(clips)), "only some clips have frame labels"
    return ClipBatch(
        frames=frames.permute(0, 4, 1, 2, 3),
        times=default_collate([clip.times for clip in clips]),
        labels=default_collate([clip.label for clip in clips]),
        frame_labels=default_collate(frame_labels) if frame_labels else None,
        videos=torch.tensor([clip.video for clip in clips]),
        views=torch.tensor([clip.view for clip in clips]),
        names=tuple(clip.name for clip in clips),
        replaced=replaced,
        keyframes=_join([clip.keyframes for clip in clips if clip.keyframes is not None], len(clips)),
    )


def _join(parts: Sequence[Keyframes], num_clips: int) -> Keyframes | None:
    """The persons of all clips, one clip after the other."""
    if not parts:
        return None
    assert len(parts) == num_clips, "only some clips have keyframes"
    return Keyframes.of_clips(parts)
