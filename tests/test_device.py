import ctypes
import subprocess
import sys

import pytest
import torch

from singerlearn import device
from singerlearn.device import (
    check_device,
    check_precision,
    count_processes,
    kept_memory,
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


class Glibc:
    """Keeps what is set instead of setting it."""

    def __init__(self):
        self.settings, self.trimmed = {}, 0

    def mallopt(self, setting, value):
        self.settings[setting] = value

    def malloc_trim(self, pad):
        self.trimmed += 1


def test_memory_is_kept_until_the_last_one_leaves(monkeypatch):
    libc = Glibc()
    monkeypatch.setattr(device, "_glibc", lambda: libc)
    with pytest.raises(RuntimeError), kept_memory():
        with kept_memory():
            assert libc.settings == {-1: -1, -4: 0}
        assert libc.settings == {-1: -1, -4: 0} and not libc.trimmed
        raise RuntimeError
    assert libc.settings == {-1: 2**26, -3: 2**25, -4: 65536} and libc.trimmed == 1


def test_memory_is_left_alone_where_it_is_said_so(monkeypatch):
    monkeypatch.setattr(device, "_glibc", lambda: pytest.fail("asked for glibc"))
    with kept_memory(False):
        pass


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_the_environments_own_settings_take_precedence(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert device._glibc() is None


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(device.platform, "libc_ver", lambda: ("", ""))
    assert device._glibc() is None


FAULTS = """
import resource
import numpy as np
from singerlearn.device import kept_memory
def faults(keep, size):
    with kept_memory(keep):
        np.ones(4 * size)  # the first ones always
        np.ones(size)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(3):
            np.ones(size)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults(False, 2**19), faults(False, 2**25))
print(faults(True, 2**25))
print(faults(False, 2**19), faults(False, 2**25))
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt") or device._glibc() is None,
    reason="needs glibc without settings of its own",
)
def test_no_page_is_mapped_anew_while_memory_is_kept():
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True,
    )  # fmt: skip
    small, large, kept, small_after, large_after = map(int, done.stdout.split())
    assert kept < 0.01 * large and large_after > 0.5 * large
    # What glibc keeps by itself, arrays of 4 MB here, it keeps afterwards, too.
    assert small < 0.01 * large and small_after < 0.01 * large
