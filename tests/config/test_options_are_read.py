"""Every option that is accepted is read somewhere, or says that it has no effect."""

import ast
from collections.abc import Iterator
from pathlib import Path

from slowfast.config import load_config, load_projects
from slowfast.config.loading import default_config
from slowfast.config.sections.ava import ava_file_key
from slowfast.registry import CONFIG_SECTIONS

ROOT = Path(__file__).parents[2]

DERIVED = {
    "PGT.TRUNCATE_GRAD": "sets PGT.TBPTT_STEPS",
    "PGT.SELFATT": "refused unless it is off",
    "PGT.SELFATT_LOCATION": "refused unless it is off",
    "MODEL.ACT_CHECKPOINT": "sets TRAIN.ACTIVATION_CHECKPOINTING",
    "MVIT.NORM": "takes one value alone",
    "RESNET.STEM_FUNC": "refused where MODEL.ARCH has another stem",
    "TIMESFORMER.ATTENTION_TYPE": "takes one value alone",
}
"""Options that only a section's `finish` reads: others follow from them, or one value alone is taken."""


def code() -> Iterator[ast.Module]:
    """What can act on an option: everything but the declarations and checks of options."""
    for folder in ("slowfast", "projects", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            module = ast.parse(path.read_text(encoding="utf-8"))
            if "sections" in path.parts or path.name == "options.py":
                module.body = [node for node in module.body if not checks_or_declares(node)]
            yield module


def checks_or_declares(node: ast.stmt) -> bool:
    """Whether a statement in a module of options only says what they are, or checks them."""
    return isinstance(node, ast.Assign) or (isinstance(node, ast.FunctionDef) and node.name.startswith("_"))


def reads(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Pairs (section, key) that a module may read: `cfg.SECTION.KEY`, a local name for a section, `cfg.SECTION[...]`."""
    sections = {name for name, _ in CONFIG_SECTIONS.items()}
    texts = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    aliases = {
        target.id: value.attr
        for node in ast.walk(module)
        if isinstance(node, ast.Assign)
        for target, value in pairs(node)
        if isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and value.attr in sections
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            base = node.value
            if isinstance(base, ast.Attribute) and base.attr in sections:
                yield base.attr, node.attr
            elif isinstance(base, ast.Name):
                yield aliases.get(base.id, ""), node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr in sections:
            yield from ((node.value.attr, text) for text in texts)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "cfg":
            yield from (text.partition(".")[::2] for text in texts if "." in text)
            yield from ((section, text) for section in sections & texts for text in texts)


def files_of_ava() -> Iterator[tuple[str, str]]:
    """Options that the data set AVA reads by a name it puts together."""
    for cfg in (load_config(), load_config(overrides=["DETECTION.ENABLE", True, "AVA.VAL_GROUNDTRUTH_FILE", "val.csv"])):
        for split, kinds in (("train", ()), ("val", ("GROUNDTRUTH_FILE", "EXCLUSION_FILE"))):
            for kind in ("LISTS", "PREDICT_BOX_LISTS", *kinds):
                yield "AVA", ava_file_key(cfg, split, kind)


def pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def test_every_option_is_read_by_something_that_acts_on_it() -> None:
    load_projects()
    default_config()
    read = {pair for module in code() for pair in reads(module)} | set(files_of_ava())
    unread = [
        section.full_key(key)
        for _, section in CONFIG_SECTIONS.items()
        for key, option in section.options.items()
        if (section.name, key) not in read and not option.no_effect and section.full_key(key) not in DERIVED
    ]
    assert not unread


def test_an_option_that_nothing_reads_is_found() -> None:
    module = ast.parse('solver = cfg.SOLVER\nx = solver.BASE_LR, cfg.DATA.MEAN, cfg.NUM_GPUS, cfg.MODEL["HEAD_ACT"]')
    found = set(reads(module))
    assert {("SOLVER", "BASE_LR"), ("DATA", "MEAN"), ("", "NUM_GPUS"), ("MODEL", "HEAD_ACT")} <= found
    assert not {("SOLVER", "MOMENTUM"), ("DATA", "STD"), ("", "NUM_PROCS"), ("MODEL", "ARCH")} & found
