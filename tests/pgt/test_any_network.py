"""Progressive training of networks that we did not write."""

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt import ProgressiveModel, StepSchedule, UnsupportedOperatorError, progressive, summary, verify
from slowfast.commands.activation_meter import ActivationMeter
from tests.stand_ins import pytorchvideo_importable


class R2Plus1D(nn.Module):
    """Spatial and temporal convolutions in turn (Tran et al., arXiv:1711.11248), with a residual path."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, 8, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.spatial = nn.Conv3d(8, 12, (1, 3, 3), padding=(0, 1, 1))
        self.norm = nn.BatchNorm3d(12)
        self.temporal = nn.Conv3d(12, 8, (3, 1, 1), padding=(1, 0, 0))
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.classifier = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.stem(x))
        x = x + self.temporal(functional.relu(self.norm(self.spatial(x))))
        return self.classifier(self.pool(x).flatten(1))


class ResNet3D(nn.Module):
    """3 x 3 x 3 convolutions that halve the frame rate (Hara et al., arXiv:1711.09577), max pooling and a windowed head."""

    def __init__(self, head_window: tuple[int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 8, (7, 3, 3), stride=(1, 2, 2), padding=(3, 1, 1), bias=False)
        self.pool1 = nn.MaxPool3d(3, stride=2, padding=1)
        self.conv2 = nn.Conv3d(8, 8, 3, padding=1)
        self.shared_relu = nn.ReLU()
        self.head_pool = nn.AvgPool3d(head_window, stride=1)
        self.classifier = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.shared_relu(self.pool1(self.shared_relu(self.conv1(x))))
        x = self.shared_relu(x + self.conv2(x))
        return self.classifier(self.head_pool(x).mean((3, 4)).flatten(1))


def train_on_long_videos(model: ProgressiveModel, schedule: StepSchedule, *, side: int, pathways: bool = False) -> None:
    """One update from a long video, and what must hold for any network."""
    state = {name: tensor.shape for name, tensor in model.state_dict().items()}
    model.train()
    for step in range(schedule.steps):
        inputs = [
            torch.randn(2, 3, len(schedule.frames(pathway, step)), side, side) for pathway in range(schedule.num_pathways)
        ]
        output = model.step(inputs if pathways else inputs[0])
        output.square().mean().backward()
        assert output.isfinite().all()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)
    assert {name: tensor.shape for name, tensor in model.state_dict().items()} == state
    assert str(summary(model)).count("\n") > len(model.operators)


def test_a_hand_written_r2plus1d_trains_progressively() -> None:
    plain = R2Plus1D()
    names = list(plain.state_dict())
    model = progressive(plain, step_len=6, overlap=2)
    assert model.operators == ("temporal", "pool") and list(model.state_dict()) == names
    train_on_long_videos(model, StepSchedule(6, 2, 4), side=16)


def test_a_hand_written_3d_resnet_trains_progressively() -> None:
    model = progressive(ResNet3D((4, 1, 1)), step_len=8, overlap=2)
    assert model.operators == ("conv1", "pool1", "conv2", "head_pool")
    train_on_long_videos(model, StepSchedule(8, 2, 4), side=16)


def test_one_pass_of_a_foreign_network_is_what_it_was_before() -> None:
    plain, clip = ResNet3D((4, 1, 1)).eval(), torch.randn(1, 3, 8, 16, 16)
    expected = plain(clip)
    model = progressive(plain, step_len=8, overlap=2)
    model.step(clip)
    torch.testing.assert_close(model(clip), expected)


def test_overlapping_windows_see_the_true_past_at_borders() -> None:
    pool = nn.MaxPool3d((3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0))
    model = progressive(nn.Sequential(pool), step_len=4, overlap=1, memory="last", momentum=0.0)
    clip = torch.randn(1, 2, 8, 3, 3)
    outputs = torch.cat([model.step(clip[:, :, :4]), model.step(clip[:, :, 4:])], dim=2)
    torch.testing.assert_close(outputs, pool(clip))  # stride 2: no window reaches across the right end of a step


def test_saved_activations_of_a_foreign_network_do_not_grow_with_steps() -> None:
    model = progressive(R2Plus1D(), step_len=6, overlap=2).train()
    peaks = []
    for steps in (2, 8):
        model.reset()
        with ActivationMeter(exclude=model) as meter:
            for start, stop in StepSchedule(6, 2, steps).ranges():
                model.step(torch.randn(1, 3, stop - start, 16, 16)).sum().backward()
        peaks.append(meter.peak_bytes)
    assert peaks[1] <= peaks[0]


def test_a_module_used_in_two_places_cannot_share_one_memory() -> None:
    shared = nn.Conv3d(3, 3, (3, 1, 1), padding=(1, 0, 0))
    model = progressive(nn.Sequential(shared, nn.ReLU(), shared), step_len=4, overlap=1)
    with pytest.raises(RuntimeError, match="0 runs twice in one step"):
        model.step(torch.randn(1, 3, 4, 2, 2))


def test_pooling_into_several_temporal_positions_is_refused_by_path() -> None:
    network = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool3d((2, 1, 1)))
    with pytest.raises(UnsupportedOperatorError, match=r"^1: pooling a clip into 2 temporal positions"):
        progressive(network, step_len=4, overlap=1)


def test_the_explanation_gives_reach_and_bytes() -> None:
    model = progressive(ResNet3D((4, 1, 1)), step_len=8, overlap=2, memory="last", momentum=0.0)
    table = str(summary(model, torch.randn(1, 3, 8, 16, 16)))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert rows[0] == ["conv1", "MarkovConv3d", "7", "1", "7", "7", "1 x 3 x 3 x 16 x 16", str(3 * 3 * 256 * 4)]
    assert rows[2][:6] == ["conv2", "MarkovConv3d", "3", "1", "13", "13"]
    assert rows[3][4:6] == ["step", "all so far"] and model.memory() == {}


@pytest.fixture(scope="module")
def hub() -> types.SimpleNamespace:
    """pytorchvideo's network makers."""
    with pytorchvideo_importable():
        from pytorchvideo.models.csn import create_csn
        from pytorchvideo.models.r2plus1d import create_r2plus1d
        from pytorchvideo.models.resnet import create_resnet
        from pytorchvideo.models.slowfast import create_slowfast
        from pytorchvideo.models.x3d import create_x3d

        return types.SimpleNamespace(
            slow=create_resnet, x3d=create_x3d, slowfast=create_slowfast, csn=create_csn, r2plus1d=create_r2plus1d
        )


