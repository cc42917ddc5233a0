"""`tools/prepare_data.py ava`: frame lists for a folder in the format of AVA, and a report on what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slowfast.datasets.ava.videos import FPS
from slowfast.preparation.ava import SPLITS, AvaFolder, frame_list, look_at_ava
from slowfast.runtime.atomic_files import atomic_write
from slowfast.runtime.tables import format_table

MOST_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaPreparation:
    """media: folder with ID.mp4 or ID/ID_000001.jpg. annotations: folder with csv files and label maps, at any depth. out:
    where frame_lists/ go."""

    media: Path
    annotations: Path
    out: Path
    jobs: int = 1


def prepare_ava(wanted: AvaPreparation) -> bool:
    """Writes frame lists (pictures only), prints the report, returns whether nothing stops training. Raises DatasetError."""
    found = look_at_ava(wanted.media, wanted.annotations, jobs=wanted.jobs)
    print("\n\n".join(_report(found, wanted.annotations)))
    if any(medium.frames is not None for medium in found.media):
        for name in SPLITS:
            with atomic_write(wanted.out / "frame_lists" / f"{name}.csv") as beside, beside.open("w", encoding="utf-8") as file:
                file.writelines(frame_list(found.split(name)))
        print(f"\nwrote {wanted.out}: {', '.join(f'frame_lists/{name}.csv' for name in SPLITS)}")
        places = f"AVA.FRAME_DIR {wanted.media} AVA.FRAME_LIST_DIR {wanted.out / 'frame_lists'}"
    else:
        places = f"AVA.VIDEO_DIR {wanted.media}"
    print(
        f"train: python tools/run_net.py --cfg configs/AVA/SLOWONLY_PGT.yaml {places} AVA.ANNOTATION_DIR {wanted.annotations}"
    )
    return found.is_usable


def _report(found: AvaFolder, annotations: Path) -> Iterator[str]:
    lengths = np.array([medium.num_frames for medium in found.media])
    kind = "folders of pictures" if any(medium.frames is not None for medium in found.media) else "video files"
    yield (
        f"{len(found.media)} {kind}; frames, at {FPS} a second: {lengths.min()} in the shortest, {int(np.median(lengths))} in "
        f"the median, {lengths.max()} in the longest\n"
        + ", ".join(f"{name}: {len(found.split(name))} of them" for name in SPLITS)
    )
    yield format_table(
        ("list", "what its name says it holds", "rows", "videos", "seconds"),
        [
            (_short(checked.path, annotations), checked.kind, checked.num_rows, len(checked.videos), checked.num_seconds)
            for checked in found.lists
        ],
    )
    findings = [
        (_short(checked.path, annotations), "stops" if finding.stops else "", finding.count, finding.row, finding.what)
        for checked in found.lists
        for finding in checked.findings
    ]
    if findings:
        yield format_table(("list", "", "rows", "first row", "what is odd"), sorted(findings, key=lambda row: not row[1]))
    if found.problems:
        shown = found.problems[:MOST_SHOWN]
        more = f"\nand {len(found.problems) - len(shown)} more" if len(found.problems) > len(shown) else ""
        yield format_table(("where", "what is wrong"), shown) + more
    yield (
        "nothing stops training or tests"
        if found.is_usable
        else 'rows marked "stops", and all that is called wrong, have to be mended'
    )


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root))
