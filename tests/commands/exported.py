"""Weights to export, and programs as somebody runs them who has their file alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from slowfast.config import CfgNode
from slowfast.engine.contract import Contract, Frames, needed_options
from slowfast.engine.weight_files import write_weights
from slowfast.models import build_model

CLASSES = ("cut", "fold", "pour", "stir", "wipe")
SIDE = 32


def contract_of(cfg: CfgNode) -> Contract:
    """Of a network whose data set there is none of."""
    return Contract(
        task="classification",
        classes=CLASSES,
        several=True,
        frames=Frames(
            seconds_apart=0.25, grid_fps=None, short_side=SIDE, crop=SIDE, mean=tuple(cfg.DATA.MEAN), std=tuple(cfg.DATA.STD)
        ),
        options=needed_options(cfg),
        trained_on="toys",
    )  # fmt: skip


def weights_of(cfg: CfgNode, path: Path, *, says: bool = True, gain: float = 1.0) -> nn.Module:
    """Writes weights of such a network, with norms that do something, and returns it in evaluation mode.

    says: whether the file says what it is for. gain: of the classifier's weights, whose
    first values hardly tell pictures apart.
    """
    torch.manual_seed(0)
    network = build_model(cfg)
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        head = network.get_submodule("head")  # of some networks the classifier itself
        getattr(head, "projection", head).weight.mul_(gain)
    write_weights(path, network.state_dict(), contract_of(cfg) if says else None)
    return network.eval()


Step = Callable[[Tensor, Tensor, dict[str, Tensor]], tuple[Tensor, dict[str, Tensor]]]


def description_of(path: Path) -> Any:
    """What the file says of the program in it."""
    if path.suffix == ".pt2":
        files = {"program.json": ""}
        torch.export.load(path, extra_files=files)
        return json.loads(files["program.json"])
    import onnxruntime

    return json.loads(onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map["program"])


def step_of(path: Path) -> Step:
    """The program as (frames, begins, memory) -> (scores, memory); of a clip's, the latter two are left alone."""
    told = description_of(path)
    if path.suffix == ".pt2":
        module = torch.export.load(path).module()
        return lambda frames, begins, memory: module(frames, begins, memory) if told["memory"] else (module(frames), {})
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    outputs = [told["scores"]["name"], *(entry["output"] for entry in told["memory"])]

    def step(frames: Tensor, begins: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        given: dict[str, np.ndarray[Any, Any]] = {told["frames"]["name"]: frames.numpy()}
        if told["memory"]:
            given[told["begins"]] = begins.numpy()
        given |= {entry["input"]: memory[entry["name"]].numpy() for entry in told["memory"]}
        scores, *new = map(torch.from_numpy, session.run(outputs, given))
        return scores, {entry["name"]: tensor for entry, tensor in zip(told["memory"], new, strict=True)}

    return step