SMALL = {"model_num_class": 5, "dropout_rate": 0.0}


def make_c2d(hub: types.SimpleNamespace) -> nn.Module:
    """A network of pictures that halves the frame rate once, with two poolings at its end."""
    return hub.slow(
        stem_dim_out=8,
        stem_conv_kernel_size=(1, 7, 7),
        stage1_pool=nn.MaxPool3d,
        stage_conv_a_kernel_size=((1, 1, 1),) * 4,
        head_pool_kernel_size=(2, 1, 1),
        **SMALL,
    )


networks_of_pytorchvideo = pytest.mark.parametrize(
    ("make", "schedule"),
    [
        (
            lambda hub: hub.slow(stem_dim_out=8, stem_conv_kernel_size=(1, 7, 7), head_pool_kernel_size=(4, 1, 1), **SMALL),
            StepSchedule(4, 1, 3),
        ),
        (lambda hub: hub.x3d(input_clip_length=4, input_crop_size=32, **SMALL), StepSchedule(4, 1, 3)),
        (lambda hub: hub.csn(stem_dim_out=8, head_pool_kernel_size=(1, 1, 1), **SMALL), StepSchedule(16, 8, 3)),
        (
            lambda hub: hub.slowfast(stem_dim_outs=(16, 2), head_pool_kernel_sizes=((4, 1, 1), (16, 1, 1)), **SMALL),
            StepSchedule([4, 16], [1, 4], 3),
        ),
        (make_c2d, StepSchedule(4, 2, 3)),
        (lambda hub: hub.r2plus1d(stem_dim_out=8, head_pool_kernel_size=(2, 1, 1), **SMALL), StepSchedule(16, 8, 3)),
    ],
    ids=["slow", "x3d", "csn", "slowfast", "c2d", "r2plus1d"],
)


