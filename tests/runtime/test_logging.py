"""Where messages go."""

import logging
from pathlib import Path

import pytest

from slowfast.config import ConfigError
from slowfast.runtime.logging import LOG_FILE, failures_in_file, log_path, log_stats, setup_logging


def test_processes_but_the_main_one_keep_quiet_and_have_files_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logging(tmp_path, rank=1)
    logger = logging.getLogger("slowfast.test")
    logger.info("how it goes")
    logger.warning("not for the user")
    logger.error("for the user")
    log_stats({"_type": "train_iter"})
    logging.getLogger("py.warnings").warning("of Python")
    shown, kept = capsys.readouterr().err, (tmp_path / "logs" / "rank_00001.log").read_text()
    assert [line.partition("] ")[2] for line in shown.splitlines()] == ["for the user"]
    for text in ("how it goes", "not for the user", "for the user", 'json_stats: {"_type": "train_iter"}', "of Python"):
        assert text in kept
    assert not (tmp_path / LOG_FILE).exists()


@pytest.mark.parametrize("rank", [0, 3])
def test_what_ended_a_process_stands_in_its_file_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rank: int
) -> None:
    setup_logging(tmp_path, rank=rank)
    with pytest.raises(ZeroDivisionError), failures_in_file():
        raise ZeroDivisionError("a bug")
    with pytest.raises(ConfigError), failures_in_file():
        raise ConfigError(key="A.B", value=1, why="a mistake")
    text = log_path(tmp_path, rank).read_text()
    assert "ended by ZeroDivisionError\nTraceback" in text and "ZeroDivisionError: a bug" in text
    assert "ended by A.B" in text and text.count("Traceback") == 1
    assert capsys.readouterr().err == "", "who catches it tells it"


def test_a_process_of_many_says_once_that_its_file_is_full_and_keeps_quiet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "rank_00001.log").symlink_to("/dev/full")
    setup_logging(tmp_path, rank=1)
    for _ in range(3):
        logging.getLogger("slowfast.test").info("a line")
    [told] = capsys.readouterr().err.splitlines()
    assert "logs/rank_00001.log: cannot be written: No space left" in told and told.endswith("; the log ends")
    setup_logging(tmp_path)  # closes the file
