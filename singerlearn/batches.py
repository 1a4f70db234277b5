"""The chunks of many recordings as batches.

The spectrograms of a fit lie on the device once, and a batch is gathered there by
index.
"""

import copy
import warnings
from itertools import chain

import numpy as np
import torch
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from torch.utils.data import Dataset

from singerlearn.augmentation import change_channels, mask, stretch_bands

# Chunks that synthetic singers may have sung before they are asked for: 25 MB.
SUNG_AHEAD = 256


class ChunkDataset(Dataset):
    """The chunks of many recordings, gathered by index without a chunked copy.

    Parameters
    ----------
    recordings : list of Chunks
        One entry per recording.
    targets : array-like of shape (n_recordings,), default=0
        Target of each recording.
    weights : array-like of shape (n_recordings,), default=1
        How often a recording is drawn in an epoch, on average.
    device : str or torch.device, default="cpu"
        Where the spectrograms lie, once; on the CPU they are those of `recordings`.
    songs : array-like of shape (n_recordings,), default=None
        What two partners by one singer must differ in; None means the recording.

    Attributes
    ----------
    stretches : Tensor of shape (n_recordings,) or None
        By what the bands of each recording are stretched in a batch.
    crowd : SyntheticSingers or None
        Whose songs are the last recordings, of one chunk each: another take every time.
    first_synthetic : int or float
        Target from which on singers are the crowd's; infinite without one.
    """

    def __init__(self, recordings, targets=0, weights=1, device="cpu", songs=None):
        n = len(recordings)
        self.spectrograms = [as_tensor(r.spectrogram, device) for r in recordings]
        self.targets = torch.tensor(np.broadcast_to(targets, n), device=device)
        self.weights = np.broadcast_to(np.asarray(weights, dtype=float), n)
        self.songs = np.arange(n) if songs is None else np.asarray(songs)
        self.stretches = self.crowd = None
        self.first_synthetic = np.inf
        self.chunk_frames = recordings[0].chunk_frames if n else 0
        self.starts = [r.starts for r in recordings]
        self._count()

    def _with(self, **recordings):
        """Return a data set of other recordings, in the same memory."""
        other = copy.copy(self)
        vars(other).update(recordings)
        other._count()
        return other

    def _count(self):
        """Number the chunks through all recordings."""
        self.n_chunks = np.array([len(s) for s in self.starts], dtype=int)
        self.recording = np.repeat(np.arange(len(self.starts)), self.n_chunks)
        self.start = np.concatenate([[], *self.starts]).astype(int)
        self.stray = np.array(list(map(self._stray, self.starts, self.spectrograms)))

    def _stray(self, starts, spectrogram):
        """How far from a start a chunk may be cut: anywhere, if there is no pause."""
        if spectrogram is None:  # sung when it is asked for
            return 0
        last = spectrogram.shape[1] - self.chunk_frames
        hop = np.diff(starts).min() if len(starts) > 1 else self.chunk_frames
        return last if len(starts) == 1 + last // hop else hop // 2

    def subset(self, indices, weights=None):
        """Return a data set of some of the recordings, in the same memory.

        Synthetic singers join after that: see `joined`.

        Parameters
        ----------
        indices : ndarray of shape (n_recordings,)
        weights : ndarray of shape (n_recordings,), default=None
            Their weights; None keeps those that they have.
        """
        return self._with(
            spectrograms=[self.spectrograms[i] for i in indices],
            targets=self.targets[indices],
            weights=self.weights[indices] if weights is None else weights,
            songs=self.songs[indices],
            starts=[self.starts[i] for i in indices],
            stretches=None if self.stretches is None else self.stretches[indices],
        )

    def stretched(self, factors, n_singers):
        """Return a data set where every singer is several, by the length of the tract.

        Parameters
        ----------
        factors : sequence of float
            As for `stretch_bands`, one for each further singer made of one.
        n_singers : int
            Singers in the targets. Those stretched by the i-th factor have targets from
            ``(i + 1) * n_singers`` on.

        Returns
        -------
        ChunkDataset
            In the same memory, for epochs of the same length.
        """
        k = 1 + len(factors)
        factors = torch.tensor(
            [1, *factors], dtype=torch.float32, device=self.targets.device
        )
        return self._with(
            spectrograms=k * self.spectrograms,
            targets=torch.cat([self.targets + i * n_singers for i in range(k)]),
            weights=np.tile(self.weights / k, k),
            songs=np.tile(self.songs, k),
            starts=k * self.starts,
            stretches=factors.repeat_interleave(len(self.targets)),
        )

    def joined(self, crowd, first_target, share, most=None):
        """Return a data set where synthetic singers sing along, endlessly.

        Parameters
        ----------
        crowd : SyntheticSingers
        first_target : int
            Target of the first of them; the others follow.
        share : float in (0, 1)
            Of an epoch's chunks, on average, that they sing.
        most : int, default=None
            As for `draw`: how many chunks of the recordings an epoch has.

        Returns
        -------
        ChunkDataset
            Its batches need what `sing` gives.
        """
        n_own = np.sum(self.weights * np.minimum(self.n_chunks, most or np.inf))
        n_songs = crowd.n_singers * crowd.n_songs
        singers = torch.arange(crowd.n_singers, device=self.targets.device)
        singers = first_target + singers.repeat_interleave(crowd.n_songs)
        weight = n_own * share / (1 - share) / n_songs
        stretches = self.stretches
        if stretches is not None:
            stretches = torch.cat([stretches, torch.ones_like(singers)])
        return self._with(
            crowd=crowd,
            first_synthetic=first_target,
            spectrograms=self.spectrograms + n_songs * [None],
            targets=torch.cat([self.targets, singers]),
            weights=np.append(self.weights, np.full(n_songs, weight)),
            songs=np.append(self.songs, self.songs.max() + 1 + np.arange(n_songs)),
            starts=self.starts + n_songs * [np.zeros(1, dtype=int)],
            stretches=stretches,
        )

    def sing(self, indices, rng, n_jobs=None):
        """Return the synthetic ones of some chunks, as `batch` will ask for them.

        Parameters
        ----------
        indices : ndarray of shape (n_some_chunks,)
            Of one epoch.
        rng : RandomState
            Draws the takes.
        n_jobs : int, default=None
            Processes that sing ahead of the training.

        Returns
        -------
        iterator of ndarray of shape (n_bands, chunk_frames)
        """
        first = len(self.starts) - self.crowd.n_singers * self.crowd.n_songs
        song = self.recording[indices] - first
        singers, songs = np.divmod(song[song >= 0], self.crowd.n_songs)
        drawn = rng.randint(2**24, size=len(songs)).astype(np.int64)  # also on Windows
        takes = songs + self.crowd.n_songs * drawn
        asked = list(zip(singers.tolist(), takes.tolist(), strict=True))
        # Where the caller's backend cannot hand out one song after the other.
        able = get_active_backend()[0].supports_return_generator
        parallel = Parallel(
            n_jobs, return_as="generator", backend=None if able else "loky"
        )
        # Processes sing as fast as they can, whoever listens: in parts, lest the songs
        # of a whole epoch wait in memory.
        parts = (asked[i : i + SUNG_AHEAD] for i in range(0, len(asked), SUNG_AHEAD))
        return chain.from_iterable(
            parallel(delayed(self.crowd.render)(*one) for one in part) for part in parts
        )

    def __len__(self):
        return len(self.start)

    def __getitem__(self, index):
        batch, targets = self.batch([index])
        return batch[0], targets[0]

    def batch(self, indices, rng=None, sung=None):
        """Return the chunks of these indices, and their targets.

        Parameters
        ----------
        indices : ndarray of shape (batch_size,)
            Chunks, counted through all recordings.
        rng : RandomState, default=None
            If given, each chunk is cut from its recording at a random frame instead;
            from one with pauses as long as a chunk, within half a hop.
        sung : iterator of ndarray of shape (n_bands, chunk_frames), default=None
            The synthetic singers' chunks.

        Returns
        -------
        chunks : Tensor of shape (batch_size, n_bands, chunk_frames)
        targets : Tensor of shape (batch_size,)
        """
        recording, start = self.recording[indices], self.start[indices]
        spectrograms = [self.spectrograms[i] for i in recording]
        n_sung = sum(spectrogram is None for spectrogram in spectrograms)
        if n_sung:  # brought to the device at once
            songs = np.stack([next(sung) for _ in range(n_sung)])
            songs = iter(as_tensor(songs, self.targets.device))
            spectrograms = [next(songs) if s is None else s for s in spectrograms]
        if rng is not None:
            last = np.array([s.shape[1] for s in spectrograms]) - self.chunk_frames
            stray = self.stray[recording]
            low, high = np.maximum(start - stray, 0), np.minimum(start + stray, last)
            start = rng.randint(low, high + 1)
        chunks = [
            spectrogram[:, first : first + self.chunk_frames]
            for spectrogram, first in zip(spectrograms, start, strict=True)
        ]
        chunks, targets = torch.stack(chunks), take(self.targets, recording)
        if self.stretches is not None:
            chunks = stretch_bands(chunks, take(self.stretches, recording))
        return chunks, targets

    def overlapping(self, indices):
        """Return the chunks of these indices as one spectrogram, of what they cover.

        Parameters
        ----------
        indices : ndarray of shape (batch_size,)
            In order, as for `batch`, and of recordings alone.

        Returns
        -------
        spectrogram : Tensor of shape (n_bands, n_frames)
            Chunks that overlap share their frames, others lie beside each other.
        starts : list of int
            The first frame of each chunk in it.
        """
        recording, start = self.recording[indices], self.start[indices]
        steps = np.diff(start)
        apart = (np.diff(recording) > 0) | (steps > self.chunk_frames)
        runs = np.split(np.arange(len(start)), np.flatnonzero(apart) + 1)
        pieces = [
            self.spectrograms[recording[run[0]]][
                :, start[run[0]] : start[run[-1]] + self.chunk_frames
            ]
            for run in runs
        ]
        steps[apart] = self.chunk_frames
        starts = np.cumsum(np.append(0, steps))
        return torch.cat(pieces, dim=1), starts.tolist()

    def draw(self, rng, most=None):
        """Return the chunks of one epoch, shuffled: at most so many of each recording.

        A recording of weight 2.3 comes two times, and a third time in three epochs
        out of ten: so doubling a weight is the same as repeating a recording. All
        together come as often as the weights sum to, or once more.
        """
        times = np.floor(self.weights).astype(int)
        fraction = self.weights - times
        if fraction.any():
            order = rng.permutation(len(fraction))
            passed = np.floor(np.cumsum(fraction[order]) + rng.uniform()).astype(int)
            times[order] += np.diff(passed, prepend=0)
        ends = np.cumsum(self.n_chunks)
        order = [
            rng.permutation(np.arange(end - n, end))[:most]
            for end, n, k in zip(ends, self.n_chunks, times, strict=True)
            for _ in range(k)
        ]
        return rng.permutation(np.concatenate(order))


