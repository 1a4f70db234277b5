"""Networks over chunks, trained by skorch and applied.

What a classifier and an embedder share is here; they differ in their targets, their
criterion and what they make of the output.
"""

import copy
from functools import partial, wraps
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from singerlearn.augmentation import choose_augmentations
from singerlearn.batches import ChunkBatches, ChunkDataset, check_drawn
from singerlearn.callbacks import EarlyStoppingTest, FiniteLoss, ProgressBar, diverged
from singerlearn.chunks import alike, check_front_end, in_groups
from singerlearn.device import (
    Undrawn,
    check_device,
    check_precision,
    count_processes,
    seeded_torch,
    undisturbed,
)
from singerlearn.features import as_recordings, iter_chunks
from singerlearn.identities import add_identities, check_stretches, gather_crowd
from singerlearn.inference import read_chunks, read_densely
from singerlearn.inner_split import draw_validation
from singerlearn.memory import advise_batch, kept_memory, naming_what_does_not_fit
from singerlearn.nn import SingerNet
from singerlearn.nn.body import check_body
from singerlearn.partners import fewest_chunks
from singerlearn.pretrained import TransferMixin, load_weights, read_card
from singerlearn.skorch_net import NetReadOnceAnEpoch, OneCycle, run
from singerlearn.synthesis import SyntheticSingers

AT_ONCE = 10_000  # chunks of several recordings that are predicted together


def all_or_nothing(fit):
    """Leave an estimator as it was where its fit does not come to an end."""

    @wraps(fit)
    def whole(self, *args, **kwargs):
        before = vars(self).copy()
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return whole


