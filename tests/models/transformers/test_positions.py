"""Tables of positions, and how they are fitted to clips of other lengths and pictures of other sizes."""

import copy
import logging
import math

import pytest
import torch

from slowfast.models.transformers.positions import PlacePositions, TimePositions, resized_over_time, sinusoids


def test_sinusoids_are_those_of_the_formula() -> None:
    table = sinusoids(7, 6)
    assert table.dtype == torch.float32
    for position in range(7):
        for channel in range(6):
            angle = position / 10000 ** (2 * (channel // 2) / 6)
            want = math.cos(angle) if channel % 2 else math.sin(angle)
            assert table[position, channel].item() == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("rows_of_places", [1, 3])
def test_a_table_of_the_right_length_is_added_as_it_is(rows_of_places: int) -> None:
    x, table = torch.randn(2, 4, 3, 5), torch.randn(4, rows_of_places, 5)
    assert torch.equal(TimePositions()(x, table), x + table)


def test_nearest_rows_of_a_table_are_repeated_or_left_out() -> None:
    table = torch.arange(4.0).view(4, 1, 1).expand(4, 3, 2)
    x = torch.zeros(1, 8, 3, 2)
    assert TimePositions("nearest")(x, table)[0, :, 1, 1].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert TimePositions("nearest")(x[:, :2], table)[0, :, 1, 1].tolist() == [0, 2]


def test_linear_rows_lie_between_those_of_the_table() -> None:
    table = torch.tensor([0.0, 1.0]).view(2, 1, 1)
    assert resized_over_time(table, 4, "linear").flatten().tolist() == [0, 0.25, 0.75, 1]


def test_time_and_place_interpolated_one_after_the_other_are_both_at_once() -> None:
    torch.manual_seed(0)
    times, places = torch.randn(4, 1, 5, dtype=torch.float64), torch.randn(1, 6, 5, dtype=torch.float64)
    ours = resized_over_time(times, 7, "linear") + PlacePositions(2, 3, "bilinear")(places, 4, 5)
    whole = (times + places).view(1, 4, 2, 3, 5).permute(0, 4, 1, 2, 3)
    theirs = torch.nn.functional.interpolate(whole, size=(7, 4, 5), mode="trilinear")[0].permute(1, 2, 3, 0)
    torch.testing.assert_close(ours, theirs.flatten(1, 2))


def test_the_log_says_once_that_positions_are_interpolated(caplog: pytest.LogCaptureFixture) -> None:
    times, places = TimePositions("linear"), PlacePositions(2, 2, "bicubic")
    with caplog.at_level(logging.INFO):
        times(torch.zeros(1, 3, 1, 2), torch.zeros(3, 1, 2))
        places(torch.zeros(1, 4, 2), 2, 2)
        assert not caplog.messages
        for _ in range(2):
            times(torch.zeros(1, 5, 1, 2), torch.zeros(3, 1, 2))
            places(torch.zeros(1, 4, 2), 3, 4)
    assert caplog.messages == [
        "positions of 3 time slices are interpolated (linear) for 5",
        "positions of 2 x 2 places are interpolated (bicubic) for 3 x 4",
    ]


def test_positions_have_nothing_of_their_own_to_save() -> None:
    for module in (TimePositions(), PlacePositions(2, 2, "nearest")):
        assert not copy.deepcopy(module).state_dict()
