"""A plan's figures are those of a count by hand, of real optimizers, of real messages and of a real training."""

import json
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from pgt.lengths import other_lengths
from slowfast.commands import plan, plan_process
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.commands.model_cost import model_cost
from slowfast.commands.plan import Wanted, configured_processes, fits_of, make_plan, saved_on_shapes
from slowfast.commands.plan_batches import made_batch
from slowfast.commands.plan_fit import largest_batch, parse_size
from slowfast.commands.plan_memory import Kept, Line, Memory, sizes_to_measure
from slowfast.commands.plan_process import Measured, PlanError, optimizer_bytes
from slowfast.commands.plan_table import WIDTH, plan_text
from slowfast.commands.plan_time import Probe, Samples, compute_seconds
from slowfast.commands.plan_wire import Wire
from slowfast.config import CfgNode, load_config
from slowfast.engine import gradient_sync
from slowfast.engine.optimizer import build_optimizer, trainable
from slowfast.engine.steps import HasLengths
from slowfast.engine.tasks import build_train_step
from slowfast.engine.updater import Updater
from slowfast.models import build_model
from slowfast_tools.plan import main
from tests.models.tiny_networks import tiny_config
from tests.two_processes import in_two_processes

CPU = torch.device("cpu")
STEPS = {"PGT__ENABLE": True, "PGT__STEPS": 4, "PGT__STEP_LEN": [4], "PGT__OVERLAP": [1]}
FOLDERS = Path(__file__).parents[2] / "configs"


def net() -> nn.Sequential:
    """3 x 2 x 1 x 1 x 1 weights and 2 biases, 2 scales and shifts with two statistics and a counter, 8 weights and 4 biases."""
    return nn.Sequential(nn.Conv3d(3, 2, 1), nn.BatchNorm3d(2), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2, 4))


def used(clips: int, *, device: str = "cpu") -> Measured:
    """What a process with 100 bytes and 30 a clip would have used."""
    return Measured(
        clips=clips, device=device, fixed_bytes=1000, growth_bytes=200 + 45 * clips, iteration_bytes=100 + 30 * clips,
        saved_bytes=20 * clips, optimizer_bytes=0, frame_bytes=3 * clips, multiply_adds=7 * clips, updates=1,
        seconds=(9.0, 2.0, 4.0, 3.0),
    )  # fmt: skip


def memory(device: str = "cpu") -> Memory:
    kept = Kept(weights=50, optimizer=50, average=0, sending=40, gradients=40, checkpoint=100)
    return Memory.between(kept, used(1, device=device), used(2, device=device))


def test_weights_gradients_moments_and_checkpoint_are_those_of_a_count_by_hand() -> None:
    cfg = tiny_config("slow", SOLVER__OPTIMIZING_METHOD="adamw", TRAIN__EMA_DECAY=0.9)
    kept = Kept.of(cfg, net(), processes=2)
    weights = (6 + 2) + (2 + 2) + (8 + 4)
    assert kept.gradients == kept.sending == kept.average == 4 * weights
    assert kept.weights == 4 * (weights + 2 + 2) + 8, "statistics of the norm, and a counter of 8 bytes"
    assert kept.optimizer == 2 * 4 * weights + 4 * 6
    assert kept.checkpoint == kept.weights + kept.optimizer + kept.average
    assert Kept.of(cfg, net(), processes=1).sending == 0


@pytest.mark.parametrize("solver", [("sgd", 0.9), ("sgd", 0.0), ("adam", 0.0), ("adamw", 0.0)])
def test_optimizers_keep_after_a_step_what_was_foretold(solver: tuple[str, float]) -> None:
    cfg = tiny_config("slow", SOLVER__OPTIMIZING_METHOD=solver[0], SOLVER__MOMENTUM=solver[1], SOLVER__NESTEROV=False)
    model = build_model(cfg).train()
    optimizer = build_optimizer(cfg, model)
    updater = Updater.from_cfg(cfg, model=model, optimizer=optimizer, device=CPU)
    build_train_step(cfg)(model, made_batch(cfg, clips=2), updater)
    assert optimizer_bytes(optimizer) == Kept.of(cfg, model, processes=1).optimizer


@pytest.mark.parametrize("variant", ["slow", "vit"])
def test_parameters_and_saved_activations_are_those_of_the_real_network(variant: str) -> None:
    cfg = tiny_config(variant, DATA__NUM_FRAMES=8, MODEL__EXECUTION="3d")
    with torch.device("meta"):
        shapes = build_model(cfg)
    model = build_model(cfg).train()
    assert Kept.of(cfg, shapes, processes=1) == Kept.of(cfg, model, processes=1)
    with ActivationMeter(exclude=model) as meter:
        build_train_step(cfg).forward_only(model, made_batch(cfg, clips=1))
    # Kernels of the CPU's attention keep a little besides.
    assert saved_on_shapes(cfg, shapes) == pytest.approx(meter.peak_bytes, rel=0.2)


