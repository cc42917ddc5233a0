"""What two splits of a data set should not have in common, and what one of them should not lack."""

from __future__ import annotations

from collections.abc import Iterator

from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.same_file import spelling_key


def doubts_about(training: ClipDataset, validation: ClipDataset) -> Iterator[str]:
    """A sentence for each reason why figures of the validation would say little: it shares videos with the training, or has
    only one. The disk is not asked: `tools/prepare_data.py check` finds links to one file as well."""
    trained = {spelling_key(record.path) for record in training.records}
    shared = [record for record in validation.records if spelling_key(record.path) in trained]
    if shared:
        yield (
            f"{len(shared)} of {len(validation.records)} validation videos are trained on too: their figures are too "
            f"good (the first is {shared[0].video_id!r}, {shared[0].source})"
        )
    if len(validation.records) == 1:
        yield f"there is one validation video, {validation.records[0].video_id!r}: its figures say hardly anything"
