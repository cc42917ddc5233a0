"""The exact gradient is that of one graph over all steps, whatever the network, at the activations of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from pgt.gradient import RecomputationError
from pgt.train_step import ProgressiveTrainStep
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.config import ConfigError
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer
from tests.pgt.test_model_matrix import CASES, progressive_config

Make = Callable[..., Any]


class DoubleNormalizer:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __call__(self, frames: Tensor) -> Tensor:
        return self._inner(frames).double()  # type: ignore[no-any-return]


def train_step(cfg: Any, *, double: bool = True) -> ProgressiveTrainStep:
    step = ProgressiveTrainStep.from_cfg(cfg)
    if double:
        step = ProgressiveTrainStep(
            cutter=type(step.cutter)(schedule=step.cutter.schedule, normalizer=DoubleNormalizer(step.cutter.normalizer)),  # type: ignore[arg-type]
            targets=step.targets,
            loss=lambda logits, labels: bce(logits.double(), labels.double()),
            train_together=step.train_together,
            tbptt_steps=step.tbptt_steps,
            recompute=cfg.PGT.GRADIENT == "exact",
        )
    return step


def trained(cfg: Any, batch: Any, updater: Any, *, double: bool = True, seed: int = 1) -> tuple[nn.Module, float]:
    """A network with the gradients of one batch, and the loss."""
    torch.manual_seed(seed)
    model = build_model(cfg).train()
    if double:
        model.double()
    torch.manual_seed(7)
    output = train_step(cfg, double=double)(model, batch, updater)
    return model, float(output.loss)


def assert_equal_gradients(first: nn.Module, second: nn.Module, tolerance: float = 1e-6) -> None:
    """Relative to the norm of each parameter's gradient."""
    others, compared = dict(second.named_parameters()), 0
    for name, parameter in first.named_parameters():
        wanted, found = parameter.grad, others[name].grad
        assert (wanted is None) == (found is None), name
        if wanted is not None and found is not None:
            assert (found - wanted).norm() <= tolerance * wanted.norm().clamp(min=1e-12), name
            compared += 1
    assert compared


@pytest.mark.parametrize(("variant", "kind"), CASES, ids=["-".join(case) for case in CASES])
def test_every_network_has_the_gradient_of_one_graph(variant: str, kind: str, make_batch: Make, updater: Any) -> None:
    found = []
    for options in ({"PGT__TBPTT_STEPS": 3}, {"PGT__GRADIENT": "exact"}):
        cfg = progressive_config(variant, kind, **options)
        found.append(trained(cfg, make_batch(cfg.DATA.NUM_FRAMES, classes=cfg.MODEL.NUM_CLASSES), updater))
    (wanted, loss), (model, exact_loss) = found
    assert exact_loss == pytest.approx(loss, rel=1e-9)
    assert_equal_gradients(wanted, model)


