"""Whatever a training computes with, one that stops in the middle of an epoch goes on to the same weights, to the bit."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.config import CfgNode, load_config
from slowfast.datasets import build_loader
from slowfast.engine import training
from slowfast.engine.compiling import compile_for_training
from slowfast.engine.trainer import Trainer
from slowfast.models.resnet3d import ResNet
from slowfast.runtime.device import Place
from slowfast.runtime.interruption import StopRequest
from tests.conftest import ROOT
from tests.pgt.interrupted_training import resumed

CPU = Place(torch.device("cpu"), loader_workers=0)
MODES: dict[str, dict[str, Any]] = {
    "as usual": {},
    "2d": {"MODEL.EXECUTION": "2d"},
    "bf16": {"TRAIN.PRECISION": "bf16"},
    "2d, bf16, causal": {
        "MODEL.EXECUTION": "2d", "TRAIN.PRECISION": "bf16", "PGT.OPERATOR": "causal", "PGT.CACHE": "last",
    },
    "exact gradient": {"PGT.GRADIENT": "exact"},
    "recomputed stages": {"TRAIN.ACTIVATION_CHECKPOINTING": "stages"},
    "recomputed blocks": {"TRAIN.ACTIVATION_CHECKPOINTING": "blocks"},
    "averaged weights": {"TRAIN.EMA_DECAY": 0.9},
    "two batches an update": {"TRAIN.ACCUMULATE": 2},
    "adamw, clipped": {"SOLVER.OPTIMIZING_METHOD": "adamw", "SOLVER.CLIP_GRAD_L2NORM": 1.0},
    "compiled": {"TRAIN.COMPILE": True},
    "compiled, 2d, bf16": {"TRAIN.COMPILE": True, "MODEL.EXECUTION": "2d", "TRAIN.PRECISION": "bf16"},
}  # fmt: skip


RECIPE: dict[str, Any] = {
    "MIXUP.ENABLE": True, "MODEL.LOSS_FUNC": "soft_cross_entropy", "AUG.ENABLE": True, "AUG.NUM_SAMPLE": 2,
    "AUG.AA_TYPE": "rand-m7-n4-mstd0.5-inc1", "AUG.RE_PROB": 0.5, "DATA.TRAIN_JITTER_SCALES_RELATIVE": [0.08, 1.0],
    "DATA.TRAIN_JITTER_ASPECT_RELATIVE": [0.75, 1.3333], "SOLVER.LAYER_DECAY": 0.75, "SOLVER.OPTIMIZING_METHOD": "adamw",
    "SOLVER.BASE_LR": 0.01, "SOLVER.ZERO_WD_1D_PARAM": True, "SOLVER.CLIP_GRAD_L2NORM": 1.0,
}  # fmt: skip
"""What video transformers are trained with, all at once."""


def config(data: Path, changes: dict[str, Any]) -> CfgNode:
    """Two epochs of four iterations."""
    options = {
        "NUM_GPUS": 0, "DATA_LOADER.NUM_WORKERS": 0, "DATA.PATH_TO_DATA_DIR": str(data), "LONGCOOK.NUM_TRAIN": 8,
        "LONGCOOK.NUM_VAL": 2, "LONGCOOK.NUM_TEST": 2, "TRAIN.BATCH_SIZE": 2, "TRAIN.EVAL_PERIOD": 0,
        "PGT.STEPS": 3, "DATA.NUM_FRAMES": 22,
        "SOLVER.MAX_EPOCH": 2, "SOLVER.WARMUP_EPOCHS": 0, "RESNET.WIDTH_PER_GROUP": 4, "MODEL.DROPOUT_RATE": 0.3,
        "BN.NORM_TYPE": "batchnorm", "BN.USE_PRECISE_STATS": False,
    }  # fmt: skip
    file = "KINETICS_PGT" if "MIXUP.ENABLE" in changes else "SLOWONLY_PGT"  # of which one has one label a video
    return load_config(ROOT / f"configs/LongCook/{file}.yaml", [part for item in (options | changes).items() for part in item])


def give_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages of convolutional networks count as layers."""
    monkeypatch.setattr(ResNet, "num_layers", 5, raising=False)
    monkeypatch.setattr(ResNet, "layer_of", lambda _, name: int(name[1]) if name[1].isdigit() else 6, raising=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("longcook")


TAKES_LONG = re.compile("compiled|bf16|averaged|two batches|blocks")
"""Modes that take half a minute and more where bf16 is computed in software."""


@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=pytest.mark.slow if TAKES_LONG.search(mode) else ()) for mode in MODES]
)
def test_a_training_that_stops_in_mid_epoch_goes_on_to_the_same_weights(
    mode: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "compile_for_training", functools.partial(compile_for_training, backend="aot_eager"))
    check_resuming(config(data, MODES[mode] | {"OUTPUT_DIR": str(tmp_path)}), tmp_path)
    torch._dynamo.reset()


@pytest.mark.parametrize(
    "changes", [{}, pytest.param({"PGT.ENABLE": False, "DATA.NUM_FRAMES": 8}, marks=pytest.mark.slow)], ids=["steps", "clips"]
)
def test_a_training_with_the_whole_recipe_of_transformers_goes_on_to_the_same_weights(
    changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_layers(monkeypatch)
    data = tmp_path_factory.mktemp("longcook_kinetics")
    check_resuming(config(data, RECIPE | changes | {"OUTPUT_DIR": str(tmp_path)}), tmp_path)


def check_resuming(cfg: CfgNode, folder: Path) -> None:
    def make() -> Trainer:
        loader = build_loader(cfg, "train", rank=0, world_size=1, num_workers=0, batch_size=cfg.TRAIN.BATCH_SIZE)
        trainer = training.build_trainer(cfg, CPU, StopRequest(), loader=loader, val_loader=None)
        trainer.hooks.clear()
        return trainer

    whole = make()
    before = {name: value.clone() for name, value in whole.model.state_dict().items()}
    whole.train()
    wanted = whole.model.state_dict()
    assert any(not torch.equal(value, before[name]) for name, value in wanted.items() if name.endswith("weight"))
    weights = resumed(make, folder / "state.pyth", stop_after=2)
    for name, value in wanted.items():
        assert torch.equal(value, weights[name]), name
    state = torch.load(folder / "state.pyth", weights_only=True)
    assert (state.get("averaged_state") is not None) == bool(cfg.TRAIN.EMA_DECAY)
