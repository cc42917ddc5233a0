"""Activation checkpointing changes what is kept, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from slowfast.config import ConfigError
from slowfast.models import build_model
from slowfast.models.pathways import PathwayPicker
from tests.models.tiny_networks import TRANSFORMERS, VARIANTS, tiny_config


class LiveTensors(TorchDispatchMode):
    """Counts the tensors that are made inside and not yet gone: hooks of autograd do not see what is computed again."""

    def __init__(self) -> None:
        super().__init__()
        self.peak_bytes = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self._alive = {key: held for key, held in self._alive.items() if not held[0].expired()}
        self.peak_bytes = max(self.peak_bytes, sum(size for _, size in self._alive.values()))
        return result


@pytest.mark.parametrize("variant", [*VARIANTS, *TRANSFORMERS])
@pytest.mark.parametrize("execution", ["3d", "2d"])
def test_gradients_and_statistics_are_those_of_one_run_at_fewer_activations(variant: str, execution: str) -> None:
    found = {}
    for parts in ("none", "blocks") if variant in TRANSFORMERS else ("none", "stages", "blocks"):
        cfg = tiny_config(variant, TRAIN__ACTIVATION_CHECKPOINTING=parts, MODEL__EXECUTION=execution)
        torch.manual_seed(0)
        model = build_model(cfg).train()
        inputs = PathwayPicker.from_cfg(cfg).pick(torch.rand((1, 3, cfg.DATA.NUM_FRAMES, 128, 128)))
        torch.manual_seed(1)
        with LiveTensors() as live:
            model(inputs).square().sum().backward()
        found[parts] = (model, live.peak_bytes)
    plain, kept = found.pop("none")
    for parts, (checkpointed, fewer) in found.items():
        assert fewer < kept, parts
        for (name, wanted), parameter in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
            torch.testing.assert_close(parameter.grad, wanted.grad, msg=f"{parts}: {name}")
        for (name, wanted), buffer in zip(plain.named_buffers(), checkpointed.buffers(), strict=True):
            assert torch.equal(buffer, wanted), f"{parts}: {name}"


def test_blocks_are_run_again_one_by_one_and_stages_as_a_whole() -> None:
    runs = {}
    for parts in ("none", "stages", "blocks"):
        model = build_model(tiny_config("slow", TRAIN__ACTIVATION_CHECKPOINTING=parts)).train()
        ran: list[str] = []
        for name in ("s2", "s2.pathway0_res0", "s2.pathway0_res1"):
            model.get_submodule(name).register_forward_hook(lambda *_, name=name, ran=ran: ran.append(name))
        model([torch.rand(1, 3, 4, 32, 32)]).sum().backward()
        runs[parts] = ran
    blocks = ["s2.pathway0_res0", "s2.pathway0_res1"]
    # The second run of a stage stops where all that gradients need is there again, so its own hook does not see its end.
    assert runs["none"] == [*blocks, "s2"]
    assert runs["blocks"][:3] == [*blocks, "s2"] and "s2" not in runs["blocks"][3:]
    assert runs["stages"][:4] == [*blocks, "s2", blocks[0]]


def test_evaluation_computes_nothing_twice() -> None:
    model = build_model(tiny_config("slow", TRAIN__ACTIVATION_CHECKPOINTING="blocks")).eval()
    ran: list[int] = []
    model.s2.register_forward_hook(lambda *_: ran.append(1))
    model([torch.rand(1, 3, 4, 32, 32)]).sum().backward()
    assert len(ran) == 1


def test_a_network_without_stages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from slowfast.registry import MODELS

    class Other(torch.nn.Module):
        @classmethod
        def from_cfg(cls, cfg: object) -> torch.nn.Module:
            return cls()

        @staticmethod
        def temporal_stride(cfg: object) -> int:
            return 1

    monkeypatch.setitem(MODELS._entries, "Other", Other)
    with pytest.raises(ConfigError, match=r"TRAIN\.ACTIVATION_CHECKPOINTING = 'stages'"):
        build_model(tiny_config("slow", MODEL__MODEL_NAME="Other", TRAIN__ACTIVATION_CHECKPOINTING="stages"))