@pytest.mark.parametrize("cache", ["last", "max", "avg"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_every_memory_hands_its_gradient_on(
    cache: str, momentum: float, tiny_cfg: Make, make_batch: Make, updater: Any
) -> None:
    common = {"PGT__STEPS": 5, "PGT__CACHE": cache, "PGT__CACHE_MOMENTUM": momentum}
    cfgs = [tiny_cfg(PGT__TBPTT_STEPS=5, **common), tiny_cfg(PGT__GRADIENT="exact", **common), tiny_cfg(**common)]
    (wanted, _), (exact, _), (cut, _) = [trained(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater) for cfg in cfgs]
    assert_equal_gradients(wanted, exact)
    with pytest.raises(AssertionError):
        assert_equal_gradients(cut, exact)


def test_causal_steps_have_the_gradient_of_one_pass(tiny_cfg: Make, make_batch: Make, updater: Any) -> None:
    cfg = tiny_cfg(PGT__OPERATOR="causal", PGT__CACHE="last", PGT__GRADIENT="exact", MODEL__FINAL_POOL=["avg", "avg"])
    batch = make_batch(cfg.DATA.NUM_FRAMES)
    model, _ = trained(cfg, batch, updater)
    torch.manual_seed(1)
    by_hand = build_model(cfg).train().double()
    # The mean over everything up to the end of a step is what one pass over these frames says at its end.
    frames, losses = DoubleNormalizer(Normalizer.from_cfg(cfg))(batch.frames), []
    for start, stop in [(0, 4), (4, 7), (7, 10)]:
        logits = by_hand([frames[:, :, :stop]])
        losses.append(bce(logits, batch.frame_labels[:, start:stop].any(1).double()))
    torch.stack(losses).sum().backward()
    assert_equal_gradients(by_hand, model)


@pytest.mark.parametrize("depth", [2, 3])
def test_tbptt_steps_bound_the_exact_gradient_as_they_bound_that_of_one_graph(
    depth: int, tiny_cfg: Make, make_batch: Make, updater: Any
) -> None:
    common = {"PGT__STEPS": 5, "PGT__TBPTT_STEPS": depth, "PGT__TRAIN_TOGETHER": False}
    batch = make_batch(16)
    (wanted, _), (exact, _) = [
        trained(tiny_cfg(PGT__GRADIENT=name, **common), batch, updater) for name in ("truncated", "exact")
    ]
    assert_equal_gradients(wanted, exact)
    assert updater.updates == 2 * -(-5 // depth)


def test_dropout_and_the_statistics_of_norms_are_those_of_steps_run_once(
    tiny_cfg: Make, make_batch: Make, updater: Any
) -> None:
    common = {"BN__NORM_TYPE": "batchnorm", "MODEL__DROPOUT_RATE": 0.5, "PGT__STEPS": 4}
    cfgs = [tiny_cfg(PGT__TBPTT_STEPS=4, **common), tiny_cfg(PGT__GRADIENT="exact", **common)]
    found, states = [], []
    for cfg in cfgs:
        found.append(trained(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater, double=False)[0])
        states.append(torch.get_rng_state())
    assert_equal_gradients(*found, tolerance=1e-4)
    for (name, wanted), exact in zip(found[0].named_buffers(), found[1].buffers(), strict=True):
        assert torch.equal(wanted, exact), name
    assert torch.equal(*states)


def test_half_precision_has_the_gradient_of_one_graph_too(tiny_cfg: Make, make_batch: Make, updater: Any) -> None:
    updater.autocast = lambda: torch.autocast("cpu", dtype=torch.bfloat16)
    cfgs = [tiny_cfg(PGT__TBPTT_STEPS=3), tiny_cfg(PGT__GRADIENT="exact")]
    (wanted, loss), (exact, exact_loss) = [trained(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater, double=False) for cfg in cfgs]
    assert exact_loss == loss
    assert_equal_gradients(wanted, exact, tolerance=0.1)


def test_activations_do_not_grow_with_the_steps(tiny_cfg: Make, make_batch: Make, updater: Any) -> None:
    peaks = []
    for steps in (2, 5, 20, 80):
        cfg = tiny_cfg(PGT__STEPS=steps, PGT__GRADIENT="exact")
        model, step = build_model(cfg).train(), ProgressiveTrainStep.from_cfg(cfg)
        with ActivationMeter(exclude=model) as meter:
            step(model, make_batch(cfg.DATA.NUM_FRAMES), updater)
        peaks.append(meter.peak_bytes)
    assert max(peaks) <= 1.02 * min(peaks)


@pytest.mark.parametrize("where", ["first", "middle", "last", "all but first", "all"])
def test_steps_without_a_loss_pass_gradients_on(where: str, tiny_cfg: Make, make_batch: Make, updater: Any) -> None:
    silent = {"first": {0}, "middle": {1}, "last": {2}, "all but first": {1, 2}, "all": {0, 1, 2}}[where]
    found = []
    for options in ({"PGT__TBPTT_STEPS": 3}, {"PGT__GRADIENT": "exact"}):
        cfg = tiny_cfg(**options)
        torch.manual_seed(1)
        model, step = build_model(cfg).train(), ProgressiveTrainStep.from_cfg(cfg)
        numbers = iter([0, 1, 2] if cfg.PGT.GRADIENT == "truncated" else [0, 1, 2, 1, 0])
        run = model.functional_step

        def sometimes(*args: Any, run: Any = run, numbers: Any = numbers) -> Any:
            logits, state = run(*args)
            return logits[: 0 if next(numbers) in silent else None], state

        model.functional_step = sometimes
        output = step(model, make_batch(cfg.DATA.NUM_FRAMES), updater)
        found.append((model, float(output.loss)))
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-6)
    if where == "all":
        assert all(parameter.grad is None for model, _ in found for parameter in model.parameters())
    else:
        assert_equal_gradients(found[0][0], found[1][0], tolerance=1e-4)


def test_a_network_that_computes_something_else_the_second_time_is_refused(
    tiny_cfg: Make, make_batch: Make, updater: Any
) -> None:
    cfg = tiny_cfg(PGT__GRADIENT="exact")
    model, calls = build_model(cfg).train(), iter(range(100))
    model.s1.register_forward_hook(lambda module, inputs, outputs: [outputs[0] + next(calls)])
    with pytest.raises(RecomputationError, match="step 2 was run a second time"):
        ProgressiveTrainStep.from_cfg(cfg)(model, make_batch(cfg.DATA.NUM_FRAMES), updater)


def test_memories_that_are_on_the_host_anyway_are_told_of_once(
    tiny_cfg: Make, make_batch: Make, updater: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cfg = tiny_cfg(PGT__GRADIENT="exact", PGT__OFFLOAD=True)
    model, step = build_model(cfg).train(), ProgressiveTrainStep.from_cfg(cfg)
    for _ in range(2):
        step(model, make_batch(cfg.DATA.NUM_FRAMES), updater)
    assert caplog.text.count("PGT.OFFLOAD has no effect") == 1


def test_exact_reaches_over_all_steps_unless_told(tiny_cfg: Make) -> None:
    assert tiny_cfg(PGT__GRADIENT="exact").PGT.TBPTT_STEPS == 3
    assert tiny_cfg(PGT__GRADIENT="exact", PGT__TBPTT_STEPS=2).PGT.TBPTT_STEPS == 2
    multigrid = {"PGT__MGRID": True, "PGT__MGRID_STEPS": [3, 7], "PGT__MGRID_STEP_LEN": [4, 3], "PGT__OVERLAP": [1]}
    assert tiny_cfg(PGT__GRADIENT="exact", **multigrid).PGT.TBPTT_STEPS == 7
    assert tiny_cfg(PGT__TRUNCATE_GRAD=True, **multigrid).PGT.TBPTT_STEPS == 7
    with pytest.raises(ConfigError, match="2 to 3"):
        tiny_cfg(PGT__GRADIENT="exact", PGT__TBPTT_STEPS=1)


def test_a_config_that_was_written_down_is_read_back_as_it_was(tiny_cfg: Make) -> None:
    cfg = tiny_cfg(PGT__GRADIENT="exact")
    again = tiny_cfg(PGT__GRADIENT="exact", PGT__TBPTT_STEPS=cfg.PGT.TBPTT_STEPS)
    assert again.dump() == cfg.dump()
