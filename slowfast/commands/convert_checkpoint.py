"""From a file of weights of any make to one of ours."""

from __future__ import annotations

import json
from pathlib import Path

from slowfast.config import CfgNode
from slowfast.engine import checkpoint
from slowfast.engine.contract import Contract, read_contract
from slowfast.engine.testing import RESULTS
from slowfast.engine.weight_files import check_suffix, write_weights
from slowfast.models import build_model
from slowfast.models.weights import read_weights
from slowfast.runtime.errors import CheckpointError
from slowfast.runtime.tables import format_table


def convert_weights(source: str, target: Path, *, cfg: CfgNode | None = None, inflate: bool = False) -> str:
    """Writes the weights of `source` (a path or URI) under our names to `target`, and returns what to tell the user.

    With a config only those are written that fit its network, in the network's shapes; `inflate` repeats weights of pictures
    over time and needs one. What the source says of its use is kept, unless there is a config. Raises CheckpointError for a
    target of another format, WeightsError for an unfit source.
    """
    check_suffix(target)
    contract = None
    if cfg is None:
        weights = read_weights(source)
        told = f"{len(weights)} weights written, compared with no network, as no config is given"
        contract = contract_of(Path(source)) if Path(source).is_file() else None
    else:
        model = build_model(cfg)
        report = checkpoint.load_pretrained(model, source, inflate=inflate)
        state = model.state_dict()
        weights = {name: state[name] for name in report.matched}
        told = str(report)
    write_weights(target, weights, contract)
    return told


def contract_of(path: Path) -> Contract | None:
    """What a file of weights says of its use; of a checkpoint that was tested in its run, with what the test found out."""
    contract = read_contract(path)
    results = path.parent.parent / RESULTS
    if contract is None or contract.figures or not results.is_file():
        return contract
    try:
        content = json.loads(results.read_text(encoding="utf-8"))
        of_these = Path(content["checkpoint"]).resolve() == path.resolve()
        figures, rule = dict(content["metrics"]), dict(content.get("in_time", {}).get("event_rule", {}))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{results}: cannot be read ({error}); right would be what a test writes there") from None
    return contract.tested(figures, rule) if of_these else contract


def describe_weights(path: Path) -> str:
    """What a file of weights says of its use, as a table. Raises CheckpointError where it says nothing."""
    contract = contract_of(path)
    if contract is None:
        raise CheckpointError(
            f"{path}: says nothing of its use, as files of other makers and of earlier versions do; right would be "
            "model.safetensors of a test (TRAIN.ENABLE False TEST.CHECKPOINT_FILE_PATH FILE), or a checkpoint of this version"
        )
    frames = contract.frames
    apart = "spread over the video" if frames.seconds_apart is None else f"every {frames.seconds_apart:g} s"
    view = f"{frames.crop} x {frames.crop} in the middle of" if frames.crop else "all of"
    rows = [
        ("made by", f"slowfast-pgt {contract.library}, trained on {contract.trained_on}"),
        ("task", f"{contract.task}, {'several classes' if contract.several else 'one class'} at a time"),
        (f"{len(contract.classes)} classes", ", ".join(contract.classes)),
        ("frames", apart),
        ("pictures", f"{view} the picture with a short side of {frames.short_side}"),
        ("colours", f"mean {list(frames.mean)}, deviation {list(frames.std)} (RGB in [0, 1])"),
        *((name, "–" if value is None else f"{value:.2f} %") for name, value in contract.figures.items()),
        *(
            (f"event: {name}", f"score from {rule['threshold']:.3g}, at least {rule['min_length']:g} s")
            for name, rule in contract.event_rule.get("classes", {}).items()
        ),
        *((key, str(value)) for key, value in contract.options.items()),
    ]
    return format_table(("of these weights", ""), rows)
