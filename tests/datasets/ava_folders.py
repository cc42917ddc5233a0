"""Tiny folders in the format of AVA: pictures whose grey tells their number, with red persons where the boxes are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from slowfast.config import CfgNode, load_config

PERSONS = ((0.125, 0.25, 0.375, 0.75), (0.625, 0.25, 0.875, 1.0))
RED = (230, 0, 0)
NUM_CLASSES = 5


@dataclass(frozen=True)
class Video:
    name: str
    height: int = 48
    width: int = 64
    num_frames: int = 200


VIDEOS = {
    "train": (Video("-trainvid_1"), Video("trainvideo2", height=64, width=48)),
    "val": (Video("valvideo__1", width=80), Video("valvideo__2"), Video("valvideo__3", height=80)),
}


def row(video: str, second: object, box: tuple[float, ...], *rest: object) -> str:
    return ",".join(map(str, (video, second, *box, *rest)))


def truth_rows() -> list[str]:
    rows = []
    for video in VIDEOS["train"]:
        for second in range(902, 906):
            rows += [row(video.name, f"0{second}", PERSONS[0], label, 0) for label in (1, 1 + second % 4 + 1)]
    return rows


def detected_rows(videos: tuple[Video, ...], label: str) -> list[str]:
    return [
        row(video.name, f"0{second}", box, label, score)
        for video in videos
        for second in range(902, 907)
        for box, score in ((PERSONS[0], 0.95), (PERSONS[1], 0.9), ((0.4, 0.1, 0.6, 0.2), 0.5))
    ]


@dataclass
class Folder:
    """A folder in the making; texts by path below it."""

    root: Path
    texts: dict[str, str] = field(default_factory=dict)

    def set(self, name: str, rows: list[str]) -> Folder:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text("".join(f"{line}\n" for line in rows))
        return self

    def cfg(self, *overrides: object) -> CfgNode:
        return load_config(
            overrides=[
                "TRAIN.DATASET", "ava", "TEST.DATASET", "ava", "DATA.PATH_TO_DATA_DIR", str(self.root),
                "DATA.NUM_FRAMES", 8, "DATA.SAMPLING_RATE", 8, "DATA.TRAIN_JITTER_SCALES", [48, 64],
                "DATA.TRAIN_CROP_SIZE", 48, "DATA.TEST_CROP_SIZE", 48, "MODEL.NUM_CLASSES", NUM_CLASSES,
                "MODEL.ARCH", "slow", "DETECTION.ENABLE", True, "MODEL.LOSS_FUNC", "bce", "MODEL.HEAD_ACT", "sigmoid",
                "AVA.TRAIN_PREDICT_BOX_LISTS", ["ava_train_predicted_boxes.csv"], "DATA.INDEX_CACHE_DIR", "", *overrides,
            ]
        )  # fmt: skip


def picture(video: Video, number: int) -> np.ndarray:
    """RGB; the background is as grey as the frame's number."""
    image = np.full((video.height, video.width, 3), number, np.uint8)
    for x1, y1, x2, y2 in PERSONS:
        rows, columns = (
            slice(round(y1 * video.height), round(y2 * video.height)),
            slice(round(x1 * video.width), round(x2 * video.width)),
        )
        image[rows, columns] = RED
    return image


def write_folder(root: Path) -> Folder:
    folder = Folder(root)
    for split, videos in VIDEOS.items():
        lines = ["original_vido_id video_id frame_id path labels"]
        for number, video in enumerate(videos):
            (root / "frames" / video.name).mkdir(parents=True)
            for frame in range(video.num_frames):
                path = f"{video.name}/{video.name}_{frame + 1:06d}.png"
                lines.append(f'{video.name} {number} {frame} {path} ""')
                cv2.imwrite(str(root / "frames" / path), picture(video, frame)[..., ::-1])
        folder.set(f"frame_lists/{split}.csv", lines)
    folder.set("annotations/ava_train_v2.2.csv", truth_rows())
    folder.set("annotations/ava_train_predicted_boxes.csv", detected_rows(VIDEOS["train"], "-1"))
    folder.set("annotations/ava_val_predicted_boxes.csv", detected_rows(VIDEOS["val"], ""))
    folder.set(
        "annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt",
        [f'label {{\n  name: "act {number}"\n  label_id: {number}\n  label_type: PERSON_MOVEMENT\n}}' for number in (1, 2, 4)],
    )
    return folder


def greys(frames: np.ndarray) -> list[int]:
    """Numbers of the frames of a clip (C, T, H, W), from its top left corner, which no person reaches when all is shown."""
    return [int(value) for value in frames[1, :, 0, 0]]
