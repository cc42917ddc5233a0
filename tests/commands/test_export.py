"""Programs: what they say of themselves, what is refused, and the example that runs one."""

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from slowfast.commands import export as command
from slowfast.commands.export import LOWEST_TORCH, export
from slowfast.engine.contract import Contract
from slowfast.errors import MissingPackageError
from slowfast.models import build_model
from slowfast.models.programs import ExportError
from slowfast.models.resnet3d import ResNet
from slowfast.runtime.atomic_files import WriteError
from slowfast_tools.export import main
from tests.commands.exported import CLASSES, SIDE, contract_of, description_of, step_of, weights_of
from tests.datasets.videos import write_video
from tests.models.tiny_networks import TINY, VARIANTS, tiny_config
from tests.pgt.test_model_matrix import progressive_config

EXAMPLE = Path(__file__).parents[2] / "projects" / "pgt" / "examples" / "run_onnx.py"
STEP = 4


def with_memory() -> Any:
    return progressive_config("slow", "local", DATA__TEST_CROP_SIZE=SIDE, PGT__STEPS="all", PGT__OVERLAP=[0])


def of_clips(variant: str = "slow") -> Any:
    return tiny_config(variant, DATA__TEST_CROP_SIZE=SIDE, DATA__NUM_FRAMES=8)


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    weights_of(with_memory(), folder / "w.safetensors")
    assert main(["--weights", str(folder / "w.safetensors"), "--to", "onnx", "--out", str(folder / "new" / "net.onnx")]) == 0
    return folder / "new" / "net.onnx"


def test_a_file_says_all_that_is_needed_to_use_it(onnx_file: Path) -> None:
    import onnx

    model = onnx.load(onnx_file)
    onnx.checker.check_model(model)
    texts = {entry.key: entry.value for entry in model.metadata_props}
    cfg = with_memory()
    assert Contract.read(texts["contract"], "here") == contract_of(cfg)
    told = json.loads(texts["program"])
    assert tuple(told["classes"]) == CLASSES
    assert (told["seconds_between_frames"], told["seconds_of_a_step"]) == (0.25, 0.25 * STEP)
    assert (told["short_side"], told["mean"], told["std"]) == (SIDE, list(cfg.DATA.MEAN), list(cfg.DATA.STD))
    assert told["activation"] == "sigmoid"
    assert told["options"]["PGT.ENABLE"] is True

    def shape(value: Any) -> list[str | int]:
        return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]

    inputs = {value.name: shape(value) for value in model.graph.input}
    outputs = {value.name: shape(value) for value in model.graph.output}
    memory = told["memory"]
    assert memory
    assert inputs == {
        told["frames"]["name"]: told["frames"]["shape"],
        told["begins"]: ["batch"],
        **{entry["input"]: entry["shape"] for entry in memory},
    }
    assert list(outputs) == [told["scores"]["name"], *(entry["output"] for entry in memory)]
    assert outputs[told["scores"]["name"]] == ["batch", len(CLASSES)]
    assert told["frames"]["shape"] == ["batch", STEP, SIDE, SIDE, 3]


@pytest.mark.parametrize("length", [42, 48])
def test_the_example_runs_without_this_library_and_without_pytorch(onnx_file: Path, tmp_path: Path, length: int) -> None:
    """12 frames a second, of which it reads every third."""
    write_video(tmp_path / "v.mp4", length, fps=12)
    script = (
        "import runpy, sys; sys.modules.update(torch=None, slowfast=None, pgt=None); "
        f"sys.argv = ['run_onnx.py', {str(onnx_file)!r}, {str(tmp_path / 'v.mp4')!r}]; runpy.run_path({str(EXAMPLE)!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [float(line.split(" s ")[0]) for line in lines] == [0.0, 1.0, 2.0, 3.0]
    step, told = step_of(onnx_file), description_of(onnx_file)
    memory = {entry["name"]: torch.zeros(1, *entry["shape"][1:]) for entry in told["memory"]}
    pictures = read_pictures(tmp_path / "v.mp4")
    pictures += pictures[-1:] * (16 - len(pictures))
    for number, line in enumerate(lines):
        clip = torch.stack(pictures[STEP * number : STEP * (number + 1)])[None]
        scores, memory = step(clip, torch.tensor([number == 0]), memory)
        found = {name: float(score) for name, score in re.findall(r"(\w+) (\d\.\d+)", line.split(" s ")[1])}
        assert len(found) == 3
        assert found == pytest.approx({name: float(scores[0, CLASSES.index(name)]) for name in found}, abs=6e-4)


def read_pictures(path: Path) -> list[Tensor]:
    """Every third frame, its middle, scaled to a height of SIDE."""
    import av

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))[::3]
    width = round(frames[0].width * SIDE / frames[0].height)
    left = (width - SIDE) // 2
    scaled = [frame.reformat(width, SIDE, format="rgb24", interpolation="BILINEAR").to_ndarray() for frame in frames]
    return [torch.from_numpy(np.ascontiguousarray(picture[:, left : left + SIDE])) for picture in scaled]


OTHERS = [("slowfast", "torch"), ("slowfast", "onnx"), ("i3d", "onnx"), ("x3d", "onnx"), ("regnety", "onnx")]


