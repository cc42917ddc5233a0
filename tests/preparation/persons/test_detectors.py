"""Persons are found by the real torchvision where it is installed, and by a package of the shape of detectron2 0.6."""

import importlib.util
import sys
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import nn

from slowfast.errors import MissingPackageError
from slowfast.preparation.persons import Detector, DetectorError, find_detector
from slowfast.preparation.persons import with_torchvision as ours
from slowfast.preparation.persons.with_detectron2 import MODELS as DETECTRON2_MODELS

CPU = torch.device("cpu")
SMALL, LARGE = "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn_v2"
needs_torchvision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="torchvision, the extra of that name, is not installed"
)
PICTURE = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)


def network(model: str) -> nn.Module:
    from torchvision.models import detection

    made: nn.Module = getattr(detection, model)(weights=None, weights_backbone=None)
    return made


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights that take every place for a person, as torchvision's own file holds them: without counters."""
    torch.manual_seed(0)
    made = network(SMALL)
    nn.init.zeros_(made.roi_heads.box_predictor.cls_score.weight)
    bias = made.roi_heads.box_predictor.cls_score.bias
    with torch.no_grad():
        bias.zero_()
        bias[ours.PERSON] = 6.0
    state = {name: value for name, value in made.state_dict().items() if not name.endswith("num_batches_tracked")}
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(state, path)
    return path


@needs_torchvision
def test_torchvision_finds_persons_with_given_weights(weights: Path) -> None:
    find = find_detector(Detector(package="torchvision", model=SMALL, weights=weights), 0.5, CPU)
    found = find(PICTURE)
    assert found.dtype == np.float64
    assert found.shape[1] == 5
    assert len(found) > 0
    assert ((found[:, 4] >= 0.5) & (found[:, 4] <= 1)).all()
    assert (found[:, :2] >= 0).all() and (found[:, 2] <= 96).all() and (found[:, 3] <= 64).all()


@needs_torchvision
def test_results_are_those_of_torchvisions_own_network(weights: Path) -> None:
    made = network(SMALL).eval()
    made.load_state_dict(torch.load(weights, weights_only=True), strict=False)
    with torch.inference_mode():
        [wanted] = made([torch.from_numpy(PICTURE).permute(2, 0, 1) / 255])
    persons = wanted["labels"] == ours.PERSON
    found = find_detector(Detector(package="torchvision", model=SMALL, weights=weights), 0.05, CPU)(PICTURE)
    assert np.allclose(found[:, :4], wanted["boxes"][persons].numpy(), atol=1e-4)
    assert np.allclose(found[:, 4], wanted["scores"][persons].numpy(), atol=1e-6)


@needs_torchvision
def test_a_low_threshold_lets_faint_persons_through(weights: Path, tmp_path: Path) -> None:
    """Also those below the 0.05 at which torchvision cuts by itself."""
    state = torch.load(weights, weights_only=True)
    state["roi_heads.box_predictor.cls_score.bias"][ours.PERSON] = 0.0
    torch.save(state, tmp_path / "faint.pth")
    wanted = Detector(package="torchvision", model=SMALL, weights=tmp_path / "faint.pth")
    assert len(find_detector(wanted, 0.05, CPU)(PICTURE)) == 0
    faint = find_detector(wanted, 0.001, CPU)(PICTURE)
    assert len(faint) > 0
    assert np.allclose(faint[:, 4], 1 / 91, atol=1e-4)


@needs_torchvision
def test_weights_of_another_model_are_told(weights: Path) -> None:
    with pytest.raises(
        DetectorError, match=rf"the weights lack .* and \d+ more, for torchvision's {LARGE}; .* --model {SMALL}, which"
    ):
        find_detector(Detector(package="torchvision", model=LARGE, weights=weights), 0.5, CPU)