def test_bytes_on_the_wire_are_those_that_a_ring_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_sync, "BUCKET_ELEMENTS", 12)
    wire = Wire.of(list(net().parameters()), questions=2)
    assert wire.messages == (4 * 12, 4 * 12, 4 * (1 + 2 + 6)), "4 + 8; 2 + 2 + 2 + 6; facts"
    assert wire.bytes_sent(2) == 132
    assert wire.bytes_sent(8) == round(2 * 7 / 8 * 132)
    assert wire.parts_sent(8) == 14 * 3
    assert wire.seconds(2, bandwidth=66.0) == 2.0


def test_processes_send_the_messages_that_were_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that two processes average in an update, told by what is handed to the backend, is what the plan says."""
    monkeypatch.setattr(gradient_sync, "BUCKET_ELEMENTS", 2000)
    cfg = tiny_config("slow", DATA__NUM_FRAMES=2)

    def job() -> None:
        model = build_model(cfg).train()
        updater = Updater.from_cfg(cfg, model=model, optimizer=build_optimizer(cfg, model), device=CPU)
        for name in ("stop", "save"):
            updater.asks(name, lambda: False)
        sent, real = [], dist.all_reduce

        def counted(tensor: torch.Tensor, *more: object, **options: object) -> object:
            sent.append(tensor.nbytes)
            return real(tensor, *more, **options)

        dist.all_reduce = counted
        build_train_step(cfg)(model, made_batch(cfg, clips=2), updater)
        assert sorted(sent) == sorted(Wire.of(list(trainable(model))).messages)
        assert len(sent) > 3

    in_two_processes(job, tmp_path)


def test_memory_is_linear_in_the_batch_and_a_batch_fits_where_one_more_does_not() -> None:
    found = memory()
    assert [found.tensors(clips) for clips in (1, 2, 10)] == [140 + 6 * n + 100 + 30 * n for n in (1, 2, 10)]
    assert found.process(10) == 1000 + 200 + 450
    assert memory("cuda").process(10) is None
    for size in (276, 277, 10_000):
        clips = largest_batch(found.tensors, size)
        assert found.tensors(clips) <= size < found.tensors(clips + 1)
    assert largest_batch(found.tensors, 275) == 0
    assert Line.through((2, 10), (4, 20))(7) == 35


def test_learning_rate_goes_with_the_batch_of_all_processes() -> None:
    cfg = tiny_config("slow", TRAIN__BATCH_SIZE=16, SOLVER__BASE_LR=0.1, SOLVER__WARMUP_START_LR=0.01)
    size = 2 * 10**9 + memory().tensors(8)
    gpu, process = fits_of(cfg, memory(), size, processes=4).values()
    assert gpu.options == {"TRAIN.BATCH_SIZE": 32, "SOLVER.BASE_LR": 0.2, "SOLVER.WARMUP_START_LR": 0.02}
    assert gpu.line() == "TRAIN.BATCH_SIZE 32 SOLVER.BASE_LR 0.2 SOLVER.WARMUP_START_LR 0.02"
    assert process.clips > gpu.clips
    assert fits_of(cfg, memory(), 10, processes=4)["gpu"].clips == 0


@pytest.mark.parametrize("text", ["24G", "lots", "-3GB", "0GB", "", "24 GB of it"])
def test_what_is_no_size_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(PlanError, match="no size of a memory; right would be a number with GB or GiB, such as 24GB"):
        parse_size(text)


def test_sizes_are_read_with_their_units() -> None:
    assert [parse_size(text) for text in ("24GB", "1.5 GiB", "512mib", "7")] == [24 * 10**9, 3 * 2**29, 2**29, 7]


def test_sizes_that_are_measured_are_two_and_no_larger_than_the_batch_without_need() -> None:
    assert sizes_to_measure(saved_each=2**20, weights=0, batch=64) == (24, 48)
    assert sizes_to_measure(saved_each=2**20, weights=0, batch=8) == (4, 8)
    assert sizes_to_measure(saved_each=2**30, weights=0, batch=8) == (1, 2)
    assert sizes_to_measure(saved_each=0, weights=0, batch=1) == (1, 2)


def test_times_are_products_of_what_was_said() -> None:
    probe = Probe(clips=2, seconds=used(2).seconds)
    assert probe.iteration == 3.0
    assert probe.epoch(100, processes=5) == 30.0
    assert compute_seconds(multiply_adds=1e9, samples=100, gpus=4, flops=1e11, efficiency=0.5) == 1.0
    assert Samples.of(tiny_config("slow"), 7).count == 7
    kinetics = load_config(FOLDERS / "Kinetics" / "SLOWONLY.yaml", ["NUM_GPUS", 8])
    assert Samples.of(kinetics, None).source == "published"
    assert configured_processes(kinetics) == 8, "whether they are here or not"


def test_steps_say_which_other_lengths_they_have() -> None:
    cfg = tiny_config("slow", **STEPS)
    assert isinstance(build_train_step(cfg), HasLengths)
    assert not isinstance(build_train_step(tiny_config("slow")), HasLengths)
    found = [{key: value for key, value in options.items() if key.startswith("PGT")} for options in other_lengths(cfg)]
    assert found == [{"PGT.STEPS": 2}, {"PGT.STEPS": 8}, {"PGT.STEP_LEN": [2]}, {"PGT.STEP_LEN": [8]}]
    for options in other_lengths(cfg):
        tiny_config("slow", **STEPS | {key.replace(".", "__"): value for key, value in options.items()})


@pytest.mark.parametrize("kind", [{}, {"PGT__STEPS": "all", "PGT__TRAIN_TOGETHER": True, "DATA__NUM_FRAMES": 0}])
@pytest.mark.parametrize("persons", [False, True])
def test_made_up_batches_are_learned_from(kind: dict[str, object], persons: bool) -> None:
    options = {"DETECTION__ENABLE": True, "DETECTION__SPATIAL_SCALE_FACTOR": 32, "MODEL__LOSS_FUNC": "bce"} if persons else {}
    cfg = tiny_config("slow", **STEPS | kind | options, **({"MODEL__HEAD_ACT": "sigmoid"} if persons else {}))
    model = build_model(cfg).train()
    optimizer = build_optimizer(cfg, model)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    updater = Updater.from_cfg(cfg, model=model, optimizer=optimizer, device=CPU)
    build_train_step(cfg)(model, made_batch(cfg, clips=2), updater)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_plan_of_measurements_is_told_in_narrow_tables_and_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(cfg: CfgNode, *, clips: int, **_: object) -> Measured:
        return used(clips)

    monkeypatch.setattr(plan_process, "measured", measured)

    def load(more: object) -> CfgNode:
        pairs = list(more)
        changes = {str(key).replace(".", "__"): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)}
        return tiny_config("slow", **STEPS | {"TRAIN__BATCH_SIZE": 8} | changes)

    made = make_plan(load, Wanted(fit=24 * 10**9, processes=2, samples=1000), tell=lambda text: None)
    text = plan_text(made)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "clips in each of 2 processes" in text
    assert "PGT.STEPS 8" in text
    facts = json.loads(json.dumps(made.facts()))
    assert facts["memory"]["tensors"] == made.memory.tensors(4)
    assert facts["network"]["multiply_adds"] == 7
    assert facts["batch"]["clips"] == 4
    with pytest.raises(PlanError, match="cannot be shared by 3 processes; right would be 6"):
        make_plan(load, Wanted(processes=3), tell=lambda text: None)


def test_error_of_the_network_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(FOLDERS / "LongCook" / "SLOWONLY_PGT.yaml")
    assert main(["--cfg", config, "--fit", "lots"]) == 2
    assert "--fit lots: this is no size" in capsys.readouterr().err


def test_process_counts_what_an_iteration_makes_keeps_and_computes() -> None:
    """The way back costs twice what the way forward does, but for the first layer; gradients that stay are made once."""
    threads = torch.get_num_threads()
    cfg = tiny_config(
        "slow", DATA__NUM_FRAMES=4, DATA__TEST_CROP_SIZE=32, SOLVER__OPTIMIZING_METHOD="adamw", TRAIN__EMA_DECAY=0.9
    )
    try:
        alone, of_several = (Measured(**plan_process._measure(cfg, 2, 2, 0.0, True, stay)) for stay in (False, True))
    finally:
        torch.set_num_threads(threads)
    cost, kept = model_cost(cfg), Kept.of(cfg, build_model(cfg), processes=2)
    assert alone.optimizer_bytes == of_several.optimizer_bytes == kept.optimizer
    assert alone.saved_bytes == of_several.saved_bytes
    assert alone.saved_bytes < alone.iteration_bytes <= of_several.iteration_bytes + kept.gradients
    assert 2.3 * 2 * cost.multiply_adds < alone.multiply_adds <= 3 * 2 * cost.multiply_adds
    assert (alone.updates, len(alone.seconds), alone.device) == (1, 2, "cpu")
    assert alone.frame_bytes == 2 * 3 * 4 * 32 * 32


@pytest.mark.slow
def test_plan_foretells_the_peak_of_a_training_process() -> None:
    """Of more clips than it was measured with, and the multiply-adds of the way back are twice those of the way forward."""
    words = ["NUM_GPUS", 0, "DATA_LOADER.NUM_WORKERS", 0, "TRAIN.BATCH_SIZE", 64]
    cfg = load_config(FOLDERS / "LongCook" / "VIT_PGT.yaml", words)
    made = make_plan(lambda more: cfg, Wanted(iterations=0), tell=lambda text: None)
    assert made.memory.sizes[1] < made.clips
    truth = plan_process.measured(cfg, clips=64, iterations=3, counted=False)
    assert made.memory.growth is not None
    assert made.memory.growth(64) == pytest.approx(truth.growth_bytes, rel=0.15)
    assert made.few.optimizer_bytes == made.memory.kept.optimizer
    assert plan.configured_processes(cfg) == 1
