"""Networks over chunks, trained and applied: data sets, batches, inner split, stopping.

The only file that imports skorch. What a classifier and an embedder share is here;
they differ in their targets, their criterion and what they make of the output.
"""

import copy
import math
import warnings
from contextlib import contextmanager

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.helper import predefined_split
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from singerlearn.features import as_chunks
from singerlearn.nn import SingerNet


class NetOverChunks(BaseEstimator):
    """What every estimator with a :class:`~singerlearn.nn.SingerNet` inside does alike.

    A subclass names its hyper-parameters in its own ``__init__``, prepares targets
    in its own ``fit`` and calls `_fit_net`; afterwards `_apply_net` runs the network
    over the chunks of recordings.
    """

    def _fit_net(self, chunks, targets, *, n_outputs, criterion, weights, groups):
        """Train ``net_`` on the chunks of recordings.

        Parameters
        ----------
        chunks : list of Chunks
            One entry a recording.
        targets : ndarray of shape (n_recordings,)
            Integer target of each recording, shared by its chunks.
        n_outputs : int
            Width of the network's output.
        criterion : type of torch.nn.Module
            Called with the network's output and the targets of a batch.
        weights : ndarray of shape (n_recordings,)
            How often each recording is drawn in an epoch, on average.
        groups : array-like of shape (n_recordings,) or None
            Recordings that the inner split must keep together.
        """
        check_alike(chunks)
        self.front_end_ = chunks[0].front_end
        self.n_features_in_, self.chunk_frames_ = chunks[0].shape[1:]
        rng = check_random_state(self.random_state)
        device = check_device(self.device)

        drawn = np.flatnonzero(weights > 0)
        self.validation_indices_ = drawn[:0]
        if self.early_stopping:
            groups = drawn if groups is None else np.asarray(groups)[drawn]
            self.validation_indices_ = drawn[
                draw_validation(targets[drawn], groups, rng)
            ]

        def dataset(indices):
            return ChunkDataset(
                [chunks[i] for i in indices], targets[indices], weights[indices], device
            )

        train = dataset(np.setdiff1d(drawn, self.validation_indices_))
        valid = dataset(self.validation_indices_)
        seed = rng.randint(2**31 - 1)
        with seeded_torch(seed, device):
            self.net_ = self._build_net(n_outputs, criterion, device, seed)
            # On a CPU, convolutions run up to twice as fast over channels-last.
            self.net_.module_.to(memory_format=torch.channels_last)
            with naming_the_batch_that_fits(self.net_, train):
                run(self.net_, train, valid)
        self.history_ = self.net_.history

    @property
    def _n_features_out(self):
        """Width of the embedding, from which scikit-learn makes feature names."""
        return self.net_.module_.output.in_features

    def __sklearn_tags__(self):
        """X is a list of recordings, not a table."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags

    def _build_net(self, n_outputs, criterion, device, seed):
        """Return the skorch net, its weights drawn, before training."""
        callbacks = [FiniteLoss(), *(copy.deepcopy(self.callbacks) or [])]
        if self.lr_schedule is not None:
            callbacks.append(
                learning_rate_schedule(self.lr_schedule, self.lr, self.max_epochs)
            )
        if self.verbose:
            callbacks.append(ProgressBar())
        if self.early_stopping:  # last: it ends the training from inside its hook
            callbacks.append(
                EarlyStoppingTest(self.check_every, self.patience, self.min_improvement)
            )
        return NeuralNet(
            SingerNet,
            module__n_bands=self.n_features_in_,
            module__chunk_frames=self.chunk_frames_,
            module__n_outputs=n_outputs,
            module__block=self.block,
            module__cardinality=self.cardinality,
            module__filters=self.filters,
            module__aggregation=self.aggregation,
            module__dense=self.dense,
            module__dropout=self.dropout,
            criterion=criterion,
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=self.weight_decay,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train=ChunkBatches,
            iterator_train__seed=seed,
            iterator_valid=ChunkBatches,
            callbacks=callbacks,
            callbacks__print_log=None,
            device=device,
            verbose=0,
        ).initialize()

    def _apply_net(self, X, output="forward"):
        """Run the network, or its method `output`, over the chunks of recordings.

        Returns
        -------
        list of ndarray of shape (n_chunks, width)
            One entry a recording.
        """
        check_is_fitted(self)
        chunks = as_chunks(X, self.chunker)
        check_alike(chunks)
        self._check_front_end(chunks[0])
        module = self.net_.module_.eval()
        dataset = ChunkDataset(chunks, device=next(module.parameters()).device)
        with torch.inference_mode():
            rows = [
                getattr(module, output)(batch).cpu().numpy()
                for batch, _ in ChunkBatches(dataset, self.batch_size)
            ]
        return np.split(np.concatenate(rows), np.cumsum([len(c) for c in chunks])[:-1])

    def _check_front_end(self, chunks):
        """Refuse chunks made in another way than those the network learned from."""
        learned = {"bands": self.n_features_in_, "chunk_frames": self.chunk_frames_}
        learned |= self.front_end_ or {}
        given = {"bands": chunks.shape[1], "chunk_frames": chunks.shape[2]}
        given |= chunks.front_end or {}
        differ = [k for k in learned | given if learned.get(k) != given.get(k)]
        if differ:
            raise ValueError(
                "the chunks differ from those this network was fitted on: "
                + ", ".join(
                    f"{k} is {given.get(k)} but was {learned.get(k)}" for k in differ
                )
                + "; chunk both with the same chunker"
            )


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


def check_alike(chunks):
    """Refuse recordings that were not chunked in one way."""
    first = chunks[0]
    for i, other in enumerate(chunks):
        if (other.shape[1:], other.front_end) != (first.shape[1:], first.front_end):
            raise ValueError(
                f"recording {i} was chunked otherwise than recording 0: "
                f"{other!r} with {other.front_end}, {first!r} with {first.front_end}; "
                "chunk all recordings with one chunker"
            )


def check_device(device):
    """Return the torch device that "auto", "cpu", "cuda", ... stands for here."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device={device!r} asks for a GPU, but torch finds none here; "
            "set device='auto' to use one only where there is one"
        )
    return device


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


