"""The weights of the best validation are kept, whoever trains on, stops, dies or goes on."""

import json
import math
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from slowfast.config import ConfigError
from slowfast.engine.contract import Contract, Frames, read_contract
from slowfast.engine.hooks import BestHook, EvaluateHook, Hook
from slowfast.engine.hooks.best import KEY, Validation, best_path, less_is_better
from slowfast.engine.trainer import Trainer
from slowfast.models.weights import read_weights
from slowfast.runtime.background_writer import BackgroundWriter
from tests.engine.engine_toys import ToyNet, toy_trainer

CONTRACT = Contract(
    task="classification", classes=("a", "b"), several=False, options={}, trained_on="toys",
    frames=Frames(seconds_apart=None, grid_fps=None, short_side=8, crop=8, mean=(0.0,) * 3, std=(1.0,) * 3),
)  # fmt: skip


class Weights(Hook):
    """Remembers what is scored after every epoch."""

    def __init__(self) -> None:
        self.of_epoch: list[dict[str, torch.Tensor]] = []

    def after_epoch(self, trainer: Trainer) -> None:
        self.of_epoch.append({name: value.clone() for name, value in trainer.scored_weights().items()})


def best_hook(folder: Path, metric: str = "top1_acc", *, background: bool = True) -> BestHook:
    return BestHook(output_dir=folder, metric=metric, contract=CONTRACT, writer=BackgroundWriter(background=background))


def train(
    folder: Path, values: list[float], *, metric: str = "top1_acc", done: int = 0, ema: float = 0.0, background: bool = True
) -> Weights:
    """Trains an epoch for each value, which is what its validation finds. done: epochs before."""
    left, weights, hook = iter(values), Weights(), best_hook(folder, metric, background=background)
    validating = EvaluateHook(evaluate=lambda: {"other": 3.0, metric: next(left)}, period=1)
    trainer = toy_trainer(
        ToyNet(), hooks=[validating, hook, weights], num_epochs=done + len(values), batch_size=12, ema_decay=ema
    )
    trainer.epoch = done
    trainer.train()
    hook._writer.finish()
    return weights


def kept(folder: Path) -> Validation | None:
    return Validation.of_file(best_path(folder))


FIGURES = st.one_of(st.just(math.nan), st.integers(0, 3).map(float))


@settings(max_examples=15)
@given(values=st.lists(FIGURES, min_size=1, max_size=4), background=st.booleans())
@pytest.mark.parametrize("metric", ["top1_acc", "val_loss"])
def test_the_weights_of_the_first_best_epoch_are_kept(
    tmp_path_factory: pytest.TempPathFactory, metric: str, values: list[float], background: bool
) -> None:
    folder = tmp_path_factory.mktemp("run")
    weights = train(folder, values, metric=metric, background=background)
    defined = [value for value in values if not math.isnan(value)]
    if not defined:
        assert not best_path(folder).exists()
        return
    best = min(defined) if metric == "val_loss" else max(defined)
    validation = kept(folder)
    assert validation == Validation(
        metric=metric, value=best, epoch=values.index(best) + 1, figures={"other": 3.0, metric: best}
    )
    found, expected = read_weights(best_path(folder)), weights.of_epoch[validation.epoch - 1]
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("name", "less"),
    [
        *((name, False) for name in ("top1_acc", "top5_acc", "mAP", "mAP_glossary", "event_mAP@0.5")),
        *((name, True) for name in ("loss", "val_loss", "top1_err", "calibration-error", "Loss")),
    ],
)
def test_losses_and_errors_are_the_better_the_less_they_are(name: str, less: bool) -> None:
    assert less_is_better(name) == less


def test_an_average_of_weights_is_kept_where_that_is_what_is_scored(tmp_path: Path) -> None:
    weights = train(tmp_path, [1.0], ema=0.9)
    found = read_weights(best_path(tmp_path))
    assert all(torch.equal(found[name], value) for name, value in weights.of_epoch[0].items())


def test_the_file_says_how_its_weights_are_used_and_claims_no_figures_of_a_test(tmp_path: Path) -> None:
    train(tmp_path, [1.0])
    assert read_contract(best_path(tmp_path)) == CONTRACT


def test_a_run_that_goes_on_knows_the_best_of_before(tmp_path: Path) -> None:
    train(tmp_path, [5.0, 1.0])
    before = best_path(tmp_path).read_bytes()
    train(tmp_path, [4.0, 5.0], done=2)
    assert best_path(tmp_path).read_bytes() == before
    train(tmp_path, [6.0], done=4)
    validation = kept(tmp_path)
    assert validation is not None and (validation.value, validation.epoch) == (6.0, 5)


def test_a_training_that_begins_anew_or_minds_another_figure_takes_its_own_best(tmp_path: Path) -> None:
    train(tmp_path, [5.0])
    train(tmp_path, [4.0])
    validation = kept(tmp_path)
    assert validation is not None and validation.value == 4.0
    train(tmp_path, [7.0], metric="val_loss", done=1)
    validation = kept(tmp_path)
    assert validation is not None and (validation.metric, validation.value) == ("val_loss", 7.0)


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_file_that_does_not_say_how_good_it_is_is_told_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    train(tmp_path, [5.0])
    if content is None:
        safetensors.torch.save_file({"weight": torch.ones(1)}, best_path(tmp_path))
    else:
        best_path(tmp_path).write_bytes(content)
    train(tmp_path, [4.0], done=1)
    assert "best.safetensors: does not say how good its weights are" in caplog.text
    validation = kept(tmp_path)
    assert validation is not None and validation.value == 4.0


def test_a_validation_that_was_done_over_counts_too(tmp_path: Path) -> None:
    validating, hook = EvaluateHook(evaluate=lambda: {"top1_acc": 8.0}, period=1), best_hook(tmp_path)
    validating.unfinished = True
    trainer = toy_trainer(ToyNet(), hooks=[validating, hook], num_epochs=1)
    trainer.epoch = 1
    trainer.train()
    hook._writer.finish()
    validation = kept(tmp_path)
    assert validation is not None and (validation.value, validation.epoch) == (8.0, 1)


def test_a_figure_that_there_is_not_is_an_error_of_the_first_validation(tmp_path: Path) -> None:
    hooks = [EvaluateHook(evaluate=lambda: {"top1_acc": 8.0, "top5_acc": 9.0}, period=1), best_hook(tmp_path, "mAP")]
    with pytest.raises(ConfigError, match=r"CHECKPOINT_BEST_METRIC = 'mAP': .*right would be: 'top1_acc' or 'top5_acc'"):
        toy_trainer(ToyNet(), hooks=hooks).train()


def test_a_figure_that_is_never_defined_is_told_at_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(tmp_path, [math.nan, math.nan], metric="mAP")
    assert f"{best_path(tmp_path)}: not written, as no validation of this training has found a mAP" in caplog.messages


def test_other_readers_find_the_validation_as_json(tmp_path: Path) -> None:
    train(tmp_path, [5.0])
    with safetensors.safe_open(best_path(tmp_path), framework="pt") as file:
        assert json.loads(file.metadata()[KEY])["epoch"] == 1
