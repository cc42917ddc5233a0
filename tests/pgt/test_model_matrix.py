"""Every network of the library is trained and evaluated step by step; projects/pgt/README.md lists exactly these."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pgt.wrapper import ProgressiveModel
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.config import CfgNode
from slowfast.engine.tasks import build_eval_step, build_train_step
from slowfast.models import build_model
from slowfast.registry import MODELS
from tests.models.tiny_networks import RESNETS, SAME_NETWORKS, TRANSFORMERS, VARIANTS, tiny_config

README = Path(__file__).parents[2] / "projects" / "pgt" / "README.md"

NETWORKS = {
    "c2d": "C2D",
    "i3d": "I3D",
    "slow": "Slow",
    "slowfast": "SlowFast",
    "regnetx": "RegNet3D (X)",
    "regnety": "RegNet3D (Y)",
    "x3d": "X3D",
    "mvit": "MViT, MViTv2",
    "timesformer": "TimeSformer",
    "vit": "ViT (VideoMAE)",
}
"""By variant, as the table calls them."""

KINDS: dict[str, dict[str, Any]] = {
    "local": {},
    "causal": {"PGT__OPERATOR": "causal", "PGT__CACHE": "last"},
    "nonlocal": {},
    "progressive": {"NONLOCAL__PROGRESS": True},
    "compressed": {"PGT__ATTENTION": "compressed", "PGT__CACHE": "last", "PGT__ATTENTION_SLICES": 2},
}
"""Kinds of operators: around a frame, up to it, with non-local blocks besides, within a step or to its memory, and attention
over tokens with a compressed memory."""

WITH_BLOCKS = ("nonlocal", "progressive")

COMPRESSED = ("mvit", "vit")


def _is_built(variant: str, kind: str) -> bool:
    return variant in COMPRESSED if kind == "compressed" else kind not in WITH_BLOCKS or variant in RESNETS


CASES = [(variant, kind) for variant in NETWORKS for kind in KINDS if _is_built(variant, kind)]
DISTINCT = [case for case in CASES if case[0] not in ("c2d", "regnetx")]
"""Without networks all of whose operators others have as well: for tests that are one of several over the whole table."""
ALL = VARIANTS | TRANSFORMERS

UNREAD = ("cls_token", "pos_embed_class")
"""Nobody looks at a causal class token, and where the mean of the others is classified it says nothing."""

Make = Callable[..., Any]


def progressive_config(variant: str, kind: str, **changes: Any) -> CfgNode:
    """Steps of 4 frames (fast: 16), of which the memory stands for 2."""
    pathways = 2 if variant == "slowfast" else 1
    options: dict[str, Any] = {
        "PGT__ENABLE": True,
        "PGT__STEPS": 3,
        "PGT__STEP_LEN": [4, 16][:pathways],
        "PGT__OVERLAP": [2, 8][:pathways],
        "PGT__TRAIN_TOGETHER": True,
        "PGT__CACHE": "max",
        "DATA__TRAIN_JITTER_SCALES": [32, 40],
        "MODEL__LOSS_FUNC": "bce_logit",
        "MODEL__HEAD_ACT": "sigmoid",
        "DATA__MULTI_LABEL": True,
    }
    if kind in WITH_BLOCKS:
        options |= {"NONLOCAL__LOCATION": [[[]], [[0, 1]], [[1]], [[]]], "NONLOCAL__INSTANTIATION": "softmax"}
        if pathways == 2:
            options["NONLOCAL__LOCATION"] = [[[], []], [[0, 1], []], [[1], []], [[], []]]
    return tiny_config(variant, **(options | KINDS[kind] | changes))


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest) -> Callable[..., CfgNode]:
    """Makes the config of one row and column of the table."""
    variant, kind = request.param
    return lambda **changes: progressive_config(variant, kind, **changes)


def train_a_step(cfg: CfgNode, batch: Any, updater: Any) -> tuple[Any, float, int]:
    """The model after it, the loss, and the most bytes that were kept for going back."""
    model = build_model(cfg).train()
    for parameter in model.parameters():  # what begins as zero lets no gradient through
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    with ActivationMeter(exclude=model) as meter:
        output = build_train_step(cfg)(model, batch, updater)
    return model, float(output.loss), meter.peak_bytes


def test_training_reaches_every_parameter_at_a_memory_that_does_not_grow_with_the_steps(
    case: Make, make_batch: Make, updater: Any
) -> None:
    peaks = []
    for steps in (2, 6):
        cfg = case(PGT__STEPS=steps)
        model, loss, peak = train_a_step(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater)
        assert math.isfinite(loss)
        without = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
        unread = UNREAD if cfg.PGT.OPERATOR == "causal" else ()
        assert [name for name in without if name not in unread] == []
        peaks.append(peak)
    assert peaks[1] <= 1.01 * peaks[0]


@pytest.mark.parametrize("progressively", [True, False], ids=["steps", "one_pass"])
def test_evaluation_scores_every_clip(case: Make, make_batch: Make, progressively: bool) -> None:
    cfg = case(PGT__PG_EVAL=progressively, PGT__ENSEMBLE_METHOD="max")
    with torch.no_grad():
        output = build_eval_step(cfg)(build_model(cfg).eval(), make_batch(cfg.DATA.NUM_FRAMES))
    assert output.scores.shape == (2, 5)
    assert ((output.scores >= 0) & (output.scores <= 1)).all()
    assert output.segment_scores.shape == (2, 3 if progressively else 1, 5)


def test_later_steps_depend_on_earlier_ones(case: Make) -> None:
    cfg = case()
    model = build_model(cfg).eval()
    assert isinstance(model, ProgressiveModel)
    later = [torch.rand(1, 3, length // 2, 32, 32) for length in cfg.PGT.STEP_LEN]
    scores = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model.reset()
        with torch.no_grad():
            model.step([torch.rand(1, 3, length, 32, 32) for length in cfg.PGT.STEP_LEN])
            scores.append(model.step(later))
    assert not torch.equal(*scores)


def test_non_local_blocks_remember_where_the_config_says_so(case: Make) -> None:
    cfg = case()
    attending = [path for path in build_model(cfg).operators if "nonlocal" in path]
    assert len(attending) == (3 if cfg.NONLOCAL.PROGRESS else 0)


def test_weights_of_the_plain_network_fit_and_the_other_way_round(case: Make) -> None:
    progressive, plain = build_model(case()), build_model(case(PGT__ENABLE=False, DATA__NUM_FRAMES=case().PGT.STEP_LEN[-1]))
    if case().PGT.ATTENTION == "compressed":
        more = set(progressive.state_dict()) - set(plain.state_dict())
        assert all("compress" in name or "rel_pos_mem" in name for name in more)
        progressive.load_state_dict(plain.state_dict(), strict=False)
        return
    assert list(progressive.state_dict()) == list(plain.state_dict())
    assert [name for name, _ in progressive.named_parameters()] == [name for name, _ in plain.named_parameters()]
    first = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    progressive.load_state_dict(first)
    plain.load_state_dict(build_model(case()).state_dict())
    plain.load_state_dict(progressive.state_dict())
    assert all(torch.equal(tensor, first[name]) for name, tensor in plain.state_dict().items())


def table() -> str:
    """What the section "Networks" of the README says."""
    columns = ("network", "`MODEL.MODEL_NAME`", "`MODEL.ARCH`", "frames of a step", *KINDS)
    names = [name.replace("nonlocal", "non-local") for name in columns]
    rows = [f"| {' | '.join(names)} |", "|" + "---|" * len(columns)]
    for variant, name in NETWORKS.items():
        cfg = tiny_config(variant)
        stride = MODELS.get(cfg.MODEL.MODEL_NAME).temporal_stride(cfg)
        works = ["yes" if (variant, kind) in CASES else "none" for kind in KINDS]
        frames = "any" if stride == 1 else f"multiples of {stride}"
        rows.append(" | ".join([f"| {name}", f"`{cfg_name(variant)}`", f"`{cfg.MODEL.ARCH}`", frames, *works]) + " |")
    return "\n".join(rows)


def cfg_name(variant: str) -> str:
    return str(ALL[variant]["MODEL.MODEL_NAME"])


def test_every_registered_network_is_in_the_matrix() -> None:
    assert {cfg_name(variant) for variant in NETWORKS} | set(SAME_NETWORKS) == set(MODELS)
    assert set(NETWORKS) == set(ALL)


def test_readme_lists_what_is_tested_here() -> None:
    text = README.read_text(encoding="utf-8")
    assert table() in text, f"the section Networks of {README} wants this table:\n\n{table()}"
