"""Commands in documents: tools take them as they stand, and those of a page run, one after the other."""

import importlib
import warnings
from pathlib import Path

import pytest

from slowfast.config import ConfigError, load_config
from tests.documentation.commands import NOT_RUN, ROOT, blocks_of, indented_commands, make_place, run_in, words_of
from tests.documentation.test_documents import DOCUMENTS

PAGES = [path for path in DOCUMENTS if any(block.runs and block.language == "sh" for block in blocks_of(path))]
COMMANDS = [(str(path.relative_to(ROOT)), command) for path in DOCUMENTS for command in dict.fromkeys(indented_commands(path))]


@pytest.mark.parametrize(("document", "command"), COMMANDS)
def test_a_command_is_one_that_its_tool_takes(document: str, command: str) -> None:
    """Its options are there, and where it names a config of ours and options, these fit it."""
    tool, *words = words_of(command)
    options = importlib.import_module(f"slowfast_tools.{Path(tool).stem}").parse(words)
    if getattr(options, "cfg", None) and (ROOT / options.cfg).is_file():
        try:
            with warnings.catch_warnings(action="ignore"):
                load_config(str(ROOT / options.cfg), getattr(options, "overrides", []))
        except ConfigError as error:
            assert error.key in ("DATA.PATH_TO_DATA_DIR", "TEST.VIDEOS"), error  # folders of readers, not of ours


def test_there_are_commands_in_the_documents() -> None:
    assert {"README.md", "GETTING_STARTED.md", "docs/recipes/surgery.md"} <= {document for document, _ in COMMANDS}
    assert len(PAGES) >= 5


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_block_of_commands_runs_or_says_why_it_does_not(path: Path) -> None:
    """In pages of the site: blocks of shell are of one kind, `sh`, and nothing but a reason keeps one from being run."""
    for block in blocks_of(path):
        assert block.language not in ("bash", "shell", "console", "zsh"), "call it sh, so that a test runs it"
        if block.title.startswith(NOT_RUN):
            assert len(block.title) > len(NOT_RUN) + 15, "say why"


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_page_run_one_after_the_other(path: Path, tmp_path: Path) -> None:
    """As they stand, on tiny videos; trainings have options behind theirs that make them short."""
    blocks = blocks_of(path)
    make_place(tmp_path, blocks)
    prepare = PREPARED.get(str(path.relative_to(ROOT / "docs")) if path.is_relative_to(ROOT / "docs") else path.name)
    if prepare:
        prepare(tmp_path)
    for block in blocks:
        if block.runs:
            script = block.text if block.language == "sh" else f"python - <<'END'\n{block.text}END"
            process = run_in(tmp_path, script)
            assert process.returncode == 0, f"{block.text}\n{process.stdout[-2000:]}\n{process.stderr[-3000:]}"


def write_foreign_config(folder: Path) -> None:
    (folder / "my_config.yaml").write_text("LOGS: {DIR: runs/slow}\nMODEL: {MODEL_NAME: PTVResNet, ARCH: slow}\n")


def write_foreign_lists(folder: Path) -> None:
    from tests.documentation.commands import write_slow_video

    for name in "abcd":
        write_slow_video(folder / "mmaction" / "videos" / f"{name}.mp4", minutes=0.5)
    (folder / "mmaction" / "train_list.txt").write_text("a.mp4 0\nb.mp4 1\n")
    (folder / "mmaction" / "val_list.txt").write_text("c.mp4 0\nd.mp4 1\n")


PREPARED = {"coming_from/pyslowfast.md": write_foreign_config, "coming_from/mmaction2.md": write_foreign_lists}
"""What a page takes for granted that its reader has."""
