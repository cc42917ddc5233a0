"""The published research code's own numbers (tests/data/golden/pgt), met under both semantics where they coincide."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from pgt import ProgressiveModel, StepSchedule, progressive
from pgt.schedule import Semantics
from slowfast.config import load_config
from slowfast.engine.compiling import compile_for_training
from slowfast.models import build_model
from slowfast.runtime.precision import Precision
from tests.golden_weights import fill_by_recipe, seeded_input

CASES = {
    "slow_last_m0_head": {"memory": "last", "momentum": 0.0, "head": True},
    "slow_max_m025_head": {"memory": "max", "momentum": 0.25, "head": True},
    "slow_avg_m025_head": {"memory": "avg", "momentum": 0.25, "head": True},
    "slow_last_m0_nohead": {"memory": "last", "momentum": 0.0, "head": False},
}
# Where the corrected semantics differ from the released ones: the maximum in the head's memory.
RUNS: list[tuple[str, Semantics]] = [(case, "released") for case in CASES]
RUNS += [(case, "corrected") for case in CASES if case != "slow_max_m025_head"]
SLOW_R50 = {
    "NUM_GPUS": 0,
    "MODEL.MODEL_NAME": "ResNet",
    "MODEL.ARCH": "slow",
    "MODEL.NUM_CLASSES": 157,
    "MODEL.HEAD_ACT": "sigmoid",
    "MODEL.FINAL_POOL": ["avg", "max"],
    "MODEL.DROPOUT_RATE": 0.0,
    "BN.NORM_TYPE": "frozen_batchnorm",
    "DATA.TRAIN_CROP_SIZE": 64,
    "DATA.TRAIN_JITTER_SCALES": [64, 80],
    "DATA.NUM_FRAMES": 22,
}
SCHEDULE = StepSchedule(8, 1, 3)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Mode:
    """A way to compute, and by how much its numbers may differ from the original's."""

    execution: str = "3d"
    compiled: bool = False
    precision: str = "fp32"
    scores: float = 1e-5
    logits: float = 5e-5
    loss: float = 1e-6
    norms: float = 1e-3  # of gradients, relative

    def model(self, case: str, semantics: Semantics) -> ProgressiveModel:
        options = SLOW_R50 | {"MODEL.EXECUTION": self.execution}
        network = build_model(load_config(None, [part for item in options.items() for part in item]))
        fill_by_recipe(network, "pgt")
        model = progressive(network, step_len=8, overlap=1, semantics=semantics, **CASES[case])  # type: ignore[arg-type]
        if self.compiled:
            assert compile_for_training(model, CPU, backend="aot_eager")
        return model

    def step(self, model: ProgressiveModel, frames: torch.Tensor) -> torch.Tensor:
        with Precision(self.precision).autocast(CPU):
            return model.step([frames]).float()


MODES = {
    "3d": Mode(),
    "2d": Mode(execution="2d"),
    # Half a minute each on a processor that does not compute with it.
    "bf16": Mode(precision="bf16", scores=1e-2, logits=5e-2, loss=1e-3, norms=8e-2),
    "bf16, 2d": Mode(execution="2d", precision="bf16", scores=1e-2, logits=5e-2, loss=1e-3, norms=8e-2),
}
COMPILED = {"compiled": Mode(compiled=True), "compiled, 2d": Mode(compiled=True, execution="2d")}


@pytest.fixture(params=[pytest.param(mode, marks=pytest.mark.slow if "bf16" in mode else ()) for mode in MODES])
def mode(request: pytest.FixtureRequest) -> Mode:
    return MODES[request.param]


@pytest.fixture(scope="module")
def clip() -> torch.Tensor:
    return seeded_input(11, (2, 3, 22, 64, 64))


def read_golden(golden_dir: Path, case: str) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads((golden_dir / "pgt" / f"{case}.json").read_text())
    return golden


def test_parameter_names_and_shapes_are_those_of_the_original(golden_dir: Path) -> None:
    names = read_golden(golden_dir, "slow_r50_state_dict")
    state = Mode().model("slow_last_m0_head", "corrected").state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == names


@pytest.mark.parametrize(("case", "semantics"), RUNS)
def test_progressive_evaluation_meets_the_original(
    golden_dir: Path, clip: torch.Tensor, case: str, semantics: Semantics, mode: Mode
) -> None:
    golden = read_golden(golden_dir, case)
    assert [list(span) for span in SCHEDULE.ranges()] == golden["frame_ranges"]
    model = mode.model(case, semantics).eval()
    with torch.no_grad():
        steps = torch.stack([mode.step(model, clip[:, :, start:stop]) for start, stop in SCHEDULE.ranges()])
    np.testing.assert_allclose(steps, golden["eval"]["steps"], rtol=0, atol=mode.scores)
    np.testing.assert_allclose(steps.sum(0), golden["eval"]["ensemble_sum"], rtol=0, atol=2 * mode.scores)
    np.testing.assert_allclose(steps.amax(0), golden["eval"]["ensemble_max"], rtol=0, atol=mode.scores)


@pytest.mark.parametrize(("case", "semantics"), RUNS)
def test_progressive_training_meets_the_original(
    golden_dir: Path, clip: torch.Tensor, case: str, semantics: Semantics, mode: Mode
) -> None:
    assert_original_training(golden_dir, clip, case, semantics, mode)


@pytest.mark.slow
@pytest.mark.parametrize("mode", COMPILED.values(), ids=COMPILED)
def test_compiled_training_meets_the_original(golden_dir: Path, clip: torch.Tensor, mode: Mode) -> None:
    try:
        assert_original_training(golden_dir, clip, "slow_avg_m025_head", "corrected", mode)
    finally:
        torch._dynamo.reset()


def assert_original_training(golden_dir: Path, clip: torch.Tensor, case: str, semantics: Semantics, mode: Mode) -> None:
    golden = read_golden(golden_dir, case)["train"]
    targets = torch.from_numpy(np.random.RandomState(7).randint(0, 2, (2, 3, 157))).float()
    model = mode.model(case, semantics).train()
    for step, (start, stop) in enumerate(SCHEDULE.ranges()):
        logits = mode.step(model, clip[:, :, start:stop])
        loss = binary_cross_entropy_with_logits(logits, targets[:, step])
        loss.backward()
        np.testing.assert_allclose(logits.detach(), golden["logits"][step], rtol=0, atol=mode.logits)
        assert float(loss.detach()) == pytest.approx(golden["losses"][step], abs=mode.loss)
    norms = {name: float(parameter.grad.norm()) for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert norms.keys() == golden["grad_norm"].keys()
    for name, norm in norms.items():
        assert norm == pytest.approx(golden["grad_norm"][name], rel=mode.norms), name
