"""Whether everything that lists name is there and can be read: what training would find out in the middle of the night."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slowfast.datasets.errors import DatasetError, DecodeError
from slowfast.datasets.frame_folder import check_whole, read_picture
from slowfast.datasets.same_file import file_key, missing
from slowfast.preparation.checkers import CHECKERS, Asked, Listed, Said
from slowfast.preparation.probing import in_parallel, probe_video


@dataclass(frozen=True, slots=True)
class Checked:
    """format: what the folder was taken for. num_rows: videos in all lists; num_files: different ones. problems: (where, what
    is wrong), in the order of the lists. notes: sentences on what training takes, and may be meant otherwise."""

    format: str
    num_rows: int
    num_files: int
    problems: list[tuple[str, str]]
    notes: list[str] = field(default_factory=list, compare=False)


def check(folder: Path, *, prefix: str = "", separator: str = " ", num_classes: int = 0, jobs: int) -> Checked:
    """Reads all lists, wrong rows and all, and decodes every video from beginning to end; of pictures, all must be there and
    whole, and the first and last of a video are decoded.

    prefix, separator, num_classes: see Asked. Raises DatasetError for a folder of no known format.
    """
    asked = Asked(folder=folder, prefix=prefix, separator=separator, num_classes=num_classes)
    checker = next((checker for checker in CHECKERS if checker.recognises(asked.folder)), None)
    if checker is None:
        raise DatasetError(
            path=str(asked.folder), found="nothing that is known",
            expected=f"lists of one of these formats: {', '.join(checker.format for checker in CHECKERS)}",
        )  # fmt: skip
    rows: list[Listed] = []
    said = Said()
    for read in checker.lists(asked):
        try:
            rows += read(said)
        except DatasetError as error:
            said.faults.append(error)
    wrong_rows = [(_where(fault), f"{fault.found}; expected {fault.expected}") for fault in said.faults]
    # A list may be a copy of another, and say the same of the same files.
    distinct = list({row.files: row for row in rows}.values())
    found = {row.files: problem for row, problem in in_parallel(_problem, distinct, jobs=jobs, title="Checking")}
    problems = [(row.where, found[row.files]) for row in rows if found[row.files]]
    doubled, notes = _compare(rows)
    every = dict.fromkeys([*wrong_rows, *doubled, *problems])
    return Checked(checker.format, len(rows), len(distinct), list(every), [*dict.fromkeys([*said.notes, *notes])])


def _where(fault: DatasetError) -> str:
    return fault.path if fault.row is None else f"{fault.path}, row {fault.row}"


def _compare(rows: Sequence[Listed]) -> tuple[list[tuple[str, str]], list[str]]:
    """(problems, notes) of rows that name the same file, in whatever way, and of lists that are thin."""
    splits: dict[str, list[Listed]] = {}
    for row in rows:
        splits.setdefault(row.split, []).append(row)
    problems: list[tuple[str, str]] = []
    notes: list[str] = []
    files = {split: _by_file(listed, problems, notes) for split, listed in splits.items()}
    trained = files.get("train", {})
    for split in ("val", "test"):
        shared = [key for key in files.get(split, {}) if key in trained]
        if shared:
            row, other = files[split][shared[0]], trained[shared[0]]
            problems.append((
                row.where,
                f"{row.files[0]} is trained on too, by {other.where} ({len(shared)} of {len(files[split])} videos of {split} "
                "are); expected other videos than in training",
            ))  # fmt: skip
        if len(files.get(split, {})) == 1:
            notes.append(f"{split} has one video: its figures say hardly anything")
        never = {c for row in splits.get("train", []) for c in row.classes} - {
            c for row in splits.get(split, []) for c in row.classes
        }
        if never and files.get(split):
            numbers = sorted(never)
            notes.append(f"classes that no video of {split} shows: {', '.join(map(str, numbers[:10]))} ({len(numbers)} in all)")
    return problems, notes


def _by_file(rows: Sequence[Listed], problems: list[tuple[str, str]], notes: list[str]) -> dict[Hashable, Listed]:
    """The first row of each file of a list."""
    first: dict[Hashable, Listed] = {}
    repeats = []
    for row in rows:
        other = first.setdefault(file_key(row.files[0]), row)
        if other is row:
            continue
        if other.classes != row.classes:
            problems.append((
                row.where, f"{row.files[0]} is the file of {other.where}, with other classes; expected each video once"
            ))  # fmt: skip
        else:
            repeats.append(row)
    if repeats:
        notes.append(f"{repeats[0].where}: a video that is listed before, with the same classes ({len(repeats)} such rows)")
    return first


def _problem(row: Listed) -> str:
    """What is wrong with the files of a row, the first of them named; empty if nothing is."""
    return _picture_problem(row.files) if row.are_pictures else _video_problem(row.files[0])


def _video_problem(path: str) -> str:
    problem = probe_video(path, every_frame=True).problem
    return f"{path}: {problem}" if problem else ""


def _picture_problem(paths: Sequence[str]) -> str:
    absent = [path for path in paths if not Path(path).is_file()]
    if absent:
        return f"{absent[0]}: {missing(absent[0])} ({len(absent)} of {len(paths)} pictures are missing)"
    try:
        for path in (paths[0], paths[-1]):
            read_picture(path)
        for path in paths[1:-1]:
            check_whole(path)
    except DecodeError as error:
        return str(error)
    return ""
