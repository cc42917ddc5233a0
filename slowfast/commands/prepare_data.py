"""The commands of `tools/prepare_data.py`: what `slowfast.preparation` finds out, written to files and told on the console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from slowfast.config import load_config
from slowfast.config.prepared_folder import MANIFEST
from slowfast.config.shipped import find_config
from slowfast.datasets.errors import DatasetError
from slowfast.preparation import report
from slowfast.preparation.ava import SPLITS as AVA_SPLITS
from slowfast.preparation.ava import AvaFolder, AvaOptions, frame_list, look_at_ava
from slowfast.preparation.box_lists import TRUTHS as AVA_TRUTHS
from slowfast.preparation.box_lists import BoxPreparation, is_exported, prepare_boxes
from slowfast.preparation.checking import check
from slowfast.preparation.exports.gathering import UNDERSTOOD, Reading
from slowfast.preparation.preparing import Preparation, Prepared, prepare, stale_lists
from slowfast.preparation.reencoding import Reencoded, Reencoding, reencode, sample
from slowfast.preparation.speed import measure_speed
from slowfast.runtime.atomic_files import atomic_write, make_folder, write_json, write_text
from slowfast.runtime.tables import format_table

__all__ = [
    "AvaPreparation",
    "Preparation",
    "Reading",
    "Reencoding",
    "check_data",
    "prepare_ava",
    "prepare_folder",
    "reencode_videos",
]

REPORT = "report.json"
NUM_MEASURED = 8
"""Videos whose loading is timed."""
MOST_PROBLEMS_SHOWN = 50


def prepare_folder(wanted: Preparation) -> None:
    """Writes lists, manifest and report.json to the folder `wanted.data`, and prints the report. Raises DatasetError."""
    prepared = prepare(wanted)
    write_json(wanted.data / REPORT, report.as_json(prepared))
    _write_texts(wanted.data, {**prepared.texts, MANIFEST: prepared.manifest.text()})
    print(report_text(prepared))
    kind = "several labels a video" if prepared.manifest.multi_label else "one label a video"
    print(f"\nwrote {wanted.data}: {', '.join(prepared.texts)}, {MANIFEST}, {REPORT} ({kind})")
    print(_advice(prepared, wanted.data))


def reencode_videos(wanted: Reencoding) -> None:
    """Makes the copies, and prints how large they are and how fast they load. Raises DatasetError."""
    result = reencode(wanted)
    _write_texts(wanted.out, result.texts)
    print(reencoding_text(result))
    print(f"\nwrote {wanted.out}: {result.num_new} new copies, {len(result.copies)} in all")
    if result.texts:
        print(f"to train on them: the command for the originals, with DATA.PATH_TO_DATA_DIR {wanted.out}")
    else:
        print(
            f"lists that named the originals fit the copies with DATA.PATH_PREFIX {wanted.out} "
            "(suffixes other than .mp4 have .mp4 behind them now)"
        )


def check_data(folder: Path, *, prefix: str = "", overrides: Sequence[str] = (), jobs: int = 1) -> bool:
    """Prints what is wrong with a folder, and returns whether nothing is. overrides: options of the training, KEY VALUE and so
    on, that the check is to go by. Raises ConfigError, and DatasetError for a folder of no known format."""
    cfg = load_config(overrides=overrides)
    checked = check(
        folder,
        prefix=prefix or cfg.DATA.PATH_PREFIX,
        separator=cfg.DATA.PATH_LABEL_SEPARATOR,
        num_classes=cfg.MODEL.NUM_CLASSES if "MODEL.NUM_CLASSES" in overrides else 0,
        jobs=jobs,
    )
    print(f"{folder}: {checked.format}, {checked.num_rows} videos in its lists, {checked.num_files} different ones")
    if checked.notes:
        print("\n".join(["worth a look:", *(f"- {note}" for note in checked.notes)]))
    if not checked.problems:
        print("all of them can be read")
        return True
    shown = checked.problems[:MOST_PROBLEMS_SHOWN]
    print(format_table(("where", "what is wrong"), shown))
    if len(checked.problems) > len(shown):
        print(f"and {len(checked.problems) - len(shown)} more")
    print("1 problem" if len(checked.problems) == 1 else f"{len(checked.problems)} problems")
    return False


def _write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Lists and manifest. Without its manifest a folder is not taken for prepared: it goes first and comes last."""
    (folder / MANIFEST).unlink(missing_ok=True)
    if texts:
        for path in stale_lists(folder, texts):
            path.unlink()
    for name, text in texts.items():
        with atomic_write(folder / name) as beside:
            beside.write_text(text, encoding="utf-8")


