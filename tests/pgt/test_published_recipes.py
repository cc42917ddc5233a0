"""What MODEL_ZOO.md says of the published recipes: where the original's habits change what their networks compute."""

from pathlib import Path

import pytest
import torch

from pgt.fit import schedule_of
from slowfast.config import CfgNode, load_config
from slowfast.models import build_model

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
HABITS = {
    "head": "the head's memory is a mean",
    "frames": "memories of `OVERLAP` frames",
    "lateral": "lateral connections see zeros",
    "slow": "slow frames begin late",
}
"""In the table's words."""

TINY = {
    "NUM_GPUS": 0, "DATA.TRAIN_CROP_SIZE": 32, "DATA.TRAIN_JITTER_SCALES": [32, 40], "RESNET.DEPTH": 18,
    "RESNET.TRANS_FUNC": "basic_transform", "RESNET.WIDTH_PER_GROUP": 8, "SLOWFAST.BETA_INV": 4, "MODEL.NUM_CLASSES": 5,
    "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2], [2], [2], [2]], "RESNET.SPATIAL_DILATIONS": [[1], [1], [1], [1]],
    "RESNET.ZERO_INIT_FINAL_BN": False, "MODEL.DROPOUT_RATE": 0.0, "PGT.STEPS": 3, "DATA.NUM_FRAMES": 0,
}  # fmt: skip


def rows() -> dict[str, set[str]]:
    """Habits by recipe, as the section "Released against corrected" lists them."""
    section = (
        (ROOT / "MODEL_ZOO.md").read_text(encoding="utf-8").partition("## Released against corrected")[2].partition("\n## ")[0]
    )
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and "_PGT" in cells[0]:
            for name in cells[0].replace("`", "").split(", "):
                found[name] = {key for key, words in HABITS.items() if words in cells[2]}
                assert found[name] or cells[2] == "nothing"
    return found


def config(name: str, semantics: str) -> CfgNode:
    two = "SLOWFAST" in name
    options = TINY | {"PGT.SEMANTICS": semantics}
    if two:
        options["RESNET.NUM_BLOCK_TEMP_KERNEL"] = [[2, 2]] * 4
        options["RESNET.SPATIAL_DILATIONS"] = [[1, 1]] * 4
    return load_config(CONFIGS / f"{name}.yaml", [part for pair in options.items() for part in pair])


def outputs(cfg: CfgNode) -> list[torch.Tensor]:
    """Of every step, on the same random frames under either semantics."""
    torch.manual_seed(0)
    model = build_model(cfg).eval()
    generator, schedule = torch.Generator().manual_seed(1), schedule_of(cfg)
    boxes = [torch.tensor([[0.0, 2.0, 3.0, 25.0, 30.0]])] if cfg.DETECTION.ENABLE else []
    found = []
    with torch.no_grad():
        for step in range(schedule.steps):
            lengths = [stop - start for start, stop in (schedule.ranges(p)[step] for p in range(schedule.num_pathways))]
            found.append(model.step([torch.rand((1, 3, n, 32, 32), generator=generator) for n in lengths], *boxes))
    return found


def test_the_table_lists_every_recipe_of_the_original() -> None:
    published = {"Kinetics", "Kinetics200", "Charades", "AVA"}
    recipes = {str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.glob("*/*_PGT.yaml")}
    later = ("REGNET", "MVIT", "TIMESFORMER", "VIT_")  # networks that the original does not have
    assert set(rows()) == {
        name for name in recipes if name.split("/")[0] in published and not any(part in name for part in later)
    }


@pytest.mark.parametrize("name", [name for name in rows() if "R101" not in name])
def test_habits_change_what_the_table_says_and_nothing_where_it_says_so(name: str) -> None:
    released, corrected = config(name, "released"), config(name, "corrected")
    schedule = schedule_of(corrected)
    slow = [[schedule.frames(0, step, semantics=kind) for step in range(3)] for kind in ("released", "corrected")]  # type: ignore[arg-type]
    assert (slow[0] != slow[1]) is ("slow" in rows()[name])
    same = all(torch.equal(old, new) for old, new in zip(outputs(released), outputs(corrected), strict=True))
    assert same is not bool(rows()[name] - {"slow"})
