"""What the machine offers a network: a device, a precision, seeds, kept memory."""

import ctypes
import os
import platform
import threading
from contextlib import contextmanager

import torch
from joblib import cpu_count

# Processes that sing for a GPU: with so many, a fit keeps most of its pace there.
MOST_PROCESSES = 16

# Settings of glibc: never give back, never map anew. Once any is set, its thresholds no
# longer adjust themselves to what the process asks for; so afterwards they stand where
# they would have risen to at most, lest every array of 1 MB be mapped anew.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KEEPING = {_TRIM_THRESHOLD: -1, _MMAP_MAX: 0}
_AFTERWARDS = {_TRIM_THRESHOLD: 2**26, _MMAP_THRESHOLD: 2**25, _MMAP_MAX: 65536}

_lock = threading.Lock()
_n_keepers = 0
_seeding = threading.RLock()


def check_device(device):
    """Return the torch device that "auto", "cpu", "cuda", ... stands for here."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch has no common type
        raise ValueError(
            f"torch cannot use device={device!r} here "
            f"({str(error).splitlines()[0]}); set device='auto' to use a GPU only "
            "where there is one"
        ) from error
    return device


def check_precision(precision, device):
    """Return the precision that "auto", "float32" or "bfloat16" stands for here.

    A processor without units for it computes bfloat16 several times slower than
    float32: "auto" takes it only where it is fast.
    """
    if precision != "auto":
        return precision
    kind = torch.device(device).type
    if kind == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = getattr(torch.cpu, "get_capabilities", dict)()
        units = ("avx512_bf16", "amx_bf16", "bf16")  # the last of ARM's
        fast = kind == "cpu" and any(able.get(unit) for unit in units)
    return "bfloat16" if fast else "float32"


def count_processes(n_jobs, device):
    """Return in how many processes synthetic singers sing, once "auto" is decided.

    Parameters
    ----------
    n_jobs : "auto", int or None
    device : str
        Where the network trains.

    Returns
    -------
    int or None
        As joblib takes it.
    """
    if n_jobs != "auto":
        return n_jobs
    on_gpu = torch.device(device).type == "cuda"
    return min(cpu_count(), MOST_PROCESSES) if on_gpu else None


@contextmanager
def seeded_torch(seed, device):
    """Seed torch for weights and dropout, and give the caller's state back after.

    Its state is the whole process's: who trains in another thread waits. Devices that
    do not train keep theirs, which `torch.manual_seed` would seed as well.
    """
    device = torch.device(device)
    on_gpu = device.type == "cuda"
    with _seeding, torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type != "cpu":  # of others torch has no state to give back
            torch.get_device_module(device).manual_seed(seed)
        yield


@contextmanager
def kept_memory(keep=True):
    """Keep freed memory for the next step, instead of giving it back in between.

    glibc returns every large tensor to the kernel and has it mapped, and zeroed, anew
    in the next step. While this is in force, in any thread, it does not; afterwards
    what was kept is given back. Does nothing with another C library, or where the
    environment has settings for glibc's malloc of its own.

    Parameters
    ----------
    keep : bool, default=True
        False to do nothing.
    """
    libc = _glibc() if keep else None
    if libc is None:
        yield
        return
    _count(libc, 1)
    try:
        yield
    finally:
        _count(libc, -1)


def _glibc():
    """Return glibc, unless it is another library or has its orders already."""
    ordered = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if ordered or platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.CDLL(None)


def _count(libc, change):
    """Let the first who keeps memory switch, and the last switch back."""
    global _n_keepers
    with _lock:
        before, _n_keepers = _n_keepers, _n_keepers + change
        if 0 in (before, _n_keepers):
            for setting, value in (_KEEPING if _n_keepers else _AFTERWARDS).items():
                libc.mallopt(setting, value)
        if not _n_keepers:
            libc.malloc_trim(0)
