"""Whatever a training computes with, one that stops in the middle of an epoch goes on to the same weights, to the bit."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.config import CfgNode, load_config
from slowfast.datasets import build_loader
from slowfast.engine import training
from slowfast.engine.compiling import compile_for_training
from slowfast.engine.trainer import Trainer
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


def config(data: Path, changes: dict[str, Any]) -> CfgNode:
    """Two epochs of four iterations."""
    options = {
        "NUM_GPUS": 0, "DATA_LOADER.NUM_WORKERS": 0, "DATA.PATH_TO_DATA_DIR": str(data), "LONGCOOK.NUM_TRAIN": 8,
        "LONGCOOK.NUM_VAL": 2, "LONGCOOK.NUM_TEST": 2, "TRAIN.BATCH_SIZE": 2, "TRAIN.EVAL_PERIOD": 0,
        "PGT.STEPS": 3, "DATA.NUM_FRAMES": 22,
        "SOLVER.MAX_EPOCH": 2, "SOLVER.WARMUP_EPOCHS": 0, "RESNET.WIDTH_PER_GROUP": 4, "MODEL.DROPOUT_RATE": 0.3,
        "BN.NORM_TYPE": "batchnorm", "BN.USE_PRECISE_STATS": False,
    }  # fmt: skip
    return load_config(
        ROOT / "configs/LongCook/SLOWONLY_PGT.yaml", [part for item in (options | changes).items() for part in item]
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("longcook")


@pytest.mark.parametrize("mode", [pytest.param(mode, marks=pytest.mark.slow if "compiled" in mode else ()) for mode in MODES])
def test_a_training_that_stops_in_mid_epoch_goes_on_to_the_same_weights(
    mode: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "compile_for_training", functools.partial(compile_for_training, backend="aot_eager"))
    cfg = config(data, MODES[mode] | {"OUTPUT_DIR": str(tmp_path)})

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
    weights = resumed(make, tmp_path / "state.pyth", stop_after=2)
    for name, value in wanted.items():
        assert torch.equal(value, weights[name]), name
    state = torch.load(tmp_path / "state.pyth", weights_only=True)
    assert (state.get("averaged_state") is not None) == bool(cfg.TRAIN.EMA_DECAY)
    torch._dynamo.reset()
