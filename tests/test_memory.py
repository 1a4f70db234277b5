"""Out of memory is one clear error; and what is freed is kept while a net runs."""

import ctypes
import subprocess
import sys
import weakref
from functools import partial

import numpy as np
import pytest
import torch

from singerlearn import SingerEmbedder, SingerNetClassifier, memory
from singerlearn.batches import ChunkDataset
from singerlearn.memory import (
    advise_batch,
    kept_memory,
    largest_batch,
    naming_what_does_not_fit,
)
from singerlearn.skorch_net import NetReadOnceAnEpoch


def full(*args, **kwargs):
    raise torch.OutOfMemoryError("full")


def test_the_largest_batch_that_fits_is_found_by_halving(recordings):
    class Net:
        batch_size, module_ = 10, torch.nn.Linear(1, 1)

        def __init__(self, most):
            self.most = most

        def train_step_single(self, batch):
            if len(batch[0]) > self.most:
                raise torch.OutOfMemoryError("full")

    train = ChunkDataset(recordings)
    cases = [(9, 1, 5), (9, 2, 4), (2, 1, 2), (1, 1, 1), (3, 4, 0), (0, 1, 0)]
    for most, unit, expected in cases:
        assert largest_batch(Net(most), train, unit) == expected


def test_an_embedders_batches_keep_their_pairs_and_singers(recordings, monkeypatch):
    step = NetReadOnceAnEpoch.train_step_single

    def limited(net, batch, **fit_params):
        if len(batch[0]) > 5:
            raise torch.OutOfMemoryError("full")
        return step(net, batch, **fit_params)

    monkeypatch.setattr(NetReadOnceAnEpoch, "train_step_single", limited)
    X, y = [*recordings, *recordings], [0, 1, 0, 1, 0, 1]
    options = dict(filters=(4,), device="cpu", verbose=0, batch_size=10)
    for loss, advice in [("contrastive", "batch_size=4 does"), ("triplet", "nor .* 8")]:
        with pytest.raises(ValueError, match=f"batch_size=10 does not fit .* {advice}"):
            SingerEmbedder(4, loss, **options).fit(X, y)


def test_what_the_failed_step_held_is_free_when_a_smaller_batch_is_tried(recordings):
    class Net:
        batch_size, device, module_ = 6, "cuda", torch.nn.Linear(1, 1)
        optimizer_ = torch.optim.Adam(module_.parameters())
        held = 0

        def train_step_single(self, batch):
            activations = Activations(self, len(batch[0]))
            if self.held > 3:
                raise torch.OutOfMemoryError("full")
            del activations

    class Activations:
        def __init__(self, net, n_chunks):
            self.net, self.n_chunks = net, n_chunks
            net.held += n_chunks

        def __del__(self):
            self.net.held -= self.n_chunks

    net, train = Net(), ChunkDataset(recordings)
    with (
        pytest.raises(ValueError, match="batch_size=6 does not fit .* batch_size=3 do"),
        naming_what_does_not_fit(partial(advise_batch, net, train, 1)),
    ):
        net.train_step_single(train.batch(np.arange(6)))


def test_what_did_not_fit_is_let_go_before_the_error_is():
    held = []

    def fill():
        spectrograms = torch.zeros(1)
        held.append(weakref.ref(spectrograms))
        raise torch.OutOfMemoryError("full")

    with (
        pytest.raises(ValueError, match="too much") as caught,
        naming_what_does_not_fit(lambda: "too much"),
    ):
        fill()
    assert held[0]() is None
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


@pytest.mark.parametrize(
    "says",
    [
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 bytes",
        "MPS backend out of memory (MPS allocated: 8 GB)",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "GET was unable to find an engine to execute this computation",
    ],
)
def test_memory_is_full_in_the_words_of_other_libraries_too(says):
    with (
        pytest.raises(ValueError, match="too much"),
        naming_what_does_not_fit(lambda: "too much"),
    ):
        raise RuntimeError(says)


def test_other_errors_of_torch_stay_what_they_are():
    with (
        pytest.raises(RuntimeError, match="sizes do not match"),
        naming_what_does_not_fit(lambda: pytest.fail("memory is not full")),
    ):
        raise RuntimeError("sizes do not match")


def test_what_the_optimizer_holds_already_is_not_counted_twice(recordings):
    class Net:
        batch_size, device, module_ = 4, "cuda", torch.nn.Linear(1, 1)
        optimizer_ = torch.optim.Adam(module_.parameters())

        def train_step_single(self, batch):
            assert not self.optimizer_.state
            assert all(weight.grad is None for weight in self.module_.parameters())

    net = Net()
    net.module_(torch.ones(1, 1)).sum().backward()
    net.optimizer_.step()
    assert net.optimizer_.state
    assert "batch_size=2 does" in advise_batch(net, ChunkDataset(recordings), 1)


def test_spectrograms_that_do_not_fit_are_counted(recordings, tiny, monkeypatch):
    monkeypatch.setattr("singerlearn.training.ChunkDataset", full)
    with pytest.raises(ValueError, match="3 recordings, 6.2e-07 GB, do not fit"):
        SingerNetClassifier(**tiny).fit(recordings, [0, 1, 0])


@pytest.mark.parametrize("inference", ["chunks", "dense"])
def test_prediction_asks_for_smaller_batches(recordings, tiny, monkeypatch, inference):
    net = SingerNetClassifier(**tiny, inference=inference).fit(recordings, [0, 1, 0])
    monkeypatch.setattr(net.net_.module_, "frames", full)
    with pytest.raises(ValueError, match="batch_size=16 does not fit .*set_params"):
        net.predict(recordings)


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
    monkeypatch.setattr(memory, "_glibc", lambda: libc)
    with pytest.raises(RuntimeError), kept_memory():
        with kept_memory():
            assert libc.settings == {-1: -1, -4: 0}
        assert libc.settings == {-1: -1, -4: 0} and not libc.trimmed
        raise RuntimeError
    assert libc.settings == {-1: 2**26, -3: 2**25, -4: 65536} and libc.trimmed == 1


def test_memory_is_left_alone_where_it_is_said_so(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: pytest.fail("asked for glibc"))
    with kept_memory(False):
        pass


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_the_environments_own_settings_take_precedence(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert memory._glibc() is None


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    assert memory._glibc() is None


FAULTS = """
import resource
import numpy as np
from singerlearn.memory import kept_memory
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
    not hasattr(ctypes.CDLL(None), "mallopt") or memory._glibc() is None,
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
