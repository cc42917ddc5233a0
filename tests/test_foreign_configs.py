"""Config files of PySlowFast and of the released PGT code do here what they do there, or are refused with a reason."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.commands.check_config import Verdict, judge_all, read_options, write_files
from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.tasks import build_train_step
from slowfast.engine.updater import Updater
from slowfast.models import build_model
from slowfast_tools.check_config import main
from tests.test_configs import random_batch

TABLES = Path(__file__).parent / "data" / "configs"
"""Options by file, flat, as YAML reads them; those of PySlowFast beside what is known of the networks."""

SOURCES = [TABLES / "pgt_release.json", TABLES / "pyslowfast.json"]
RELEASED, PYSLOWFAST = map(read_options, SOURCES)
PARAMETERS = {file: facts["num_params"] for file, facts in json.loads(SOURCES[1].read_text()).items()}
DOCUMENT = Path(__file__).parent.parent / "docs" / "config_files.md"

SMALL = ["NUM_GPUS", 0, "DATA.TRAIN_CROP_SIZE", 32, "DATA.TRAIN_JITTER_SCALES", [32, 40]]

OTHER_MODELS = {"MaskMViT", "PTVMViT", "PTVCSN", "ContrastiveModel", "ResNet_nopool"}


def is_refused(options: dict[str, Any]) -> bool:
    """Networks that the library does not have, self-supervision, pictures, multigrid training, tests with several numbers of
    views."""
    return bool(
        options.get("MODEL.MODEL_NAME") in OTHER_MODELS
        or options.get("TASK") == "ssl"
        or options.get("TRAIN.DATASET") == "imagenet"
        or options.get("MULTIGRID.LONG_CYCLE")
        or options.get("MVIT.REV.ENABLE")
        or options.get("TEST.NUM_TEMPORAL_CLIPS")
        or options.get("TRAIN.CHECKPOINT_IN_INIT")
    )


REFUSED = {file: options for file, options in PYSLOWFAST.items() if is_refused(options)}
TAKEN = {file: options for file, options in PYSLOWFAST.items() if file not in REFUSED}
LATER = ("TEST.NUM_TEMPORAL_CLIPS", "TRAIN.CHECKPOINT_IN_INIT")
"""Why files of transformers are refused that would be taken otherwise."""

RECIPES = [
    file
    for file, options in PYSLOWFAST.items()
    if options.get("AUG.ENABLE") and options.get("TASK") != "ssl" and options.get("TRAIN.DATASET") != "imagenet"
]
RECIPE_KEYS = ("SOLVER.LAYER_DECAY", "DATA.TRAIN_JITTER_SCALES_RELATIVE", "DATA.TRAIN_JITTER_ASPECT_RELATIVE")
SAMPLE = (
    "configs/Kinetics/pytorchvideo/X3D_S.yaml",
    "configs/contrastive_ssl/linear_k400_Slow_8x8_R50_syn0.yaml",
    "Charades/SLOWFAST_PROG_76x8_R50_K400.yaml",
)
"""Files that are trained a step in every run of the tests; the others are among the slow tests."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_files(RELEASED, folder)
    write_files(PYSLOWFAST, folder)
    return folder


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in judge_all(SOURCES)}


def load(path: Path, overrides: list[object]) -> CfgNode:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_config(path, overrides)


@pytest.mark.parametrize("file", RELEASED)
def test_file_of_the_released_code_says_what_it_said_there(file: str, files: Path, verdicts: dict[str, Verdict]) -> None:
    assert verdicts[file].refused == ""
    for semantics in ("corrected", "released"):
        cfg = load(files / file, ["PGT.SEMANTICS", semantics])
        assert cfg.OUTPUT_DIR == RELEASED[file]["LOGS.DIR"]
        frames = next(count for part, count in {"76x8": 76, "36x8": 36, "16x8": 16, "8x8": 8}.items() if part in file)
        frames *= 4 if "SLOWFAST" in file else 1
        if semantics == "released" and "SLOWFAST_PROG_76x8" in file:
            frames = 64 + 4 * 63  # overlaps of [1, 1], which the original runs whatever DATA.NUM_FRAMES says
        assert frames == cfg.DATA.NUM_FRAMES
        assert cfg.RESNET.DEPTH == (101 if "R101" in file else 50)
        assert cfg.PGT.ENABLE is ("PROG" in file)


@pytest.mark.parametrize("file", TAKEN)
def test_file_of_pyslowfast_builds_the_network_that_it_builds_there(file: str, verdicts: dict[str, Verdict]) -> None:
    assert (verdicts[file].refused, verdicts[file].parameters) == ("", PARAMETERS[file])


@pytest.mark.parametrize("file", REFUSED)
def test_refused_file_is_refused_in_one_line_for_its_main_reason(file: str, verdicts: dict[str, Verdict]) -> None:
    reason = verdicts[file].refused
    assert reason.startswith(("MODEL.MODEL_NAME", "TASK", "TRAIN.DATASET", "MULTIGRID.LONG_CYCLE", "MVIT.REV", *LATER))
    assert "; right would be: " in reason
    assert "\n" not in reason


@pytest.mark.parametrize("file", [file for file in REFUSED if "multigrid" in file])
def test_multigrid_file_is_taken_once_its_advice_is_followed_on_the_command_line(file: str, files: Path) -> None:
    advice: list[object] = []
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"MULTIGRID\.") as caught:
            load(files / file, advice)
        advice += [caught.value.key, caught.value.right]
    assert load(files / file, advice).MODEL.ARCH == "slowfast"


@pytest.mark.parametrize("file", RECIPES)
def test_recipe_of_transformers_is_taken_as_it_is(file: str, files: Path) -> None:
    """With another network, as some of theirs are not here."""
    other = ["MODEL.MODEL_NAME", "ResNet", "MODEL.ARCH", "slow", "MVIT.REV.ENABLE", False, LATER[0], [], LATER[1], False]
    cfg, options = load(files / file, other), PYSLOWFAST[file]
    asked = {key: value for key, value in options.items() if key.startswith(("AUG.", "MIXUP.")) or key in RECIPE_KEYS}
    given = {key: getattr(cfg[section], option) for key in asked for section, _, option in [key.partition(".")]}
    assert given == {key: 0.0 if value == "None" else value for key, value in asked.items()}


def test_document_shows_the_current_verdicts(verdicts: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slowfast.commands.check_config.judge_all", lambda *_: iter(verdicts.values()))  # made once for all
    assert main([*map(str, SOURCES), "--check", str(DOCUMENT)]) == 0


def train_a_step(file: str, files: Path) -> None:
    cfg = load(files / file, SMALL)
    torch.manual_seed(0)
    model = build_model(cfg).train()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    updater = Updater.from_cfg(cfg, model=model, optimizer=build_optimizer(cfg, model), device=torch.device("cpu"))
    output = build_train_step(cfg)(model, random_batch(cfg), updater)
    assert torch.isfinite(output.loss)
    assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("file", SAMPLE)
def test_file_trains_a_step(file: str, files: Path) -> None:
    train_a_step(file, files)


@pytest.mark.slow
@pytest.mark.parametrize("file", [file for file in (*RELEASED, *TAKEN) if file not in SAMPLE])
def test_every_other_file_trains_a_step(file: str, files: Path) -> None:
    train_a_step(file, files)
