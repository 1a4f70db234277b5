"""The chunks of many recordings as batches, and the split that early stopping needs.

Torch only. The spectrograms of a fit lie on the device once, and a batch is gathered
there by index.
"""

import math
import warnings

import numpy as np
import torch
from torch.utils.data import Dataset


class ChunkDataset(Dataset):
    """The chunks of many recordings, gathered by index without a chunked copy.

    Parameters
    ----------
    recordings : list of Chunks
        One entry a recording.
    targets : array-like of shape (n_recordings,), default=0
        Target of each recording.
    weights : array-like of shape (n_recordings,), default=1
        How often a recording is drawn in an epoch, on average.
    device : str or torch.device, default="cpu"
        Where the spectrograms lie, once; on the CPU they are those of `recordings`.
    """

    def __init__(self, recordings, targets=0, weights=1, device="cpu"):
        n = len(recordings)
        self.spectrograms = [as_tensor(r.spectrogram, device) for r in recordings]
        self.targets = torch.tensor(np.broadcast_to(targets, n), device=device)
        self.weights = np.broadcast_to(np.asarray(weights, dtype=float), n)
        self.chunk_frames = recordings[0].chunk_frames if n else 0
        self.n_chunks = np.array([len(r) for r in recordings], dtype=int)
        self.recording = np.repeat(np.arange(n), self.n_chunks)
        self.start = np.concatenate([[], *(r.starts for r in recordings)]).astype(int)

    def __len__(self):
        return len(self.start)

    def __getitem__(self, index):
        batch, targets = self.batch([index])
        return batch[0], targets[0]

    def batch(self, indices):
        """Return the chunks of these indices and their targets."""
        chunks = [
            self.spectrograms[self.recording[i]][
                :, self.start[i] : self.start[i] + self.chunk_frames
            ]
            for i in indices
        ]
        return torch.stack(chunks), self.targets[self.recording[indices]]

    def draw(self, rng):
        """Return the chunks of one epoch, shuffled, each as often as it weighs.

        A recording of weight 2.3 comes two times, and a third time in three epochs
        out of ten: so doubling a weight is the same as repeating a recording.
        """
        times = np.floor(self.weights).astype(int)
        fraction = self.weights - times
        if fraction.any():
            times += rng.uniform(size=len(times)) < fraction
        ends = np.cumsum(self.n_chunks)
        order = [
            np.tile(np.arange(end - n, end), k)
            for end, n, k in zip(ends, self.n_chunks, times, strict=True)
        ]
        return rng.permutation(np.concatenate(order))


class ChunkBatches:
    """Batches of a `ChunkDataset`: shuffled anew each epoch if seeded, else in order.

    Takes the place of torch's loader, whose workers and collation would copy.
    """

    def __init__(self, dataset, batch_size, seed=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.rng = None if seed is None else np.random.RandomState(seed)

    def __len__(self):
        return math.ceil(len(self.dataset) / self.batch_size)

    def __iter__(self):
        if self.rng is None:
            order = np.arange(len(self.dataset))
        else:
            order = self.dataset.draw(self.rng)
        for first in range(0, len(order), self.batch_size):
            yield self.dataset.batch(order[first : first + self.batch_size])


def as_tensor(array, device):
    """Return the array as a tensor, sharing its memory where the device allows."""
    with warnings.catch_warnings():
        # joblib hands read-only memory maps to its workers; nobody writes to them here.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array).to(device)


def draw_validation(singers, groups, rng):
    """Draw the recordings for the early-stopping test, before chunks exist.

    Groups are visited in random order; one is taken if it brings a singer whom the
    validation set lacks and leaves each of its singers something to train on. With
    every recording its own group this is the paper's rule (section 3.4): one random
    recording of each singer who has at least two.

    Parameters
    ----------
    singers : ndarray of shape (n_recordings,)
        Integer code of each recording's singer.
    groups : array-like of shape (n_recordings,)
        Recordings of one group stay on one side.
    rng : RandomState
        Draws the order.

    Returns
    -------
    ndarray of shape (n_recordings,), dtype bool
        True for the recordings of the validation set.

    Raises
    ------
    ValueError
        If no singer can spare a recording.
    """
    _, groups = np.unique(groups, return_inverse=True)
    by_group = np.argsort(groups, kind="stable")
    members = np.split(by_group, np.cumsum(np.bincount(groups))[:-1])
    to_train = np.bincount(singers)
    valid = np.zeros(len(singers), dtype=bool)
    seen = np.zeros(len(to_train), dtype=bool)
    for group in rng.permutation(len(members)):
        who, how_many = np.unique(singers[members[group]], return_counts=True)
        if not seen[who].all() and np.all(to_train[who] > how_many):
            valid[members[group]] = seen[who] = True
            to_train[who] -= how_many
    if not valid.any():
        raise ValueError(
            "early stopping needs recordings to validate on, but no singer has two "
            "that could be parted; give more recordings (or groups), or set "
            "early_stopping=False"
        )
    return valid
