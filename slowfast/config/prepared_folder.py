"""What a folder of prepared videos says about itself, and the options that follow from it.

`tools/prepare_data.py` writes the file; the data set "folder" reads it. So nobody has to count classes and type the number.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError

DATASET = "folder"
MANIFEST = "folder.json"
KEY = "DATA.PATH_TO_DATA_DIR"
_RIGHT = "a folder that `python tools/prepare_data.py folder` wrote"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderManifest:
    """multi_label: several classes a video, with or without times, rather than one. classes: their names, by number.
    videos: the folder that the paths in the lists start from, absolute or relative to that of the manifest."""

    multi_label: bool
    classes: tuple[str, ...]
    videos: str

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Raises ConfigError when the folder has no manifest, or something else in its place."""
        path = Path(folder) / MANIFEST
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(key=KEY, value=str(folder), why=f"there is no {MANIFEST} in it", right=_RIGHT) from None
        except (OSError, ValueError) as error:
            raise ConfigError(
                key=KEY, value=str(folder), why=f"its {MANIFEST} cannot be read ({error})", right=_RIGHT
            ) from None
        if not _fits(content):
            raise ConfigError(key=KEY, value=str(folder), why=f"its {MANIFEST} is not what was written there", right=_RIGHT)
        return cls(multi_label=content["multi_label"], classes=tuple(content["classes"]), videos=content["videos"])

    def text(self) -> str:
        """The file's content."""
        return json.dumps({**asdict(self), "num_classes": len(self.classes)}, indent=2, ensure_ascii=False) + "\n"


def settle(cfg: CfgNode, given: frozenset[str]) -> None:
    """Derives the options that a prepared folder answers, where a data set of the run is one.

    MODEL.NUM_CLASSES, DATA.MULTI_LABEL and DATA.PATH_PREFIX come from the manifest; a loss and scores for several labels
    follow unless somebody set others. A config that states the number of classes needs no folder yet.
    """
    if DATASET not in (cfg.TRAIN.DATASET, cfg.TEST.DATASET):
        return
    stated = cfg.MODEL.NUM_CLASSES if "MODEL.NUM_CLASSES" in given else 0
    folder = Path(cfg.DATA.PATH_TO_DATA_DIR)
    if stated and not (folder / MANIFEST).is_file():
        return
    manifest = FolderManifest.read(folder)
    if stated not in (0, len(manifest.classes)):
        raise ConfigError(
            key="MODEL.NUM_CLASSES", value=stated, why=f"{folder} has {len(manifest.classes)} classes",
            right=f"{len(manifest.classes)}, or 0 to have it derived",
        )  # fmt: skip
    if "DATA.MULTI_LABEL" in given and cfg.DATA.MULTI_LABEL != manifest.multi_label:
        labels = "several labels" if manifest.multi_label else "one label"
        raise ConfigError(
            key="DATA.MULTI_LABEL", value=cfg.DATA.MULTI_LABEL, why=f"{folder} was prepared with {labels} a video",
            right=f"{manifest.multi_label}, or nothing at all",
        )  # fmt: skip
    cfg.MODEL.NUM_CLASSES = len(manifest.classes)
    cfg.DATA.MULTI_LABEL = manifest.multi_label
    cfg.DATA.PATH_PREFIX = cfg.DATA.PATH_PREFIX or str(folder / manifest.videos)
    if manifest.multi_label:
        for key, value in (("LOSS_FUNC", "bce_logit"), ("HEAD_ACT", "sigmoid")):
            if f"MODEL.{key}" not in given:
                cfg.MODEL[key] = value


def _fits(content: object) -> bool:
    return (
        isinstance(content, dict)
        and isinstance(content.get("multi_label"), bool)
        and isinstance(content.get("videos"), str)
        and isinstance(content.get("classes"), list)
        and bool(content["classes"])
        and all(isinstance(name, str) for name in content["classes"])
    )