class ChunkBatches:
    """Batches of a `ChunkDataset`: shuffled in each epoch if seeded, else in order.

    Takes the place of torch's loader, whose workers and collation would copy. A
    recording of weight 0 is in no batch.

    Parameters
    ----------
    dataset : ChunkDataset
    batch_size : int
        Chunks in a batch, the last one may have fewer.
    seed : int, default=None
        Shuffles, and augments.
    augment : sequence of {"crops", "channels", "masks"}, default=()
        What is done to chunks: they are cut at random frames, heard by
        `change_channels`, and partly silenced by `mask`.
    chunks_per_recording : int, default=None
        Chunks of a recording in a shuffled epoch, at most; None means all.
    n_jobs : int, default=None
        Processes in which synthetic singers sing.
    """

    def __init__(
        self,
        dataset,
        batch_size,
        seed=None,
        augment=(),
        chunks_per_recording=None,
        n_jobs=None,
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.augment = augment
        self.chunks_per_recording = chunks_per_recording
        self.n_jobs = n_jobs
        self.rng = None if seed is None else np.random.RandomState(seed)
        # What is drawn for each number of a chunk is drawn where the chunk lies.
        self.generator = torch.Generator(dataset.targets.device)
        if seed is not None:
            self.generator.manual_seed(seed)

    def __iter__(self):
        batches, sung = self.draw(), None
        if self.dataset.crowd is not None:
            batches = list(batches)
            sung = self.dataset.sing(np.concatenate(batches), self.rng, self.n_jobs)
        crops = self.rng if "crops" in self.augment else None
        for indices in batches:
            chunks, targets = self.dataset.batch(indices, crops, sung)
            if "channels" in self.augment:
                chunks = change_channels(chunks, self.generator)
            if "masks" in self.augment:
                chunks = mask(chunks, self.generator)
            yield chunks, targets

    def draw(self):
        """Return the batches of one epoch, as indices of chunks."""
        if self.rng is None:
            weights = self.dataset.weights[self.dataset.recording]
            return in_runs(np.flatnonzero(weights), self.batch_size)
        order = self.dataset.draw(self.rng, self.chunks_per_recording)
        return in_runs(order, self.batch_size)


def check_drawn(weights):
    """Refuse weights by which an epoch would not have a single recording."""
    if weights.sum() < 1 - 1e-9:  # but for a rounding
        raise ValueError(
            "sample_weight is how often a recording is drawn in an epoch; the sum "
            f"over those to train on is {weights.sum():g}, under one recording: scale "
            "them up"
        )


def take(labels, indices):
    """Return ``labels[indices]``, without indices that would be copied to a GPU."""
    return torch.stack([labels[i] for i in indices.tolist()])


def in_runs(order, length):
    """Cut an order into runs of this length; the last one may be shorter."""
    return (order[first : first + length] for first in range(0, len(order), length))


def as_tensor(array, device):
    """Return the array as a float32 tensor, sharing its memory where it can."""
    array = np.ascontiguousarray(array, np.float32)
    if array.flags.writeable:
        return torch.from_numpy(array).to(device)
    with warnings.catch_warnings():  # which concerns all threads
        # joblib hands read-only memory maps to its workers; nobody writes to them here.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array).to(device)
