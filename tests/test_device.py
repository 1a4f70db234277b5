import pytest
import torch

from singerlearn import device
from singerlearn.device import (
    check_device,
    check_precision,
    count_processes,
    seeded_torch,
)


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert check_device("auto") == "cpu"
    with pytest.raises(ValueError, match="device='auto'"):
        check_device("cuda:1")


@pytest.mark.parametrize(
    ("able", "precision"),
    [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_takes_the_precision_that_the_processor_is_fast_in(
    monkeypatch, able, precision
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert check_precision("auto", "cpu") == precision
    assert check_precision("float32", "cpu") == "float32"
    assert check_precision("bfloat16", "cpu") == "bfloat16"


def test_all_cores_sing_for_a_gpu_and_one_beside_a_cpu_that_trains(monkeypatch):
    for n_cores, n_singing in ((4, 4), (64, 16)):
        monkeypatch.setattr(device, "cpu_count", lambda n=n_cores: n)
        assert count_processes("auto", "cuda:1") == n_singing
        assert count_processes("auto", "cpu") is None
    for given in (None, 3, -1):
        assert count_processes(given, "cuda") == count_processes(given, "cpu") == given


def test_the_callers_random_state_is_untouched():
    before = torch.random.get_rng_state()
    with seeded_torch(0, "cpu"):
        first = torch.rand(3)
    assert torch.equal(before, torch.random.get_rng_state())
    with seeded_torch(0, "cpu"):
        assert torch.equal(first, torch.rand(3))


def test_devices_that_do_not_train_are_not_seeded(monkeypatch):
    for module in (torch.cuda, torch.mps, torch.xpu):
        for name in ("manual_seed", "manual_seed_all"):
            monkeypatch.setattr(module, name, pytest.fail, raising=False)
    with seeded_torch(0, "cpu"):
        pass
