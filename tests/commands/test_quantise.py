"""Programs in eight bits: what they say of their difference is true, and they are called as the others are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slowfast.commands import quantise
from slowfast.commands.export import export
from slowfast.commands.quantise import export_int8
from slowfast.engine.weight_files import write_weights
from slowfast.models.programs import ExportError
from slowfast_tools.export import main
from tests.commands.exported import contract_of, description_of, step_of, weights_of
from tests.commands.test_export import of_clips, with_memory
from tests.datasets.videos import write_video

KINDS = {"memory": with_memory, "clips": of_clips}


@pytest.fixture(scope="module", params=list(KINDS))
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / "w.safetensors"
    weights_of(KINDS[request.param](), path, gain=20.0)
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "a.mp4", 90, fps=12)
    write_video(folder / "b.mp4", 40, fps=12)
    return folder


def test_it_computes_in_eight_bits_and_is_called_as_the_other_is(weights: Path, videos: Path, tmp_path: Path) -> None:
    import onnx

    done = export_int8(weights, [str(videos)], tmp_path / "new" / "net.onnx")
    assert [path.name for path in done.path.parent.iterdir()] == ["net.onnx"]
    single = export(weights, "onnx", tmp_path / "single.onnx")
    told = description_of(done.path)
    assert told.pop("precision") == "int8"
    assert told == description_of(single.path)
    model = onnx.load(done.path)
    made_by = {output: node for node in model.graph.node for output in node.output}
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert convolutions
    for node in convolutions:
        weights_before = made_by[node.input[1]]
        assert weights_before.op_type == "DequantizeLinear"
        assert types[weights_before.input[0]] == onnx.TensorProto.INT8
    assert done.num_bytes < done.single_bytes * 1.2
    frames = torch.randint(0, 256, tuple(told["frames"]["shape"][1:]), dtype=torch.uint8)[None].expand(2, -1, -1, -1, -1)
    memory = {entry["name"]: torch.zeros(2, *entry["shape"][1:]) for entry in told["memory"]}
    scores, after = step_of(done.path)(frames.contiguous(), torch.tensor([True, True]), memory)
    assert scores.shape == (2, 5), "any number of rows"
    assert after.keys() == memory.keys()


def test_differences_are_those_of_the_two_files_on_the_steps_that_were_not_calibrated_on(
    weights: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    plain = quantise._Clips.__iter__

    def watched(clips: Any) -> Any:
        for step in plain(clips):
            seen.append(step)
            yield step

    monkeypatch.setattr(quantise._Clips, "__iter__", watched)
    done = export_int8(weights, [str(videos)], tmp_path / "net.onnx")
    steps = seen[: len(seen) // 2]  # once to calibrate, once to measure
    assert sum(step[2] for step in steps) == done.calibrated
    assert sum(step[3] for step in steps) == done.measured
    assert not any(step[2] and step[3] for step in steps)
    programs = [step_of(path) for path in (export(weights, "onnx", tmp_path / "single.onnx").path, done.path)]
    told = description_of(done.path)
    memories: list[Any] = [None, None]
    gaps = []
    for frames, begins, _, measures in steps:
        scores = []
        for place, program in enumerate(programs):
            if begins:
                memories[place] = {entry["name"]: torch.zeros(1, *entry["shape"][1:]) for entry in told["memory"]}
            found, memories[place] = program(torch.from_numpy(frames), torch.tensor([begins]), memories[place])
            scores.append(found.numpy())
        if measures:
            gaps.append(np.abs(scores[0] - scores[1]))
    assert done.mean == pytest.approx(float(np.mean(gaps)), abs=1e-6)
    assert done.largest == pytest.approx(float(np.max(gaps)), abs=1e-6)
    assert 0 < done.largest < 0.3
    assert f"{done.largest:.3f} at most" in str(done)


def test_what_cannot_be_calibrated_is_refused(
    weights: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--weights", str(weights), "--out", str(tmp_path / "net.onnx")]
    assert main([*words, "--to", "onnx", "--int8", str(tmp_path / "nothing.mp4")]) == 2
    assert "there is no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*words, "--to", "torch", "--int8", str(videos)])
    assert "--int8 is for --to onnx" in capsys.readouterr().err
    network = weights_of(of_clips(), tmp_path / "silent.pyth", says=False)
    with pytest.raises(ExportError, match="cannot be calibrated"):
        export_int8(tmp_path / "silent.pyth", [str(videos)], tmp_path / "net.onnx", config="some.yaml")
    with pytest.raises(ExportError, match=r"end in \.onnx"):
        export_int8(weights, [str(videos)], tmp_path / "net.pt2")
    import dataclasses

    contract = contract_of(of_clips())
    spread = dataclasses.replace(contract, frames=dataclasses.replace(contract.frames, seconds_apart=None))
    write_weights(tmp_path / "spread.safetensors", network.state_dict(), spread)
    with pytest.raises(ExportError, match="along their time"):
        export_int8(tmp_path / "spread.safetensors", [str(videos)])
    assert not (tmp_path / "net.onnx").exists()