def learning_rate_schedule(name, lr, max_epochs):
    """Return the skorch callback that moves the learning rate from epoch to epoch."""
    if name == "one-cycle":
        return LRScheduler(OneCycleLR, max_lr=lr, total_steps=max_epochs + 1)
    raise ValueError(f"lr_schedule must be 'one-cycle' or None, got {name!r}")


class EarlyStoppingTest(EarlyStopping):
    """skorch's early stopping, tested every so many epochs, the best weights restored.

    Parameters
    ----------
    every : int
        Epochs between two tests.
    patience : int
        Epochs without improvement after which training ends.
    min_improvement : float
        The validation loss must fall under ``1 - min_improvement`` of the best.
    """

    def __init__(self, every, patience, min_improvement):
        super().__init__(
            patience=math.ceil(patience / every),
            threshold=min_improvement,
            load_best=True,
        )
        self.every = every

    def on_epoch_end(self, net, **kwargs):
        """Test, if it is time to."""
        if len(net.history) % self.every == 0:
            super().on_epoch_end(net, **kwargs)


class FiniteLoss(Callback):
    """Ends a training whose loss is no longer a number, and says what to do."""

    def on_epoch_end(self, net, **kwargs):
        """Raise ValueError if the epoch's loss is NaN or infinite."""
        if not math.isfinite(net.history[-1, "train_loss"]):
            raise ValueError(
                f"the training loss is not finite in epoch {len(net.history)}: "
                f"training diverged; lower lr (now {net.lr})"
            )


class ProgressBar(Callback):
    """One line on the standard error: epochs done, time left, losses."""

    def on_train_begin(self, net, **kwargs):
        """Open the line."""
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc="fit")

    def on_epoch_end(self, net, **kwargs):
        """Advance by one epoch."""
        row = net.history[-1]
        losses = {k: row[f"{k}_loss"] for k in ("train", "valid") if f"{k}_loss" in row}
        self.bar_.set_postfix({k: f"{loss:.3f}" for k, loss in losses.items()})
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the line."""
        self.bar_.close()
        del self.bar_


def run(net, train, valid):
    """Train a net, and keep the best so far if it is stopped from the keyboard."""
    net.train_split = predefined_split(valid) if len(valid) else None
    net.partial_fit(train)
    net.train_split = None  # or the fitted net would carry its validation set along
    if "train_loss" not in net.history[-1]:
        del net.history[-1]
        if not net.history:
            raise KeyboardInterrupt("stopped before the first epoch was done")
        warnings.warn(
            f"training was interrupted after {len(net.history)} of {net.max_epochs} "
            "epochs; the best model so far is kept",
            stacklevel=4,
        )


@contextmanager
def seeded_torch(seed, device):
    """Seed torch for weights and dropout, and give the caller's state back after."""
    cuda = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


@contextmanager
def naming_the_batch_that_fits(net, train):
    """Turn "out of memory" into an error that names a batch size that fits."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        fits = largest_batch(net, train)
        raise ValueError(
            f"batch_size={net.batch_size} does not fit into the memory of "
            f"{net.device!r}; " + (f"batch_size={fits} does" if fits else "nor does 1")
        ) from error


def largest_batch(net, train):
    """Return the largest halving of the batch size that can be trained on, or 0."""
    size = net.batch_size // 2
    while size:
        try:
            net.train_step_single(train.batch(np.arange(min(size, len(train)))))
            return size
        except torch.OutOfMemoryError:
            size //= 2
        finally:
            net.module_.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
    return 0