class NetOverChunks(TransferMixin, ClassNamePrefixFeaturesOutMixin, BaseEstimator):
    """What every estimator with a :class:`~singerlearn.nn.SingerNet` inside does alike.

    A subclass names its hyper-parameters in its own ``__init__``, says by `_meet` what
    chunks meet in a batch, prepares targets in its own ``fit`` and calls `_fit_net`;
    afterwards `_apply_net` runs the network over the chunks of recordings.
    """

    # Whether `fit` takes over the output layer of a pretrained network, too.
    _keeps_output = False

    # Names and numbers that the network is built of are judged by `check_body`.
    _parameter_constraints = {
        "chunker": [HasMethods("transform"), None],
        "filters": [tuple, list],
        "downsampling": [str, tuple, list],
        "n_cepstra": [Interval(Integral, 1, None, closed="left"), None],
        "head_norm": ["boolean"],
        "dense": [tuple, list],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"one-cycle"}), None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "chunks_per_recording": [Interval(Integral, 1, None, closed="left"), None],
        "augment": [StrOptions({"auto"}), "boolean", tuple, list],
        "stretches": [tuple, list],
        "synthetic_singers": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto"}),
            SyntheticSingers,
        ],
        "synthetic_share": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": [StrOptions({"auto"}), Integral, None],
        "pretrained": [str, Path, None],
        "early_stopping": ["boolean"],
        "check_every": [Interval(Integral, 1, None, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "min_improvement": [Interval(Real, 0, 1, closed="left")],
        "callbacks": [list, None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean"],
        "keep_memory": ["boolean"],
        "inference": [StrOptions({"chunks", "dense"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _validate_params(self):
        """Judge parameters, each by itself."""
        super()._validate_params()
        check_body(
            block=self.block,
            cardinality=self.cardinality,
            filters=self.filters,
            downsampling=self.downsampling,
            aggregation=self.aggregation,
            dense=self.dense,
        )
        check_stretches(self.stretches)
        choose_augmentations(self.augment)
        if isinstance(self.chunker, type):
            name = self.chunker.__name__
            raise ValueError(f"chunker is the class {name}; give an instance: {name}()")
        for entry in self.callbacks or ():
            callback = entry[-1] if isinstance(entry, tuple) and entry else entry
            if not isinstance(callback, Callback):
                raise ValueError(f"callbacks holds {entry!r}, no skorch callback")

    def _begin_fit(self, X):
        """List the recordings, having judged what can be before they are loaded."""
        self._validate_params()
        if self.batch_size < self._batch_unit:
            raise ValueError(
                f"batch_size={self.batch_size} does not hold two singers with "
                f"chunks_per_singer={self.chunks_per_singer}: make it "
                f"{self._batch_unit} or more"
            )
        check_device(self.device)
        if self.pretrained is not None:
            read_card(self.pretrained)
        return as_recordings(X)

    @all_or_nothing
    @undisturbed()
    def _fit_net(
        self,
        chunks,
        targets,
        *,
        n_singers,
        criterion,
        n_outputs=None,
        weights=None,
        groups=None,
        songs=None,
        validation=None,
        batches=(ChunkBatches, ChunkBatches),
    ):
        """Train ``net_`` on the chunks of recordings.

        Parameters
        ----------
        chunks : list of Chunks
            One entry per recording.
        targets : ndarray of shape (n_recordings,)
            Integer target of each recording, shared by its chunks.
        n_singers : int
            Singers in the targets. Those made of them, and synthetic ones, follow.
        criterion : callable
            Takes the number of all these, and returns what makes the loss.
        n_outputs : int, default=None
            Width of the network's output; None for one of each of them.
        weights : ndarray of shape (n_recordings,), default=None
            How often each recording is drawn in an epoch, on average; None: once.
        groups : ndarray of shape (n_recordings,), default=None
            Integer group of each recording; the inner split keeps groups together.
        songs : ndarray of shape (n_recordings,), default=None
            Integer song of each recording; the inner split leaves two of each singer.
        validation : ndarray of shape (n_validation_recordings,), default=None
            Indices of recordings to validate on, instead of an inner split.
        batches : pair of callables that return a ChunkBatches
            How chunks meet in a batch, to train and to validate.

        Returns
        -------
        interruption : str or None
            What `fit` has to warn of once all is kept.
        """
        chunks = list(alike(chunks))
        if self.pretrained is not None:
            self._take_front_end(read_card(self.pretrained))
            check_front_end(chunks[0], self._learned)
        weights = np.ones(len(chunks)) if weights is None else weights
        self.front_end_, self.hop_frames_ = chunks[0].front_end, chunks[0].hop_frames
        self.n_features_in_, self.chunk_frames_ = chunks[0].shape[1:]
        rng = check_random_state(self.random_state)
        device = check_device(self.device)
        crowd = gather_crowd(
            self.synthetic_singers, self.front_end_, self.chunk_frames_, rng
        )

        gigabytes = sum(c.spectrogram.size for c in chunks) * 4e-9
        with naming_what_does_not_fit(
            lambda: (
                f"the spectrograms of {len(chunks)} recordings, {gigabytes:.2g} GB, do "
                f"not fit into the memory of {device!r}; fit fewer or shorter "
                "recordings, or set device='cpu'"
            )
        ):
            whole = ChunkDataset(chunks, targets, weights, device, songs)
        check_drawn(weights)
        drawn = np.flatnonzero(weights > 0)
        # What the inner split sets aside may meet what is trained on, in a pair say;
        # other singers meet nobody but each other.
        meet = drawn if validation is None else validation
        if validation is None:
            validation = self._set_aside(drawn, targets, groups, songs, rng)
        train = whole.subset(np.setdiff1d(drawn, validation))
        check_drawn(train.weights)
        valid = whole.subset(meet, np.isin(meet, validation).astype(float))
        train, n_identities = add_identities(
            train,
            n_singers,
            self.stretches,
            crowd,
            self.synthetic_share,
            self.chunks_per_recording,
        )
        self.validation_indices_ = validation
        seed = rng.randint(2**31 - 1)
        with seeded_torch(seed, device), self._kept_memory(device):
            net = self._build_net(
                n_outputs or n_identities,
                criterion(n_identities),
                device,
                seed,
                batches=batches,
                augment=choose_augmentations(self.augment, crowd is not None),
            )
            if self.pretrained is not None:
                load_weights(net.module_, self.pretrained, output=self._keeps_output)
            net.module_.compiled = self.compile
            with naming_what_does_not_fit(
                partial(advise_batch, net, train, self._batch_unit)
            ):
                interruption = run(net, train, valid if len(validation) else None)
        net.optimizer_.state.clear()  # Adam's moments, twice as large as the weights
        net.optimizer_.zero_grad(set_to_none=True)
        net.module_.compiled = False  # not compiled again for one chunk
        # The losses say nothing of the weights after the last step.
        with torch.inference_mode():
            if not net.module_.eval()(train.batch([0])[0]).isfinite().all():
                raise diverged(net)
        self._take_net(net)
        return interruption

    def _set_aside(self, drawn, targets, groups, songs, rng):
        """Return the recordings, of those drawn, that early stopping validates on."""
        if not self.early_stopping:
            return drawn[:0]
        groups = drawn if groups is None else groups[drawn]
        songs = None if songs is None else songs[drawn]
        return drawn[draw_validation(targets[drawn], groups, rng, songs)]

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : Ignored
            Present by scikit-learn's convention: recordings have no columns.

        Returns
        -------
        names : ndarray of str
            The class's name in small letters, and a number.
        """
        return super().get_feature_names_out()

    def attention_weights(self, X):
        """Return how much each frame counts in its chunk (paper, equation 1).

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_chunks, n_pooled_frames)
            One entry per recording; rows sum to 1. A pool halves the number of frames.

        Raises
        ------
        ValueError
            If the network aggregates without attention.
        """
        return list(self._apply_net(X, "attention"))

    def __sklearn_tags__(self):
        """X is a list of recordings, not a table."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    @property
    def _batch_unit(self):
        """Chunks that must meet in a batch, at least."""
        return fewest_chunks(self._meet, self.chunks_per_singer)

    @property
    def _learned(self):
        """How the chunks were made that the network learned from."""
        shape = {"bands": self.n_features_in_, "chunk_frames": self.chunk_frames_}
        return shape | (self.front_end_ or {})

    def _take_front_end(self, card):
        """Expect recordings as a pretrained network knows them."""
        self.front_end_, self.hop_frames_ = card["front_end"], card["hop_frames"]
        self.n_features_in_, self.chunk_frames_ = card["shape"]

    @undisturbed()
    def _restore_net(self, card, n_outputs, criterion):
        """Make ``net_`` of a pretrained network, without training."""
        self._take_front_end(card)
        device = check_device(self.device)
        with Undrawn():
            net = self._build_net(n_outputs, criterion, device, seed=0)
        load_weights(net.module_, self.pretrained)
        self._take_net(net)
        self.validation_indices_ = np.array([], dtype=int)

    def _take_net(self, net):
        """Keep a net whose weights are there, and the parameters that they rest on."""
        self.net_, self.history_ = net, net.history
        parameters = {name: getattr(self, name) for name in self._kept}
        self._kept_parameters = copy.deepcopy(parameters)

    def _build_net(
        self,
        n_outputs,
        criterion,
        device,
        seed,
        *,
        batches=(ChunkBatches, ChunkBatches),
        augment=(),
    ):
        """Return the skorch net, its weights drawn, before training."""
        callbacks = [FiniteLoss(), *(copy.deepcopy(self.callbacks) or [])]
        if self.lr_schedule == "one-cycle":
            callbacks.append(OneCycle(self.lr))
        if self.verbose:
            callbacks.append(ProgressBar())
        if self.early_stopping:  # last: it ends the training from inside its hook
            callbacks.append(
                EarlyStoppingTest(self.check_every, self.patience, self.min_improvement)
            )
        net = NetReadOnceAnEpoch(
            SingerNet,
            module__n_bands=self.n_features_in_,
            module__chunk_frames=self.chunk_frames_,
            module__n_outputs=n_outputs,
            module__block=self.block,
            module__cardinality=self.cardinality,
            module__filters=self.filters,
            module__downsampling=self.downsampling,
            module__n_cepstra=self.n_cepstra,
            module__aggregation=self.aggregation,
            module__head_norm=self.head_norm,
            module__dense=self.dense,
            module__dropout=self.dropout,
            module__precision=check_precision(self.precision, device),
            criterion=criterion,
            optimizer=torch.optim.Adam,
            # One pass over weights and moments: nine times as fast on a CPU, which
            # tells where a dense layer has two hundred million weights.
            optimizer__fused=torch.device(device).type in ("cpu", "cuda"),
            optimizer__weight_decay=self.weight_decay,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train=batches[0],
            iterator_train__seed=seed,
            iterator_train__augment=augment,
            iterator_train__n_jobs=count_processes(self.n_jobs, device),
            iterator_train__chunks_per_recording=self.chunks_per_recording,
            iterator_valid=batches[1],
            callbacks=callbacks,
            callbacks__print_log=None,
            device=device,
            verbose=0,
        ).initialize()
        for part in (net.module_, net.criterion_):
            part.float()  # whatever torch's default is here
        # On a CPU, convolutions run up to twice as fast over channels-last.
        net.module_.to(memory_format=torch.channels_last)
        return net

    def _apply_net(self, X, reading="outputs"):
        """Run the network over the chunks of recordings, some of them at a time.

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
        reading : {"outputs", "embeddings", "attention"}
            As `SingerNet.read` has it.

        Yields
        ------
        ndarray of shape (n_chunks, width)
            Of each recording in turn.
        """
        check_is_fitted(self, "net_")
        self._validate_params()  # some may have been set since `fit`
        module = self.net_.module_.eval()
        # Where the model was trained need not be where it is used.
        device = next(module.parameters()).device
        module.precision = check_precision(self.precision, device)
        module.compiled = self.compile
        read = read_chunks if self.inference == "chunks" else read_densely
        for some in in_groups(alike(iter_chunks(X, self.chunker)), AT_ONCE):
            check_front_end(some[0], self._learned)
            with (
                undisturbed(),
                torch.inference_mode(),
                self._kept_memory(device),
                naming_what_does_not_fit(
                    lambda: (
                        f"batch_size={self.batch_size} does not fit into the memory of "
                        f"{str(device)!r}; set_params a smaller one, which needs no "
                        "new fit"
                    )
                ),
            ):
                rows = read(module, some, reading, self.batch_size)
            yield from rows

    def _kept_memory(self, device):
        return kept_memory(self.keep_memory and torch.device(device).type == "cpu")
