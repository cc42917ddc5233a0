"""The command that writes MODEL_ZOO.md, and the file itself."""

import json
import shutil
from pathlib import Path

import pytest

from slowfast.commands.made_tables import marks
from slowfast.commands.model_zoo import TOOL
from slowfast_tools.model_zoo import ROOT, main

BEGIN, END = marks(TOOL)
EMPTY = f"# Zoo\n\n{BEGIN}\n{END}\n\nThe end.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two configs of LongCook, a figure for one, and a document without a table yet."""
    configs = tmp_path / "configs" / "LongCook"
    configs.mkdir(parents=True)
    for name in ("SLOWONLY_CLIP", "SLOWONLY_PGT"):
        shutil.copy(ROOT / "configs" / "LongCook" / f"{name}.yaml", configs)
    facts = {"published": {"LongCook/SLOWONLY_PGT": {"figure": "12.3 mAP", "source": "Somebody"}}, "options": {}}
    (tmp_path / "configs" / "model_zoo.json").write_text(json.dumps(facts))
    (configs / "measured.json").write_text(json.dumps({"SLOWONLY_CLIP": {"mAP": [45.67, 44.0, 49], "top1_acc": [8, 8, 8]}}))
    (tmp_path / "MODEL_ZOO.md").write_text(EMPTY)
    return tmp_path


def test_table_lists_all_configs_and_has_current_numbers_of_some() -> None:
    assert (
        main(["--check", "Folder/R18_PGT", "Kinetics/X3D_S", "Kinetics/SLOWFAST", "AVA/SLOWONLY", "LongCook/SLOWONLY_PGT"]) == 0
    )


@pytest.mark.slow
def test_table_has_current_numbers_of_all() -> None:
    assert main(["--check"]) == 0


def test_table_stands_between_the_marks_and_nothing_else_changes(root: Path) -> None:
    assert main([], root=root) == 0
    text = (root / "MODEL_ZOO.md").read_text()
    before, table, after = text.partition(BEGIN)[0], text.partition(BEGIN)[2].partition(END)[0], text.partition(END)[2]
    assert (before, after) == ("# Zoo\n\n", "\n\nThe end.\n")
    clip, pgt = table.strip().splitlines()[2:]
    assert clip.startswith("| [LongCook/SLOWONLY_CLIP](configs/LongCook/SLOWONLY_CLIP.yaml) | 1.25 | 0.07 x 10 | – | – |")
    assert "| mAP 46.2 (44.0–49.0), top1_acc 8.0 (8.0–8.0); 3 runs |" in clip
    assert "| 12.3 mAP (Somebody) | – | `python tools/run_net.py --cfg configs/LongCook/SLOWONLY_PGT.yaml` |" in pgt
    assert main(["--check"], root=root) == 0


def test_row_that_is_out_of_date_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], root=root)
    config = root / "configs" / "LongCook" / "SLOWONLY_PGT.yaml"
    config.write_text(config.read_text() + "RESNET: {WIDTH_PER_GROUP: 8}\n")
    assert main(["--check"], root=root) == 2
    assert "the row of LongCook/SLOWONLY_PGT is out of date; run `python tools/model_zoo.py`" in capsys.readouterr().err


def test_config_without_a_row_is_noticed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], root=root)
    folder = root / "configs" / "LongCook"
    shutil.copy(folder / "SLOWONLY_CLIP.yaml", folder / "ANOTHER.yaml")
    assert main(["--check", "LongCook/SLOWONLY_PGT"], root=root) == 2
    assert "lists other configs than there are" in capsys.readouterr().err


def test_figures_for_a_config_that_is_not_there_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "configs" / "LongCook" / "measured.json").write_text('{"SLOWONLY_CLPI": {"mAP": [1.0]}}')
    assert main([], root=root) == 2
    assert "figures are given for LongCook/SLOWONLY_CLPI, but no such config is there" in capsys.readouterr().err


@pytest.mark.parametrize(
    "metrics", [{"mAP": 1.0}, {"mAP": []}, {}, {"mAP": [1.0], "mAP_atomic": [1.0, 2.0]}, {"mAP": ["1"]}, 3]
)
def test_figures_of_another_form_are_refused(metrics: object, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "configs" / "LongCook" / "measured.json").write_text(json.dumps({"SLOWONLY_CLIP": metrics}))
    assert main([], root=root) == 2
    assert "the figures of LongCook/SLOWONLY_CLIP are not of the form" in capsys.readouterr().err


def test_document_without_marks_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "MODEL_ZOO.md").write_text("# Zoo\n")
    assert main([], root=root) == 2
    assert "has no place for the table" in capsys.readouterr().err
