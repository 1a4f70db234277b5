"""Memory: kept between steps; and where there is too little, what would fit."""

import ctypes
import os
import platform
import threading
import traceback
from contextlib import contextmanager

import numpy as np
import torch

# Settings of glibc: never give back, never map anew. Once any is set, its thresholds no
# longer adjust themselves to what the process asks for; so afterwards they stand where
# they would have risen to at most, lest every array of 1 MB be mapped anew.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KEEPING = {_TRIM_THRESHOLD: -1, _MMAP_MAX: 0}
_AFTERWARDS = {_TRIM_THRESHOLD: 2**26, _MMAP_THRESHOLD: 2**25, _MMAP_MAX: 65536}

_lock = threading.Lock()
_n_keepers = 0


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


@contextmanager
def naming_what_does_not_fit(describe):
    """Turn "out of memory" into a ValueError with the message that `describe` returns.

    It is called when memory is free again, so that it may try what would fit.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_full(error):
            raise
        # The frames of what failed still hold all that filled the memory.
        traceback.clear_frames(error.__traceback__)
        raise ValueError(describe()) from error


def is_full(error):
    """Tell whether an error of torch says that memory is full.

    It has a kind of its own for that on GPUs, but raises others on a CPU, on Apple's
    GPUs, and where cuBLAS finds no room, or cuDNN none for any way to compute a
    convolution.
    """
    says = (
        "DefaultCPUAllocator",
        "out of memory",
        "ALLOC_FAILED",
        "unable to find an engine",
    )
    return isinstance(error, torch.OutOfMemoryError) or any(
        text in str(error) for text in says
    )


def advise_batch(net, train, unit):
    """Say of a batch that does not fit which one would.

    Parameters
    ----------
    net : skorch.NeuralNet
    train : ChunkDataset
    unit : int
        Of whose multiples a batch is made: 2 where chunks meet in pairs.
    """
    net.optimizer_.state.clear()
    net.optimizer_.zero_grad(set_to_none=True)
    fits = largest_batch(net, train, unit)
    advice = f"batch_size={fits} does" if fits else f"nor does {unit}"
    return (
        f"batch_size={net.batch_size} does not fit into the memory of "
        f"{net.device!r}; {advice}"
    )


def largest_batch(net, train, unit):
    """Return the largest halving of the batch size that can be trained on, or 0."""
    size = net.batch_size // 2
    while size := size // unit * unit:
        try:
            train_beside_moments(net, train.batch(np.zeros(size, dtype=int)))
            return size
        except RuntimeError as error:
            if not is_full(error):
                raise
            size //= 2
        finally:
            net.module_.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
    return 0


def train_beside_moments(net, batch):
    """Train a step, with as much memory taken as Adam's two moments will take.

    A step that fails may be the first, before they are there.
    """
    moments = [torch.empty_like(w) for w in 2 * list(net.module_.parameters())]
    net.train_step_single(batch)
    del moments
