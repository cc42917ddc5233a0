"""Files of weights, damaged by chance or made with intent: read, or refused by file; nothing in them is run."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from slowfast.engine import checkpoint
from slowfast.models import build_model
from tests.faults.byte_mutations import BYTES, damaged
from tests.faults.fuzzing import Case, chances, survive
from tests.faults.hostile_weights import giants, odd_contents, programs
from tests.models.tiny_networks import tiny_config


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return build_model(tiny_config("slow"))


def write_whole(folder: Path, state: dict[str, torch.Tensor]) -> list[Path]:
    """The weights in every format that is read."""
    arrays = {name: value.numpy() for name, value in state.items()}
    few = dict(list(state.items())[:4])
    torch.save({"model_state": state, "epoch": 3}, folder / "zip.pth")
    torch.save({"state_dict": state}, folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(few, folder / "small.pth")  # so that damage hits what is no number
    torch.save(few, folder / "small_old.pth", _use_new_zipfile_serialization=False)
    checkpoint.save(folder / "ours.pyth", {"model_state": state, "epoch": 1, "iteration": 2, "optimizer_state": {}})
    safetensors.torch.save_file(few, folder / "small.safetensors")
    np.savez(folder / "whole.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **{name: arrays[name] for name in few})
    (folder / "caffe2.pkl").write_bytes(
        pickle.dumps({"blobs": {"pred_b": np.zeros(5, np.float32), "pred_w": np.zeros((5, 8))}})
    )
    return sorted(path for path in folder.iterdir() if path.is_file())


def read(model: nn.Module, path: Path) -> None:
    """As a training starts from them; and as one goes on from a checkpoint."""
    if path.suffix == ".pyth":
        checkpoint.checked_resume_point(path, checkpoint.load(path))
    checkpoint.load_pretrained(model, path)


def by_chance(folder: Path, model: nn.Module, count: int) -> Iterator[Case]:
    (folder / "whole").mkdir()
    sources = write_whole(folder / "whole", model.state_dict())
    for number in range(count):
        rng = chances("weights", number)
        source = sources[number % len(sources)]
        content, what = damaged(source.read_bytes(), BYTES, rng)
        path = folder / f"{number}{source.suffix}"
        path.write_bytes(content)
        yield Case(number, f"{path.name}: {source.name} {what}", lambda path=path: read(model, path))
        path.unlink()


def named(files: Iterator[tuple[str, Path]], model: nn.Module) -> Iterator[Case]:
    for number, (what, path) in enumerate(files):
        yield Case(number, f"{path.name}: {what}", lambda path=path: read(model, path))


def name_of(case: Case) -> str:
    return case.what.partition(":")[0]


def test_a_few_bad_weights_are_read_or_refused_by_file(tmp_path: Path, model: nn.Module) -> None:
    survive("bad weights, a few", by_chance(tmp_path, model, 18), names=name_of)


@pytest.mark.faults
def test_bad_weights_are_read_or_refused_by_file(tmp_path: Path, model: nn.Module) -> None:
    survive("bad weights", by_chance(tmp_path, model, 900), names=name_of)


@pytest.mark.faults
def test_programs_in_files_of_weights_are_not_run(tmp_path: Path, model: nn.Module) -> None:
    tally = survive("pickles with programs", named(programs(tmp_path), model), names=name_of)
    assert tally.worked == 0
    assert not (tmp_path / "canary").exists()


@pytest.mark.faults
def test_files_that_claim_to_be_huge_take_no_memory(tmp_path: Path, model: nn.Module) -> None:
    survive("weights that claim to be huge", named(giants(tmp_path), model), names=name_of)


@pytest.mark.faults
def test_whole_files_with_other_contents_are_read_or_refused(tmp_path: Path, model: nn.Module) -> None:
    survive("weights of odd contents", named(odd_contents(tmp_path, model.state_dict()), model), names=name_of)
