"""What is compiled for training, and what happens where nothing can be."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from slowfast.config import ConfigError
from slowfast.engine import compiling
from slowfast.engine.compiling import compile_for_training, eager
from slowfast.models import build_model
from tests.models.tiny_networks import tiny_config

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def run(model: torch.nn.Module, clip: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    logits = model([clip])
    logits.square().sum().backward()
    return [logits.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


@pytest.mark.parametrize("checkpointing", ["none", pytest.param("blocks", marks=pytest.mark.slow), "stages"])
def test_plain_clips_are_one_graph_with_equal_results(checkpointing: str) -> None:
    cfg = tiny_config("slow", TRAIN__ACTIVATION_CHECKPOINTING=checkpointing)
    torch.manual_seed(0)
    model, clips = build_model(cfg).train(), [torch.rand(2, 3, 4, 32, 32) for _ in range(3)]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    wanted = [run(model, clip) for clip in clips]
    after = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert compile_for_training(model, CPU, backend="aot_eager")
    counters.clear()
    for clip, expected in zip(clips, wanted, strict=True):
        torch.testing.assert_close(run(model, clip), expected, rtol=1e-4, atol=1e-5)
    assert (counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())) == (1, 0)
    torch.testing.assert_close(dict(model.state_dict()), after)
    model.eval()
    with torch.no_grad(), eager():
        model([torch.rand(1, 3, 6, 40, 40)])
    assert counters["stats"]["unique_graphs"] == 1


def test_where_nothing_compiles_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    model = build_model(tiny_config("slow"))
    with caplog.at_level(logging.INFO):
        assert not compile_for_training(model, CPU, backend="no_such_compiler")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "nothing can be compiled for cpu here" in caplog.text and "no_such_compiler" in caplog.text
    assert model._compiled_call_impl is None
    run(model.train(), torch.rand(2, 3, 4, 32, 32))


@pytest.mark.parametrize("compile_", [True, False])
def test_the_option_compiles_what_is_trained(compile_: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from slowfast.engine.training import _build_model

    monkeypatch.setattr(compiling, "_why_nothing_compiles", lambda *_: "")
    place: Any = type("Place", (), {"device": CPU})()
    model = _build_model(tiny_config("slow", TRAIN__COMPILE=compile_), place, pretrained=False)
    assert (model._compiled_call_impl is not None) is compile_


@pytest.mark.slow
def test_inductor_gives_the_same_where_there_is_one() -> None:
    torch.manual_seed(0)
    model = build_model(tiny_config("slow", MODEL__DROPOUT_RATE=0.5)).train().double()
    clip = torch.rand(2, 3, 4, 32, 32, dtype=torch.double)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(1)
    wanted = run(model, clip)
    model.load_state_dict(state)
    if not compile_for_training(model, CPU):
        pytest.skip("no compiler here")
    torch.manual_seed(1)
    torch.testing.assert_close(run(model, clip), wanted, rtol=1e-6, atol=1e-9)


def test_persons_are_not_compiled() -> None:
    options = {"DETECTION__ENABLE": True, "RESNET__SPATIAL_STRIDES": [[1], [2], [2], [1]], "MODEL__HEAD_ACT": "sigmoid"}
    with pytest.raises(ConfigError, match=r"TRAIN\.COMPILE.*DETECTION"):
        tiny_config("slow", TRAIN__COMPILE=True, **options)


def test_evaluation_does_not_load_the_compiler_for_networks_that_are_not_compiled() -> None:
    code = (
        "import sys; from slowfast.engine.compiling import eager\n"
        "before = 'torch._dynamo' in sys.modules\n"
        "with eager(): pass\n"
        "print(before, 'torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


@pytest.mark.parametrize("name", ["recompile_limit", "cache_size_limit"])
def test_more_graphs_than_usual_are_allowed_whatever_the_limit_is_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimpleNamespace(**{name: 8})
    monkeypatch.setattr(compiling, "_why_nothing_compiles", lambda device, backend: "")
    monkeypatch.setattr(torch._dynamo, "config", config)
    assert compile_for_training(Silent(), CPU)
    assert vars(config) == {name: compiling.MOST_GRAPHS}


class Silent(torch.nn.Module):
    """Nothing is compiled of it."""

    def compile(self, **options: Any) -> None:
        assert options["dynamic"] is False