def _advice(prepared: Prepared, folder: Path) -> str:
    """How to train; where labels have times, where it is shown on whole videos."""
    in_time = any(span.start_sec is not None for entry in prepared.splits["train"] for span in entry.video.spans)
    others = 'GETTING_STARTED, "Videos and a table of times", has those for whole videos' if in_time else "beside it are others"
    return f"to train: python tools/run_net.py --cfg configs/Folder/SLOWONLY.yaml DATA.PATH_TO_DATA_DIR {folder} ({others})"


def reencoding_text(result: Reencoded) -> str:
    speed = measure_speed(sample(result.copies, NUM_MEASURED))
    sizes = [sum(Path(path).stat().st_size for path in paths) / 1e6 for paths in zip(*result.copies, strict=True)]
    rows: list[tuple[str | float, ...]] = [
        ("megabytes, all videos", *sizes, sizes[1] / sizes[0]),
        ("ms to load a clip", speed.before_ms, speed.after_ms, speed.after_ms / speed.before_ms),
    ]
    parts = [
        format_table(("of videos", "originals", "copies", "ratio"), rows),
        f"Copies load {speed.before_ms / speed.after_ms:.1f} times as fast (8 frames, every 8th, cropped to 224 x 224, one "
        f"thread; {speed.num_videos} videos were measured).",
    ]
    if result.problems:
        broken = format_table(("no copy of", "because"), list(result.problems.items()))
        total = len(result.problems) + len(result.copies)
        parts.append(f"{len(result.problems)} of {total} videos cannot be read to their end:\n{broken}")
    return "\n\n".join(parts)


def report_text(prepared: Prepared) -> str:
    parts = [format_table(UNDERSTOOD, prepared.understood)] if prepared.understood else []
    parts += [
        format_table(("class", *prepared.splits), report.class_rows(prepared)),
        format_table(("of a video", "smallest", "median", "largest"), report.measure_rows(prepared)),
        "\n".join(report.kind_lines(prepared)),
    ]
    if prepared.broken:
        broken = format_table(("left out", "because"), report.broken_rows(prepared))
        parts.append(f"videos that cannot be read and are in no list: {len(prepared.broken)}\n{broken}")
    if prepared.unknown_classes:
        parts.append(f"classes without a readable video, left out: {', '.join(prepared.unknown_classes)}")
    if prepared.ignored:
        ignored = ", ".join(f"{count} {suffix}" for suffix, count in prepared.ignored.items())
        parts.append(f"files that are no videos, or lie in no class folder: {ignored}")
    if prepared.notes:
        parts.append("\n".join(["worth a look:", *(f"- {note}" for note in prepared.notes)]))
    return "\n\n".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaPreparation:
    """media: folder with ID.mp4 or ID/ID_000001.jpg. annotations: folder with csv files and label maps, at any depth, or boxes
    that annotation tools exported. out: where frame_lists/, or lists of such boxes, go. overrides: options of the training, KEY
    VALUE and so on, that the check is to go by. reading, shares, group_by, seed: for exports alone, see BoxPreparation; None:
    not given."""

    media: Path
    annotations: Path
    out: Path
    jobs: int = 1
    overrides: Sequence[object] = ()
    fps: float | None = None
    shares: Sequence[float] | None = None
    group_by: str | None = None
    seed: int | None = None


BOX_CONFIG = "configs/AVA/SLOWONLY.yaml"


