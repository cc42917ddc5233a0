"""What the command says of config files, and its tables."""

import json
from pathlib import Path

import pytest

from slowfast.commands.check_config import judge
from slowfast.commands.made_tables import marks
from slowfast_tools.check_config import main

TAKEN = {
    "MODEL.MODEL_NAME": "PTVResNet", "MODEL.ARCH": "slow", "RESNET.DEPTH": 18, "RESNET.TRANS_FUNC": "basic_transform",
    "RESNET.WIDTH_PER_GROUP": 8, "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2], [2], [2], [2]], "SOLVER.WEIGHT_DECAY": "1e-4",
    "DATA.DECODING_BACKEND": "torchvision", "DATA.PATH_PREFIX": None,
}  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"b/refused.yaml": {"MODEL.MODEL_NAME": "PTVCSN"}, "a.yaml": {"options": TAKEN}}))
    return path


def test_each_file_is_told_apart_and_a_refused_one_fails_the_command(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(table)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a.yaml: ResNet (slow), ")
    assert sorted(lines[1:3]) == [
        "    DATA.DECODING_BACKEND has no effect: PyAV decodes them",
        "    DATA.PATH_PREFIX has no value: it stays as if it was not set",
    ]
    assert lines[3].startswith("b/refused.yaml: refused: MODEL.MODEL_NAME = 'PTVCSN': this library has no channel-separated")


def test_folders_are_searched_and_options_can_be_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "one.yaml").write_text("MODEL: {MODEL_NAME: MViT, ARCH: slow}")
    assert main([str(tmp_path), "--set", "MODEL.MODEL_NAME", "ResNet"]) == 0
    assert "inner/one.yaml: ResNet (slow), 32454096 parameters" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("TRAIN: {DATASET: kinetic}", "TRAIN.DATASET = 'kinetic': there is no such data set here; right would be: one of ava"),
        ("TRIAN: {BATCH_SIZE: 1}", "there is no section TRIAN"),
        ("a: [", "this file is not YAML"),
        ("MODEL: {ARCH: slow}", "MODEL.ARCH = 'slow': the model SlowFast has no such variant; right would be: slowfast"),
    ],
)
def test_whatever_is_wrong_with_a_file_is_its_verdict(
    text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.yaml").write_text(text)
    assert main([str(tmp_path / "one.yaml")]) == 2
    assert reason in capsys.readouterr().out


def test_table_goes_between_the_marks_and_is_checked(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "doc.md"
    begin, end = marks("check_config")
    document.write_text(f"before\n{begin}\n{end}\nafter\n")
    assert main([str(table), "--check", str(document)]) == 2
    assert main([str(table), "--table", str(document)]) == 0
    lines = document.read_text().splitlines()
    assert (lines[0], lines[-1], lines[2]) == ("before", "after", "1 of 2 files are taken.")
    assert lines[6].endswith("no effect: DATA.DECODING_BACKEND; no value: DATA.PATH_PREFIX |")
    assert main([str(table), "--check", str(document)]) == 0
    document.write_text(document.read_text().replace("| taken |", "| refused |"))
    assert main([str(table), "--check", str(document)]) == 2
    assert "the table of config files is out of date" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[1]", "nothing", None])
def test_what_is_no_table_of_options_is_named(content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "table.json"
    if content is not None:
        path.write_text(content)
    assert main([str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_folder_without_configs_and_document_without_marks_are_named(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty")]) == 2
    assert "no YAML file is in this folder" in capsys.readouterr().err
    (tmp_path / "doc.md").write_text("nothing")
    assert main([str(table), "--table", str(tmp_path / "doc.md")]) == 2
    assert "has no place for the table" in capsys.readouterr().err


def test_a_verdict_is_short_whatever_was_written(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text(f"DATA: {{MEAN: {[[1.0] * 2000]}}}")
    assert len(judge(path, "long.yaml").refused) < 600
