"""Whether everything that lists name is there and can be read: what training would find out in the middle of the night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slowfast.datasets.errors import DatasetError, DecodeError
from slowfast.datasets.frame_folder import read_picture
from slowfast.preparation.checkers import CHECKERS, Listed
from slowfast.preparation.probing import in_parallel, probe_video


@dataclass(frozen=True, slots=True)
class Checked:
    """format: what the folder was taken for. num_rows: videos in all lists; num_files: different ones. problems: (where, what
    is wrong), in the order of the lists."""

    format: str
    num_rows: int
    num_files: int
    problems: list[tuple[str, str]]


def check(folder: Path, *, prefix: str = "", jobs: int) -> Checked:
    """Reads all lists and decodes every video from beginning to end; of pictures, all must exist and the first and last of a
    video are decoded. Of a list with a wrong row no file is looked at. Raises DatasetError for a folder of no known
    format."""
    checker = next((checker for checker in CHECKERS if checker.recognises(folder)), None)
    if checker is None:
        raise DatasetError(
            path=str(folder), found="nothing that is known",
            expected=f"lists of one of these formats: {', '.join(checker.format for checker in CHECKERS)}",
        )  # fmt: skip
    rows: list[Listed] = []
    wrong_lists: list[tuple[str, str]] = []
    for read in checker.lists(folder, prefix):
        try:
            rows += read()
        except DatasetError as error:
            where = error.path if error.row is None else f"{error.path}, row {error.row}"
            wrong_lists.append((where, f"{error.found}; expected {error.expected}"))
    # A list may be a copy of another, and say the same of the same files.
    distinct = list({row.files: row for row in rows}.values())
    found = {row.files: problem for row, problem in in_parallel(_problem, distinct, jobs=jobs, title="Checking")}
    problems = [(row.where, found[row.files]) for row in rows if found[row.files]]
    return Checked(checker.format, len(rows), len(distinct), [*wrong_lists, *problems])


def _problem(row: Listed) -> str:
    """What is wrong with the files of a row, the first of them named; empty if nothing is."""
    return _picture_problem(row.files) if row.are_pictures else _video_problem(row.files[0])


def _video_problem(path: str) -> str:
    problem = probe_video(path, every_frame=True).problem
    return f"{path}: {problem}" if problem else ""


def _picture_problem(paths: Sequence[str]) -> str:
    missing = [path for path in paths if not Path(path).is_file()]
    if missing:
        return f"{missing[0]}: the file does not exist ({len(missing)} of {len(paths)} pictures are missing)"
    try:
        for path in (paths[0], paths[-1]):
            read_picture(path)
    except DecodeError as error:
        return str(error)
    return ""