def prepare_exported_boxes(wanted: AvaPreparation) -> bool:
    """Makes lists in the format of AVA of exported boxes, and a config that trains on them; then checks them as `prepare_ava`
    does. Raises DatasetError."""
    given = dict(zip(wanted.overrides[::2], wanted.overrides[1::2], strict=False))
    start = AvaOptions.from_overrides(["AVA.START_SECOND", 0, *wanted.overrides]).times.start
    boxes = prepare_boxes(BoxPreparation(
        media=wanted.media, annotations=[wanted.annotations], reading=Reading(fps=wanted.fps),
        shares=wanted.shares or (0.8, 0.1, 0.1), group_by=wanted.group_by or "", seed=wanted.seed or 0,
        start=start, jobs=wanted.jobs,
    ))  # fmt: skip
    folder = wanted.out / "annotations"
    make_folder(folder)
    for name, text in boxes.texts.items():
        write_text(folder / name, text)
    options = {
        **boxes.options,
        "AVA.VIDEO_DIR": str(wanted.media.resolve()),
        "AVA.ANNOTATION_DIR": str(folder.resolve()),
        **{str(key): yaml.safe_load(str(value)) for key, value in given.items()},
    }
    config = wanted.out / "ava.yaml"
    write_text(config, _config_text(options))
    parts = [
        format_table(UNDERSTOOD, boxes.understood),
        format_table(("class, boxes at whole seconds", *AVA_TRUTHS), boxes.classes),
        "\n".join(["worth a look:", *(f"- {note}" for note in boxes.notes)]),
    ]
    print("\n\n".join(parts) + f"\n\nwrote {folder}: {', '.join(boxes.texts)}\n")
    checked = AvaPreparation(
        media=wanted.media,
        annotations=folder,
        out=wanted.out,
        jobs=wanted.jobs,
        overrides=[word for pair in options.items() for word in pair],
    )
    return prepare_ava(checked, config=config)


def _config_text(options: Mapping[str, object]) -> str:
    """A config file that builds on one that came with the library."""
    sections: dict[str, dict[str, object]] = {}
    for key, value in options.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    content = {"_BASE_": str(Path(find_config(BOX_CONFIG)).resolve()), **sections}
    return "# Written by prepare_data.py ava, for exported boxes.\n" + str(
        yaml.safe_dump(content, allow_unicode=True, sort_keys=False, default_flow_style=None, width=120)
    )


def prepare_ava(wanted: AvaPreparation, *, config: Path | None = None) -> bool:
    """Writes frame lists (pictures only), prints the report, returns whether nothing stops training. config: a file that has
    all options. Boxes of annotation tools become lists first. Raises DatasetError."""
    if is_exported(wanted.annotations):
        return prepare_exported_boxes(wanted)
    given = {"--fps": wanted.fps, "--split": wanted.shares, "--group-by": wanted.group_by, "--seed": wanted.seed}
    if useless := [name for name, value in given.items() if value is not None]:
        raise DatasetError(
            path=useless[0], found="a folder of AVA's lists, which say frames and splits themselves",
            expected="boxes that an annotation tool exported, or no such option",
        )  # fmt: skip
    options = AvaOptions.from_overrides(wanted.overrides)
    found = look_at_ava(wanted.media, wanted.annotations, jobs=wanted.jobs, options=options)
    print("\n\n".join(_ava_report(found, wanted.annotations, options.times.fps)))
    if any(medium.frames is not None for medium in found.media):
        for name in AVA_SPLITS:
            with atomic_write(wanted.out / "frame_lists" / f"{name}.csv") as beside, beside.open("w", encoding="utf-8") as file:
                file.writelines(frame_list(found.split(name)))
        print(f"\nwrote {wanted.out}: {', '.join(f'frame_lists/{name}.csv' for name in AVA_SPLITS)}")
        places = f"AVA.FRAME_DIR {wanted.media} AVA.FRAME_LIST_DIR {wanted.out / 'frame_lists'}"
    else:
        places = f"AVA.VIDEO_DIR {wanted.media}"
    if config is not None:
        print(f"to train: python tools/run_net.py --cfg {config}")
        return found.is_usable
    print(
        f"to train: python tools/run_net.py --cfg configs/AVA/SLOWONLY.yaml {places} "
        f"AVA.ANNOTATION_DIR {wanted.annotations}" + "".join(f" {word}" for word in wanted.overrides)
    )
    return found.is_usable


def _ava_report(found: AvaFolder, annotations: Path, fps: int) -> Iterator[str]:
    lengths = np.array([medium.num_frames for medium in found.media])
    kind = "folders of pictures" if any(medium.frames is not None for medium in found.media) else "video files"
    yield (
        f"{len(found.media)} {kind}; frames, at {fps} a second: {lengths.min()} in the shortest, {int(np.median(lengths))} in "
        f"the median, {lengths.max()} in the longest\n"
        + ", ".join(f"{name}: {len(found.split(name))} of them" for name in AVA_SPLITS)
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
        shown = found.problems[:MOST_PROBLEMS_SHOWN]
        more = f"\nand {len(found.problems) - len(shown)} more" if len(found.problems) > len(shown) else ""
        yield format_table(("where", "what is wrong"), shown) + more
    yield (
        "nothing stops training or tests"
        if found.is_usable
        else 'rows marked "stops", and all that is called wrong, have to be mended'
    )


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root))