@networks_of_pytorchvideo
def test_networks_of_pytorchvideo_train_progressively(
    make: Callable[[Any], nn.Module], schedule: StepSchedule, hub: types.SimpleNamespace
) -> None:
    plain = make(hub)
    names = list(plain.state_dict())
    model = progressive(plain, step_len=schedule.step_len, overlap=schedule.overlap)
    assert list(model.state_dict()) == names
    train_on_long_videos(model, schedule, side=32, pathways=schedule.num_pathways > 1)
    model.eval().reset()
    for step in range(schedule.steps):
        inputs = [torch.randn(1, 3, len(schedule.frames(pathway, step)), 32, 32) for pathway in range(schedule.num_pathways)]
        assert model.step(inputs if schedule.num_pathways > 1 else inputs[0]).shape == (1, 5)


@networks_of_pytorchvideo
@pytest.mark.parametrize("operator", ["local", "causal"])
def test_networks_of_pytorchvideo_pass_verification(
    make: Callable[[Any], nn.Module], schedule: StepSchedule, operator: Any, hub: types.SimpleNamespace
) -> None:
    torch.manual_seed(0)
    plain = make(hub).eval()
    clips = [torch.randn(1, 3, frames, 32, 32) for frames in schedule.step_len]
    check_by_running(plain, clips if schedule.num_pathways > 1 else clips[0], schedule, operator)


def check_by_running(plain: nn.Module, clip: Any, schedule: StepSchedule, operator: Any) -> None:
    """The first step of a network is the plain network, unless its windows are others now, and verification finds nothing."""

    def copied() -> Any:  # some networks write into what they are given
        return list(map(Tensor.clone, clip)) if isinstance(clip, list) else clip.clone()

    with torch.no_grad():
        expected = plain(copied())
        model = progressive(plain, step_len=schedule.step_len, overlap=schedule.overlap, operator=operator)
        if operator == "local":
            torch.testing.assert_close(model.step(copied()), expected, rtol=1e-4, atol=1e-5)
        found = verify(model, copied())
    assert found.remembering


@pytest.fixture(scope="module")
def vision() -> Any:
    """torchvision's networks for videos."""
    return pytest.importorskip("torchvision.models.video", reason="torchvision is not installed")


@pytest.mark.parametrize("operator", ["local", "causal"])
@pytest.mark.parametrize("name", ["mc3_18", pytest.param("r3d_18", marks=pytest.mark.slow), "r2plus1d_18", "s3d"])
def test_convolutional_networks_of_torchvision_pass_verification(name: str, operator: Any, vision: Any) -> None:
    torch.manual_seed(0)
    network = getattr(vision, name)(num_classes=5).eval()
    if name == "s3d":
        network.avgpool = nn.AvgPool3d((2, 1, 1), stride=1)  # its window of 7 x 7 wants large pictures
    check_by_running(network, torch.randn(1, 3, 16, 32, 32), StepSchedule(16, 8, 3), operator)


@pytest.mark.parametrize("overlap", [0, 8])
@pytest.mark.parametrize("name", ["mvit", "mvit with relative positions", "swin"])
def test_transformers_of_torchvision_are_refused_at_their_first_attention(name: str, overlap: int, vision: Any) -> None:
    torch.manual_seed(0)
    if name == "swin":
        options: dict[str, Any] = {"patch_size": [2, 4, 4], "embed_dim": 8, "depths": [2], "num_heads": [1]}
        network = vision.SwinTransformer3d(**options, window_size=[8, 7, 7], num_classes=5)
    else:
        relative = name != "mvit"
        block = vision.mvit.MSBlockConfig(1, 8, 8, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2])
        network = vision.mvit.MViT(
            spatial_size=(32, 32),
            temporal_size=16,
            block_setting=[block] * 2,
            residual_pool=relative,
            residual_with_cls_embed=not relative,
            rel_pos_embed=relative,
            proj_after_attn=relative,
            num_classes=5,
        )
    with pytest.raises(UnsupportedOperatorError, match=r"^(blocks\.0|features\.0\.0)\.attn: it looks like attention, but"):
        progressive(network.eval(), step_len=16, overlap=overlap)