@pytest.mark.parametrize(
    ("variant", "form"), [("slow", "onnx"), *(pytest.param(*case, marks=pytest.mark.slow) for case in OTHERS)]
)
def test_networks_of_clips_are_exported_too(variant: str, form: Any, tmp_path: Path) -> None:
    cfg = of_clips(variant)
    network: Any = weights_of(cfg, tmp_path / "w.pyth")
    done = export(tmp_path / "w.pyth", form)
    assert "one clip" in str(done)
    frames = torch.randint(0, 256, (3, 8, SIDE, SIDE, 3), dtype=torch.uint8)
    scores, _ = step_of(done.path)(frames, torch.zeros(3, dtype=torch.bool), {})
    program = command.ClipProgram.from_cfg(cfg, network)
    with torch.no_grad():
        torch.testing.assert_close(scores, program(frames), atol=1e-4, rtol=0)


def test_weights_that_say_nothing_need_a_config_and_others_refuse_one(tmp_path: Path) -> None:
    sections: dict[str, Any] = {}
    for key, value in (TINY | VARIANTS["slow"] | {"DATA.TEST_CROP_SIZE": SIDE, "DATA.NUM_FRAMES": 8}).items():
        section, _, option = key.rpartition(".")
        (sections.setdefault(section, {}) if section else sections)[option] = value
    (tmp_path / "net.yaml").write_text(yaml.safe_dump(sections))
    weights_of(of_clips(), tmp_path / "silent.pyth", says=False)
    with pytest.raises(ExportError, match=r"silent\.pyth: says nothing of its network.*--cfg"):
        export(tmp_path / "silent.pyth", "torch")
    told = description_of(export(tmp_path / "silent.pyth", "torch", config=str(tmp_path / "net.yaml")).path)
    assert (told["classes"], told["seconds_between_frames"]) == ([], None)
    assert told["options"]["RESNET.DEPTH"] == 18
    weights_of(of_clips(), tmp_path / "says.pyth")
    with pytest.raises(ExportError, match=r"says\.pyth: says itself what network it is for.*without|leave out --cfg"):
        export(tmp_path / "says.pyth", "torch", config=str(tmp_path / "net.yaml"))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from slowfast.engine.weight_files import write_weights

    state = build_model(of_clips("i3d")).state_dict()
    write_weights(tmp_path / "w.pyth", state, contract_of(of_clips("x3d")))
    with pytest.raises(Exception, match=r"w\.pyth: ") as caught:
        export(tmp_path / "w.pyth", "torch")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w.pt2").exists()


def test_networks_that_classify_persons_are_refused(tmp_path: Path) -> None:
    weights_of(tiny_config("slow", DETECTION__ENABLE=True, DETECTION__SPATIAL_SCALE_FACTOR=32), tmp_path / "w.pyth")
    with pytest.raises(ExportError, match="classifies persons"):
        export(tmp_path / "w.pyth", "torch")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--to", "onnx", "--out", "net.pt2"], "programs of --to onnx end in .onnx"),
        (["--to", "torch", "--out", "net.pth"], "programs of --to torch end in .pt2"),
        (["--to", "torch", "--out", "file/net.pt2"], "is a file; right would be a folder"),
        (["--to", "torch", "--weights", "none.pyth"], "none.pyth: there is no such file"),
    ],
)
def test_errors_of_the_user_are_one_line(
    words: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    weights_of(of_clips(), tmp_path / "w.pyth")
    assert main([*([] if "--weights" in words else ["--weights", "w.pyth"]), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert why in error
    assert error.count("\n") == 1


def test_an_operator_that_cannot_be_followed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Any, inputs: Any) -> Tensor:
        return inputs[0].new_ones(int(inputs[0].sum()) % 3)

    weights_of(of_clips(), tmp_path / "w.pyth")
    monkeypatch.setattr(ResNet, "forward", forward)
    with pytest.raises(ExportError, match=r"torch\.export cannot follow the network: \w+: ") as caught:
        export(tmp_path / "w.pyth", "torch")
    assert "\n" not in str(caught.value)


def test_a_program_that_differs_from_the_network_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights_of(of_clips(), tmp_path / "w.pyth")
    write = command._write_torch

    def spoilt(*arguments: Any) -> command.Run:
        run = write(*arguments)
        return lambda *given: (run(*given)[0] + 1e-2, {})

    monkeypatch.setattr(command, "_write_torch", spoilt)
    with pytest.raises(ExportError, match=r"scores: .* differ from the network's by 1\.0e-02 at step 0"):
        export(tmp_path / "w.pyth", "torch")
    assert [path.name for path in tmp_path.iterdir()] == ["w.pyth"]


@pytest.mark.parametrize("name", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError, match=rf"{name} cannot be imported.*slowfast-pgt\[export\]"):
        export(tmp_path / "w.pyth", "onnx")


@pytest.mark.parametrize("version", ["2.6.0", "2.12.1+cpu"])
def test_an_older_pytorch_is_told_apart(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", version)
    right = ".".join(map(str, LOWEST_TORCH))
    with pytest.raises(ExportError, match=rf"PyTorch {re.escape(version)} cannot .*right would be {right} or later"):
        export(tmp_path / "w.pyth", "torch")


def test_a_folder_that_cannot_be_made_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(command, "_network", lambda *_: pytest.fail("the network was built"))
    with contextlib.suppress(WriteError):
        export(tmp_path / "w.pyth", "torch", tmp_path / "file" / "net.pt2")
