"""Which process of a run this is: said in full, not said at all, or refused in one line."""

import pytest

from slowfast.config import load_config
from slowfast.runtime.environment import Membership, membership
from slowfast.runtime.errors import LaunchError
from slowfast.runtime.launch import launch

FULL = {
    "RANK": "3",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "4",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "host",
    "MASTER_PORT": "29500",
}


def test_full_environment_is_read() -> None:
    assert membership(FULL) == Membership(rank=3, local_rank=1, world_size=4, local_world_size=2, meeting_point="host:29500")


@pytest.mark.parametrize(
    "variables", [{}, {"WORLD_SIZE": "1"}, {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "pod"}, {"LOCAL_RANK": ""}]
)
def test_environment_that_says_nothing_is_no_membership(variables: dict[str, str]) -> None:
    assert membership(variables) is None


def test_run_of_one_process_needs_no_meeting_point() -> None:
    assert membership({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}) == Membership(meeting_point=":")


@pytest.mark.parametrize("missing", ["RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
def test_what_is_missing_is_named(missing: str) -> None:
    variables = {name: value for name, value in FULL.items() if name != missing}
    with pytest.raises(LaunchError, match=rf"but not (.*, )?{missing}\b.*: a launcher such as torchrun"):
        membership(variables)


@pytest.mark.parametrize("alone", ["RANK", "LOCAL_RANK", "WORLD_SIZE"])
@pytest.mark.parametrize("value", ["2", "-1", "two"])
def test_one_variable_alone_is_refused(alone: str, value: str) -> None:
    with pytest.raises(LaunchError, match=alone):
        membership({alone: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("RANK", value) for value in ("4", "-1", "x", "1.0", " ")),
        *(("LOCAL_RANK", value) for value in ("2", "-1", "x")),
        *(("WORLD_SIZE", value) for value in ("0", "-2", "x", "2")),
        ("LOCAL_WORLD_SIZE", "0"),
        *(("MASTER_PORT", value) for value in ("65536", "-1", "http")),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(LaunchError, match=r"the environment holds \w+='.*'; right would be a whole number"):
        membership({**FULL, name: value})


def test_run_in_half_an_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(LaunchError, match="WORLD_SIZE=2 but not RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT"):
        launch(load_config(None, ["NUM_GPUS", 0]), lambda *_: None)
