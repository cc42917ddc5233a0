"""Threads never outnumber cores unless somebody asks for it, and a device that is not there is refused."""

import pytest
import torch

from slowfast.config import ConfigError, load_config
from slowfast.runtime.device import ThreadPlan, local_processes, plan_threads, take_place


@pytest.mark.parametrize("on_gpu", [False, True])
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("cores", [1, 2, 3, 4, 7, 16, 64])
def test_chosen_plan_fits_whenever_there_is_a_core_for_each_process(cores: int, processes: int, on_gpu: bool) -> None:
    plan = plan_threads(cores=cores, processes=processes, num_workers=-1, on_gpu=on_gpu)
    busy = (plan.torch_threads + plan.loader_workers) * processes
    assert plan.fits == (busy <= cores)
    assert plan.torch_threads >= 1
    needed = 2 * processes if on_gpu else processes
    assert plan.fits or cores < needed


@pytest.mark.parametrize(
    ("cores", "processes", "num_workers", "expected"),
    [
        (2, 1, -1, ThreadPlan(1, 1, True)),
        (1, 1, -1, ThreadPlan(1, 0, True)),
        (2, 2, -1, ThreadPlan(1, 0, True)),
        (16, 1, -1, ThreadPlan(12, 4, True)),
        (16, 2, -1, ThreadPlan(6, 2, True)),
        (2, 1, 0, ThreadPlan(2, 0, True)),
        (8, 1, 3, ThreadPlan(5, 3, True)),
        (2, 1, 2, ThreadPlan(1, 2, False)),
        (4, 2, 2, ThreadPlan(1, 2, False)),
        (1, 2, -1, ThreadPlan(1, 0, False)),
    ],
)
def test_plan_on_a_cpu(cores: int, processes: int, num_workers: int, expected: ThreadPlan) -> None:
    assert plan_threads(cores=cores, processes=processes, num_workers=num_workers, on_gpu=False) == expected


def test_on_a_gpu_all_cores_but_one_load() -> None:
    assert plan_threads(cores=16, processes=2, num_workers=-1, on_gpu=True) == ThreadPlan(1, 7, True)


def test_plan_that_does_not_fit_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    threads = torch.get_num_threads()
    place = take_place(load_config(None, ["NUM_GPUS", 0, "DATA_LOADER.NUM_WORKERS", 200]), local_rank=0, processes=1)
    torch.set_num_threads(threads)
    assert place.loader_workers == 200
    assert place.device == torch.device("cpu")
    assert "DATA_LOADER.NUM_WORKERS -1" in caplog.text


def test_gpus_that_are_not_there_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"NUM_GPUS = 99: this machine has \d+ usable GPUs"):
        local_processes(load_config(None, ["NUM_GPUS", 99]))


def test_processes_on_a_cpu_are_those_asked_for() -> None:
    assert local_processes(load_config(None, ["NUM_GPUS", 0, "NUM_PROCS", 3])) == 3
