"""Which numbers a network computes with, and where they would not do."""

import logging

import pytest
import torch

from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.runtime import precision
from slowfast.runtime.precision import Precision, fastest, precision_of, tell_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def config(*options: object) -> CfgNode:
    return load_config(None, [str(option) for option in options])


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A GPU with or without units for bfloat16, as far as questions about it go."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: request.param)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")


@pytest.mark.parametrize(("gpu", "name"), [(True, "bf16"), (False, "fp16")], indirect=["gpu"])
def test_auto_takes_bf16_where_a_gpu_has_it(gpu: None, name: str) -> None:
    assert precision_of(config("TRAIN.PRECISION", "auto"), "TRAIN", GPU) == Precision(name)
    assert precision_of(config("TRAIN.PRECISION", "auto"), "TEST", GPU) == Precision("fp32")


@pytest.mark.parametrize(("amx", "avx512", "name"), [(0, 0, "fp32"), (1, 0, "bf16"), (0, 1, "fp32"), (1, 1, "bf16")])
def test_auto_takes_bf16_where_a_cpu_is_fast_at_it(monkeypatch: pytest.MonkeyPatch, amx: int, avx512: int, name: str) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx), raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(avx512), raising=False)
    assert fastest(CPU) == name


def test_a_pytorch_that_cannot_be_asked_about_the_cpu_computes_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert fastest(CPU) == "fp32"


@pytest.mark.parametrize("stage", ["TRAIN", "TEST"])
def test_fp16_on_a_cpu_is_refused_before_the_run(stage: str) -> None:
    with pytest.raises(ConfigError, match=rf"{stage}\.PRECISION = 'fp16': half precision with scaled losses is for GPUs"):
        tell_precision(config("NUM_GPUS", 0, f"{stage}.PRECISION", "fp16"), CPU)


def test_a_stage_that_does_not_take_place_is_not_asked() -> None:
    tell_precision(config("NUM_GPUS", 0, "TRAIN.PRECISION", "fp16", "TRAIN.ENABLE", False), CPU)
    tell_precision(config("NUM_GPUS", 0, "TEST.PRECISION", "fp16", "TEST.ENABLE", False, "TRAIN.EVAL_PERIOD", 0), CPU)


@pytest.mark.parametrize("gpu", [False], indirect=True)
def test_bf16_on_a_gpu_without_units_for_it_is_refused(gpu: None) -> None:
    with pytest.raises(ConfigError, match="Some GPU has no units for bfloat16"):
        precision_of(config("TRAIN.PRECISION", "bf16"), "TRAIN", GPU)


def test_the_older_option_means_fp16_and_is_told_to_have_no_effect_on_a_cpu(caplog: pytest.LogCaptureFixture) -> None:
    cfg = config("TRAIN.MIXED_PRECISION", True)
    assert precision_of(cfg, "TRAIN", GPU) == Precision("fp16")
    assert precision_of(cfg, "TRAIN", CPU) == Precision("fp32")
    with caplog.at_level(logging.WARNING, logger=precision.__name__):
        tell_precision(cfg, CPU)
    assert "TRAIN.MIXED_PRECISION needs a GPU" in caplog.text
    with pytest.raises(ConfigError, match=r"TRAIN\.MIXED_PRECISION = True: TRAIN\.PRECISION says bf16"):
        config("TRAIN.MIXED_PRECISION", True, "TRAIN.PRECISION", "bf16")


def test_what_auto_means_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    with caplog.at_level(logging.INFO, logger=precision.__name__):
        tell_precision(config("NUM_GPUS", 0, "TRAIN.PRECISION", "auto"), CPU)
    assert caplog.messages == ["TRAIN.PRECISION auto: bf16 on this device"]
