"""What single hooks do."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from slowfast.datasets.reading_log import ReadingLog
from slowfast.engine.hooks import (
    BadVideosHook,
    EpochLineHook,
    EvaluateHook,
    LogHook,
    PreciseBNHook,
    ProgressBarHook,
)
from slowfast.engine.hooks.precise_bn import measure_statistics
from slowfast.runtime import distributed
from slowfast.runtime.logging import LOG_FILE, log_stats, read_stats, setup_logging
from slowfast.structures import ClipBatch, StepOutput
from tests.engine.engine_toys import ToyLoader, ToyNet, toy_batch, toy_trainer, train_step
from tests.two_processes import in_two_processes


@pytest.fixture
def logged(tmp_path: Path):
    """A call that returns the numbers logged so far."""
    setup_logging(tmp_path)
    return lambda: read_stats(tmp_path / LOG_FILE)


def test_log_lines_tell_where_training_is(logged) -> None:
    trainer = toy_trainer(ToyNet(), hooks=[LogHook(period=2)])
    trainer.train()
    lines = [line for line in logged() if line["_type"] == "train_iter"]
    assert [(line["epoch"], line["iter"]) for line in lines] == [
        (f"{epoch}/2", f"{iteration}/6") for epoch in (1, 2) for iteration in (2, 4, 6)
    ]
    assert {"dt", "loss", "lr", "eta", "mem"} <= lines[0].keys()
    assert lines[-1]["eta"] == "0:00:00"


def test_epoch_loss_is_the_mean_over_its_iterations(logged) -> None:
    toy_trainer(ToyNet(), hooks=[LogHook(period=1)]).train()
    losses = [line["loss"] for line in logged() if line["_type"] == "train_iter" and line["epoch"] == "2/2"]
    (epoch_loss,) = (line["loss"] for line in logged() if line["_type"] == "train_epoch" and line["epoch"] == "2/2")
    assert epoch_loss == pytest.approx(sum(losses) / 6, rel=1e-3)


class Watched(Tensor):
    """A number whose value is fetched from its device where somebody reads it, and counted."""

    reads = 0

    def __float__(self) -> float:
        Watched.reads += 1
        return float(self.as_subclass(Tensor))

    def tolist(self) -> Any:
        Watched.reads += 1
        return self.as_subclass(Tensor).tolist()


def test_losses_are_fetched_for_log_lines_alone(logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slowfast.runtime.progress.console_is_terminal", lambda: True)
    trainer = toy_trainer(ToyNet(), hooks=[ProgressBarHook(period=3), LogHook(period=3)])
    step = trainer.step

    class Watching:
        def __call__(self, *arguments: Any) -> StepOutput:
            return StepOutput(loss=step(*arguments).loss.as_subclass(Watched))

        def __getattr__(self, name: str) -> Any:
            return getattr(step, name)

    trainer.step = Watching()
    Watched.reads = 0
    trainer.train()
    # Of an epoch's 6 iterations: two lines and what the bar shows with them, and the line of the epoch.
    assert Watched.reads == 2 * (2 + 2 + 1)
    assert sum(line["_type"] == "train_iter" for line in logged()) == 4


def test_numbers_that_are_not_finite_are_null(logged) -> None:
    log_stats({"_type": "val_epoch", "mAP": float("nan"), "loss": float("inf"), "top1_acc": 1 / 3})
    assert logged() == [{"_type": "val_epoch", "mAP": None, "loss": None, "top1_acc": 0.33333}]


@pytest.mark.parametrize(("period", "expected"), [(0, []), (1, [1, 2, 3]), (2, [2, 3]), (5, [3])])
def test_validation_comes_every_period_and_at_the_end(period: int, expected: list[int], logged) -> None:
    trainer = toy_trainer(ToyNet(), num_epochs=3)
    trainer.hooks.append(EvaluateHook(evaluate=lambda: {"mAP": float(trainer.epoch)}, period=period))
    trainer.train()
    lines = [line for line in logged() if line["_type"] == "val_epoch"]
    assert [line["mAP"] for line in lines] == expected
    assert [line["epoch"] for line in lines] == [f"{epoch}/3" for epoch in expected]


def seen_by_norm(model: ToyNet, batches: list[ClipBatch]) -> Tensor:
    """(C, values), all at once, of one process."""
    with torch.no_grad():
        outputs = [model.conv(train_step().inputs(batch)[0]).transpose(0, 1).flatten(1) for batch in batches]
    return torch.cat(outputs, dim=1)


def uneven_batches(rank: int) -> list[ClipBatch]:
    """Of 3, 1 and 2 clips, and one more on the second process."""
    return [
        toy_batch([(number + 7 * rank, 0) for number in range(first, last)]) for first, last in ((0, 3), (3, 4), (4, 6))
    ] + [toy_batch([(1, 0), (5, 0)])] * rank


def test_precise_statistics_are_those_of_all_batches_together() -> None:
    """Also of batches of different sizes, whatever stood there before."""
    model = ToyNet().train()
    batches = uneven_batches(1)
    model.norm.running_mean.fill_(float("nan"))
    measure_statistics(model, train_step(), batches)
    values = seen_by_norm(model, batches)
    torch.testing.assert_close(model.norm.running_mean, values.mean(1))
    torch.testing.assert_close(model.norm.running_var, values.var(1))
    assert model.norm.momentum == 0.1
    assert model.norm.num_batches_tracked == 0
    assert not model.norm._forward_hooks


@pytest.mark.parametrize("uneven", [False, True])
def test_precise_statistics_are_those_of_all_processes_together(uneven: bool, tmp_path: Path) -> None:
    def job() -> None:
        torch.manual_seed(0)
        model = ToyNet().train()
        everywhere = [uneven_batches(rank)[: None if uneven else 3] for rank in range(2)]
        measure_statistics(model, train_step(), everywhere[distributed.rank()])
        values = seen_by_norm(model, [batch for batches in everywhere for batch in batches])
        torch.testing.assert_close(model.norm.running_mean, values.mean(1))
        torch.testing.assert_close(model.norm.running_var, values.var(1))

    in_two_processes(job, tmp_path)


def test_a_norm_that_sees_nothing_keeps_its_statistics() -> None:
    model = ToyNet().train()
    model.spare = nn.BatchNorm3d(2)
    model.spare.running_mean.fill_(3.0)
    measure_statistics(model, train_step(), uneven_batches(0))
    assert model.spare.running_mean.tolist() == [3.0, 3.0]


def test_statistics_stay_as_they_were_when_measuring_fails() -> None:
    model = ToyNet().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def broken() -> Iterator[ClipBatch]:
        yield from uneven_batches(0)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        measure_statistics(model, train_step(), broken())
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    assert (model.norm.momentum, len(model.norm._forward_hooks)) == (0.1, 0)


def test_precise_statistics_leave_weights_and_gradients_alone() -> None:
    model = ToyNet().train()
    before = [parameter.clone() for parameter in model.parameters()]
    measure_statistics(model, train_step(), ToyLoader(batch_size=6).batches(0))
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_precise_statistics_are_measured_when_somebody_will_use_them(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs: list[int] = []
    trainer = toy_trainer(ToyNet(), num_epochs=7, hooks=[PreciseBNHook(num_batches=2, periods=(2, 3))])
    monkeypatch.setattr(
        "slowfast.engine.hooks.precise_bn.measure_statistics", lambda *args: epochs.append((trainer.epoch, len(list(args[2]))))
    )
    trainer.train()
    assert epochs == [(epoch - 1, 2) for epoch in (2, 3, 4, 6, 7)], "before the epoch counts as done"


def test_unreadable_videos_are_named_once_an_epoch(caplog: pytest.LogCaptureFixture) -> None:
    trainer = toy_trainer(ToyNet(), num_epochs=1, hooks=[BadVideosHook()])
    trainer.loader.batches = lambda epoch, start, **_: iter([toy_batch([(1, 0)], replaced=("a.mp4: no video",))] * 3)
    trainer.train()
    assert caplog.messages == ["epoch 1: others took the place of 1 unreadable videos: a.mp4: no video"]


def test_epochs_end_with_what_reading_was_like(caplog: pytest.LogCaptureFixture) -> None:
    reading = ReadingLog()
    reading.add("slow.mp4", 3.0, replaced=1)
    caplog.set_level("INFO")
    toy_trainer(ToyNet(), num_epochs=1, hooks=[BadVideosHook(reading=reading)]).train()
    assert caplog.messages == ["epoch 1: 1 clips read, 1 unreadable videos replaced; slowest: slow.mp4 3.00 s"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_bar_shows_on_terminals_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool
) -> None:
    monkeypatch.setattr("slowfast.runtime.progress.console_is_terminal", lambda: is_terminal)
    toy_trainer(ToyNet(), hooks=[ProgressBarHook(period=1)]).train()
    assert ("epoch 2/2" in capsys.readouterr().err) == is_terminal


def test_log_lines_are_plain_json(logged, tmp_path: Path) -> None:
    log_stats({"_type": "test_final", "mAP": 1.0})
    (line,) = (tmp_path / LOG_FILE).read_text().splitlines()
    assert json.loads(line.partition("json_stats: ")[2]) == {"_type": "test_final", "mAP": 1.0}


def epoch_lines(text: str) -> list[str]:
    return [line.partition("] ")[2] for line in text.splitlines() if "] epoch " in line]


def test_an_epoch_is_one_line_that_says_what_improved_and_how_much_time_is_left(
    logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = iter([{"mAP": 40.0, "top1": 10.0}, {"mAP": 45.5, "top1": 9.0}, {"mAP": math.nan, "top1": 10.5}])
    hooks = [LogHook(period=2), EvaluateHook(evaluate=lambda: next(figures), period=1), EpochLineHook(output_dir=tmp_path)]
    toy_trainer(ToyNet(), hooks=hooks, num_epochs=3).train()
    shown = capsys.readouterr().err
    first, second, third = epoch_lines(shown)
    assert first.startswith("epoch 1/3: loss ") and ", mAP 40.00, top1 10.00, 0:00:" in first and first.endswith(" left")
    assert " (was " in second and "mAP 45.50 (best so far, +5.50), top1 9.00, " in second
    assert "mAP undefined, top1 10.50, " in third and third.endswith("for this epoch")
    assert "json_stats" not in shown
    assert [line["_type"] for line in logged()].count("train_iter") == 9


def test_a_resumed_run_knows_the_best_before_it(logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for entry in (
        {"_type": "val_epoch", "epoch": "1/9", "mAP": 99.0},  # of an earlier training in the same folder
        {"_type": "train_start", "resumed": False},
        {"_type": "train_epoch", "epoch": "1/2", "loss": 123.0},
        {"_type": "val_epoch", "epoch": "1/2", "mAP": 60},
        {"_type": "train_epoch", "epoch": "2/2", "loss": 77.0},  # done over: the checkpoint is of epoch 1
        {"_type": "val_epoch", "epoch": "2/2", "mAP": 80.0},
    ):
        log_stats(entry)
    hooks = [LogHook(period=2), EvaluateHook(evaluate=lambda: {"mAP": 50.0}, period=1), EpochLineHook(output_dir=tmp_path)]
    trainer = toy_trainer(ToyNet(), hooks=hooks)
    trainer.epoch = 1
    trainer.train()
    (line,) = epoch_lines(capsys.readouterr().err)
    assert "(was 123), mAP 50.00 (best 60.00 in epoch 1)" in line


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_long_epoch_without_a_bar_says_how_far_it_is(
    logged, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool
) -> None:
    monkeypatch.setattr("slowfast.runtime.progress.console_is_terminal", lambda: is_terminal)
    monkeypatch.setattr("slowfast.engine.hooks.log.SECONDS_BETWEEN_LINES", 0)
    toy_trainer(ToyNet(), hooks=[LogHook(period=3)]).train()
    assert len(epoch_lines(capsys.readouterr().err)) == (0 if is_terminal else 4)


def test_a_validation_that_was_done_over_is_told_beside_the_best_before_it(
    logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_stats({"_type": "val_epoch", "epoch": "1/2", "mAP": 60.0})
    evaluate = EvaluateHook(evaluate=lambda: {"mAP": 70.0}, period=1)
    evaluate.unfinished = True
    trainer = toy_trainer(ToyNet(), hooks=[LogHook(period=2), evaluate, EpochLineHook(output_dir=tmp_path)])
    trainer.epoch = 2
    trainer.train()
    assert epoch_lines(capsys.readouterr().err) == ["epoch 2/2: mAP 70.00 (best so far, +10.00)"]


def test_lines_of_a_log_that_were_cut_or_are_no_statistics_are_passed_over(tmp_path: Path) -> None:
    lines = [
        b'json_stats: {"_type": "val_epoch", "mAP": 1}',
        b"json_stats: [1, 2]",
        b'json_stats: {"name": "\xc3',
        b"json_stats: nul",
    ]
    (tmp_path / LOG_FILE).write_bytes(b"\n".join(lines))
    assert read_stats(tmp_path / LOG_FILE) == [{"_type": "val_epoch", "mAP": 1}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_statistics_that_a_full_disk_does_not_take_are_on_the_console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / LOG_FILE).symlink_to("/dev/full")
    setup_logging(tmp_path)
    for number in range(2):
        log_stats({"_type": "test_final", "number": number})
    said = capsys.readouterr().err
    assert [f'"number": {number}' in said for number in range(2)] == [True, True]
