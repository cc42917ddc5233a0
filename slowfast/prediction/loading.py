"""From a file of weights to a network that is ready to predict."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.engine import checkpoint
from slowfast.engine.contract import Contract, read_contract
from slowfast.engine.steps import EvalStep, HasMemory, HasStreams
from slowfast.engine.tasks import build_eval_step
from slowfast.engine.testing import MODEL, load_for_test
from slowfast.models import build_model
from slowfast.prediction.errors import PredictionError
from slowfast.runtime.device import take_place
from slowfast.runtime.precision import Precision, precision_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """step: scores pieces of videos one after the other, with a memory of what came before, or clips. path: of the weights.
    length: frames that the network looks at, at a time."""

    path: Path
    contract: Contract
    cfg: CfgNode
    model: nn.Module
    step: EvalStep
    device: torch.device
    precision: Precision

    @property
    def remembers(self) -> bool:
        """Whether frames are read once each, as pieces that follow one another."""
        return bool(self.cfg.DATA.LANE_PIECES) and isinstance(self.step, HasMemory)

    @property
    def classifies_persons(self) -> bool:
        """Whether it says what persons in boxes do, instead of what happens."""
        return bool(self.cfg.DETECTION.ENABLE)

    @property
    def length(self) -> int:
        return int(self.cfg.DATA.NUM_FRAMES)

    @property
    def seconds_apart(self) -> float:
        """From one frame to the next."""
        assert self.contract.frames.seconds_apart is not None, "load_model refuses them"
        return self.contract.frames.seconds_apart


def load_model(weights: str | Path, *, device: str = "auto", precision: str = "", start_second: int = 0) -> LoadedModel:
    """weights: a file that says how it is used (`model.safetensors` of a test, a checkpoint), or the folder of a run. device:
    auto (a GPU if there is one), cpu or cuda. precision: fp32, bf16, fp16 or auto; empty: that of the run's tests.
    start_second: the second, as boxes count them, that videos begin with, for weights that classify persons.

    Raises PredictionError for weights that say nothing of their use or cannot be used for videos, CheckpointError and
    WeightsError for those that cannot be read, and ConfigError for a device or precision that is not there.
    """
    path = _file_of(Path(weights))
    contract = read_contract(path)
    if contract is None:
        raise PredictionError(
            f"{path}: says nothing of its use, as weights of other makers and of earlier versions do; right would be "
            f"{MODEL} of a tested run, or a checkpoint of this version: a test with TEST.CHECKPOINT_FILE_PATH {path} and the "
            "config of that training (TRAIN.ENABLE False) writes one"
        )
    _check_task(path, contract)
    own: dict[str, object] = {"NUM_GPUS": _num_gpus(device), **({"TEST.PRECISION": precision} if precision else {})}
    if contract.task.endswith("detection"):
        own["AVA.START_SECOND"] = start_second
    cfg, step = _reader(contract, own)
    place = take_place(cfg, local_rank=0, processes=1)
    model = load_for_test(cfg, str(path)).to(place.device).eval()
    return _loaded(path, contract, cfg, model, step, place.device)


def of_run(contract: Contract, model: nn.Module, device: torch.device) -> LoadedModel:
    """What `load_model` makes of weights once they are written, while they are those of a running test. contract: of its
    config and data set. The test's own network is left alone."""
    cfg, step = _reader(contract, {"NUM_GPUS": int(device.type != "cpu")})
    own = build_model(cfg)
    own.load_state_dict(model.state_dict())
    return _loaded(Path(MODEL), contract, cfg, own.to(device).eval(), step, device)


def _reader(contract: Contract, own: dict[str, object]) -> tuple[CfgNode, EvalStep]:
    """The config and the step with which weights read videos along their time; those that classify persons as their tests do,
    around seconds with boxes or whole. own: further options."""
    with warnings.catch_warnings(action="ignore"):
        cfg = contract.config(own)
        step = build_eval_step(cfg)
        if not cfg.DETECTION.ENABLE and isinstance(step, HasStreams) and (options := step.stream_options(cfg)) is not None:
            cfg = contract.config({**own, **options})
            step = build_eval_step(cfg)
    return cfg, step


def _loaded(
    path: Path, contract: Contract, cfg: CfgNode, model: nn.Module, step: EvalStep, device: torch.device
) -> LoadedModel:
    precision = precision_of(cfg, "TEST", device)
    return LoadedModel(path=path, contract=contract, cfg=cfg, model=model, step=step, device=device, precision=precision)


def _file_of(weights: Path) -> Path:
    if not weights.is_dir():
        return weights
    if (weights / MODEL).is_file():
        return weights / MODEL
    found = checkpoint.newest_valid(weights)
    if found is None:
        raise PredictionError(
            f"{weights}: this folder holds neither {MODEL} nor checkpoints; right would be OUTPUT_DIR of a run, or a file of "
            "weights"
        )
    return found[0]


def _check_task(path: Path, contract: Contract) -> None:
    if contract.frames.seconds_apart is None:
        raise PredictionError(
            f"{path}: looks at frames spread over a whole short video (trained on {contract.trained_on}), so it cannot say "
            "what happens when; right would be weights trained on frames at a rate (kinetics, charades, folder)"
        )


def _num_gpus(device: str) -> int:
    if device not in ("auto", "cpu", "cuda"):
        raise PredictionError(f"device {device!r}: right would be auto, cpu or cuda")
    return {"auto": 1 if torch.cuda.is_available() else 0, "cpu": 0, "cuda": 1}[device]