@needs_torchvision
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it cannot be read"), (b"not weights", "it cannot be read"), ([1, 2], "there are no weights in it"),
        ({"a": 1}, "there are no weights in it"), ({"a": torch.zeros(1)}, "the weights lack backbone"), (None, "no such file"),
    ],
)  # fmt: skip
def test_files_that_are_no_weights_are_told(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(DetectorError, match=rf"--weights .*weights\.pth: .*{message}"):
        find_detector(Detector(package="torchvision", model=SMALL, weights=path), 0.5, CPU)


@needs_torchvision
def test_a_download_that_fails_says_which_file_would_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(DetectorError, match=r"^https://.*\.pth: the weights .* cannot be fetched .*no network.*--weights FILE"):
        find_detector(Detector(package="torchvision"), 0.5, CPU)


@needs_torchvision
def test_an_unknown_model_tells_which_there_are() -> None:
    with pytest.raises(DetectorError, match=f"--model x: torchvision has other models; right would be one of {LARGE}, {SMALL}"):
        find_detector(Detector(package="torchvision", model="x"), 0.5, CPU)


def test_a_torchvision_of_another_pytorch_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(ours.importlib, "import_module", fail)
    with pytest.raises(
        MissingPackageError, match=r"torchvision cannot be imported .*nms does not exist.*belongs to your PyTorch"
    ):
        find_detector(Detector(package="torchvision"), 0.5, CPU)


CONFIG_MODULE = """
class Node(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__

def get_cfg():
    cfg = Node(MODEL=Node(DEVICE="cuda", WEIGHTS="", ROI_HEADS=Node(SCORE_THRESH_TEST=0.05)))
    cfg["merge_from_file"] = lambda path: cfg.__setitem__("read", path)
    return cfg
"""
ENGINE_MODULE = """
import torch
seen = []

class Instances:
    def __init__(self, classes, boxes, scores):
        self.pred_classes, self.boxes, self.scores = classes, boxes, scores
        self.pred_boxes = type("Boxes", (), {"tensor": boxes})
    def to(self, device):
        return self
    def __getitem__(self, rows):
        return Instances(self.pred_classes[rows], self.boxes[rows], self.scores[rows])

class DefaultPredictor:
    def __init__(self, cfg):
        seen.append(cfg)
        if cfg.MODEL.DEVICE != "cpu":
            raise AssertionError("Torch not compiled with CUDA enabled")
    def __call__(self, picture):
        left = float(picture[0, 0, 0])  # blue
        boxes = torch.tensor([[left, 1.0, 9.0, 8.0], [0.0, 0.0, 1.0, 1.0]])
        return {"instances": Instances(torch.tensor([0, 17]), boxes, torch.tensor([0.75, 0.5]))}
"""


@pytest.fixture
def detectron2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the shape of detectron2 0.6, whose model zoo cannot be imported."""
    package = tmp_path / "detectron2"
    (package / "model_zoo" / "configs" / "COCO-Detection").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model_zoo" / "__init__.py").write_text("import pkg_resources_that_is_gone\n")
    (package / "config.py").write_text(CONFIG_MODULE)
    (package / "engine.py").write_text(ENGINE_MODULE)
    for model in DETECTRON2_MODELS:
        (package / "model_zoo" / "configs" / f"{model}.yaml").write_text("MODEL: {}\n")
    for name in [name for name in sys.modules if name.split(".")[0] == "detectron2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "detectron2"]:
        del sys.modules[name]


def test_detectron2_is_used_without_its_model_zoo_on_the_device_that_is_wanted(detectron2: Path) -> None:
    find = find_detector(Detector(), 0.25, CPU)
    picture = np.zeros((8, 9, 3), np.uint8)
    picture[..., 2] = 5  # RGB here, BGR there
    assert np.allclose(find(picture), [[5, 1, 9, 8, 0.75]])
    cfg = sys.modules["detectron2.engine"].seen[-1]  # type: ignore[attr-defined]
    model, rest = next(iter(DETECTRON2_MODELS.items()))
    assert cfg["read"] == str(detectron2 / "model_zoo" / "configs" / f"{model}.yaml")
    assert cfg.MODEL.WEIGHTS == f"https://dl.fbaipublicfiles.com/detectron2/{model}/{rest}"
    assert cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST == 0.25
    assert "detectron2.model_zoo" not in sys.modules


def test_what_detectron2_cannot_do_is_one_sentence(detectron2: Path, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"cannot be read .*CUDA.*--weights FILE"):
        find_detector(Detector(package="detectron2"), 0.5, torch.device("cuda"))
    with pytest.raises(DetectorError, match=r"--weights .*gone\.pkl: there is no such file"):
        find_detector(Detector(package="detectron2", weights=tmp_path / "gone.pkl"), 0.5, CPU)
    with pytest.raises(DetectorError, match="--model x: of detectron2 others are known"):
        find_detector(Detector(package="detectron2", model="x"), 0.5, CPU)
    model = next(iter(DETECTRON2_MODELS))
    (detectron2 / "model_zoo" / "configs" / f"{model}.yaml").unlink()
    with pytest.raises(DetectorError, match=rf"detectron2 has no model_zoo/configs/{model}\.yaml"):
        find_detector(Detector(package="detectron2"), 0.5, CPU)


def test_a_model_says_which_package_is_meant(detectron2: Path) -> None:
    assert find_detector(Detector(model=list(DETECTRON2_MODELS)[1]), 0.5, CPU)
    with pytest.raises(
        DetectorError, match=rf"--model x: no detector has it; .*detectron2: COCO.*torchvision: {LARGE}, {SMALL}"
    ):
        find_detector(Detector(model="x"), 0.5, CPU)


def test_without_any_package_the_reasons_of_both_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("detectron2", "torchvision"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.startswith(("torchvision.", "detectron2."))]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingPackageError) as caught:
        find_detector(Detector(), 0.5, CPU)
    told = str(caught.value)
    assert "detectron2 cannot be imported" in told and "torchvision cannot be imported" in told
    assert "detectron2.readthedocs.io" in told and "slowfast-pgt[torchvision]" in told
    assert "AVA.TEST_PREDICT_BOX_LISTS" in told
