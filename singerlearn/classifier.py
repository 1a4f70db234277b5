"""Who is singing: a network over Mel chunks as a scikit-learn classifier."""

import warnings
from numbers import Integral

import numpy as np
from scipy.special import softmax
from sklearn.base import TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight
from torch import nn

from singerlearn.batches import ChunkBatches
from singerlearn.chunks import ChunkClassifierMixin, mean_of_each
from singerlearn.features import as_chunks
from singerlearn.labels import encode_given, encode_singers
from singerlearn.paper import PAPER
from singerlearn.partners import batches_where
from singerlearn.training import NetOverChunks


class SingerNetClassifier(TransformerMixin, ChunkClassifierMixin, NetOverChunks):
    """Names the singer of a recording with the paper's convolutional networks.

    The network sees chunks of about six seconds; a recording's probabilities are the
    mean over its chunks. The defaults are for a few hundred recordings and a laptop;
    :meth:`paper` gives the regime of the paper.

    Parameters
    ----------
    chunker : transformer, default=None
        Turns raw recordings into chunks with values from 0 to about 60 dB. None means
        ``MelChunker()``; pass one explicitly to search over its parameters. Not used on
        recordings that are chunked already.
    pretrained : str, Path or None, default=None
        The network from whose weights, except those of the output layer, `fit` starts,
        as for :meth:`from_pretrained`; None starts from weights drawn at random.
    block : {"resnext", "resnet", "vanilla"}, default="resnext"
        Convolutional block (paper, Figure 2).
    cardinality : int, default=4
        Groups of a ResNeXt block's 5 × 5 convolution.
    filters : tuple of int, default=(32, 64, 128)
        Channels of the first layer and of each block, as in the column of the
        paper's Table 1: its shallow networks are (64, 128).
    downsampling : {"max-pool", "stride"} or tuple of them, default="max-pool"
        How bands and frames are halved after the first layer and after each run of
        equal filters: by pools as in the paper, or by a stride of the convolution
        before. A tuple has one name for each: ("stride", "max-pool", "max-pool") saves
        most of the first layer's work.
    n_cepstra : int or None, default=None
        If given, the network hears the envelope of each frame: its spectrum smoothed
        over the bands by so many cepstral coefficients. The throat's resonances stay,
        the harmonics of the melody go. 40, for 96 bands, do well on new voices.
    aggregation : str, default="attention"
        How the frames of a chunk become one vector: "attention", "average", "max" or
        "none" (paper, section 2.2); "statistics", their mean and standard deviation, or
        "attentive-statistics", the same weighted by attention; "self-attention", for
        which their order counts.
    head_norm : bool, default=False
        Whether a batch norm follows the aggregation. With it and without dense layers
        the head is light: standardised features and one linear layer.
    dense : tuple of int, default=()
        Units of the dense layers after the aggregation. The paper has (1024, 1024,
        1024), which overfit when there are few singers.
    dropout : float, default=0.1
        Share of units dropped after each dense layer.
    lr : float, default=1e-3
        Learning rate of Adam; the highest one, if it follows a schedule.
    lr_schedule : {"one-cycle"} or None, default="one-cycle"
        How the learning rate moves from step to step; None keeps it constant.
    weight_decay : float, default=1e-6
        L2 regularisation of every learnable weight.
    max_epochs : int, default=30
        Passes over the chunks, at most.
    batch_size : int, default=16
        Chunks in a step.
    chunks_per_singer : int or None, default=None
        If given, batches are of several singers with so many chunks each ("P × K"),
        from different recordings as far as there are any. All singers then come equally
        often, however many recordings they have. None draws each recording as often.
    chunks_per_recording : int or None, default=8
        Chunks drawn from each recording per epoch, at most, so that a long recording
        takes no longer than a short one. None draws all, as the paper does.
    augment : "auto", bool or tuple of {"crops", "channels", "masks"}, default="auto"
        What is done to training chunks, differently in each epoch: they are cut at
        random frames, heard through random channels (a level, and a curve of a few dB
        over the bands), and masked: up to an eighth of the bands silenced twice, and a
        sixth of the frames. True means all of these, False none, as in the paper;
        "auto" means none among synthetic singers, whose channels differ anyway, else
        all.
    stretches : tuple of float, default=()
        Factors on the Mel axis, such as (0.86, 0.93, 1.07, 1.15). Each turns every
        singer into one more, with another vocal tract, to be told apart in training.
        The length of an epoch does not change.
    synthetic_singers : int, "auto" or SyntheticSingers, default="auto"
        Number of synthetic singers to be told apart in training as well, or the singers
        themselves. They sing while the network trains, a new take each time. "auto" is
        1600 if the chunks were made as :class:`MelChunker` makes them, else none. Each
        chunk costs some 13 ms of a core (see `n_jobs`).
    synthetic_share : float in (0, 1), default=0.5
        Share of the training chunks that synthetic singers sing. They come on top of
        the recordings' own chunks, so that an epoch is longer.
    early_stopping : bool, default=False
        Whether to set validation recordings aside, to stop when their loss no longer
        improves, and to restore the weights of the last improvement. They are drawn
        before chunks exist: one at random from each singer who has at least two.
    check_every : int, default=1
        Epochs between two early-stopping tests; the last epoch is tested, too.
    patience : int, default=10
        Epochs without improvement after which training stops. With a one-cycle rate the
        loss falls mostly at the end, as the rate does: set this to `max_epochs` to
        train to the end and only keep the best epoch.
    min_improvement : float, default=0.005
        Share by which the validation loss must fall to count as an improvement.
    callbacks : list of skorch.callbacks.Callback, default=None
        Further callbacks for the skorch net; copied by `fit`. For the net a sample is a
        chunk, and its ``predict`` gives probabilities.
    device : str, default="auto"
        Where to train: "cpu", "cuda", ...; "auto" takes a GPU where there is one.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What the convolutions compute in. "auto" takes bfloat16 on a GPU or processor
        with units for it, else float32; the paper has float32.
    compile : bool, default=False
        Whether torch compiles the convolutions when they are first used, once for
        training and once for prediction: it takes tens of seconds, and on a CPU a C++
        compiler, for the same numbers. Long dense predictions on a CPU are 1.1 times as
        fast; training and chunks that overlap gain nothing there
        (``docs/performance.md``). It may be changed after `fit`.
    keep_memory : bool, default=True
        Whether a fit, or a prediction, on a CPU with glibc keeps freed memory for its
        next step, which is faster and costs up to 1.5 GB. It concerns the whole process
        for that time; environment variables for glibc's malloc take precedence.
    inference : {"chunks", "dense"}, default="chunks"
        How to predict. "dense" runs the convolutions once over the whole recording
        instead of on each chunk, two to three times as fast. Scores differ a little,
        since a chunk's ends then see the neighbouring frames instead of silence: on
        performances of RAVDESS song, of 11 s, the probabilities of recordings by 0.004
        on average and 0.11 at most; 5 of 115 got another name, and one fewer was right.
    n_jobs : "auto", int or None, default="auto"
        Processes in which synthetic singers sing; None means 1, -1 all cores. "auto"
        means 1 on a CPU, whose cores train, and on a GPU, which would wait for them,
        all cores up to 16.
    random_state : int, RandomState or None, default=None
        Governs all that is drawn: initial weights, validation recordings, order,
        augmentation, synthetic singers and dropout. On the same CPU the same seed gives
        the same weights, bit for bit.
    verbose : int, default=1
        1 shows a progress bar with the time left, 0 nothing.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The singers' names, sorted.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the :class:`~singerlearn.nn.SingerNet`.
    history_ : skorch.history.History
        One row per epoch: ``train_loss``, ``valid_loss`` if there is one, ``dur``; the
        ``batches`` of the last epoch only.
    validation_indices_ : ndarray of shape (n_validation_recordings,)
        Recordings of `fit` that were set aside for early stopping.
    n_features_in_ : int
        Bands of the spectrograms.
    chunk_frames_, hop_frames_ : int
        Length of a chunk, and step between chunks, in frames.
    front_end_ : dict or None
        How the spectrograms were made; later recordings must be made alike.

    See Also
    --------
    singerlearn.baseline.make_svm_baseline : The classical baseline, on the same input.

    References
    ----------
    "Learning audio features for singer identification and embedding", sections 2
    and 3.4.

    Examples
    --------
    >>> from singerlearn import SingerNetClassifier
    >>> from singerlearn.datasets import make_singers
    >>> X, y = make_singers(n_singers=2, n_songs=2, random_state=0, return_X_y=True)
    >>> net = SingerNetClassifier(filters=(4, 8), dense=(16,), max_epochs=2, verbose=0)
    >>> net.fit(X, y).predict_proba(X).shape
    (4, 2)
    """

    _parameter_constraints = {
        **NetOverChunks._parameter_constraints,
        "chunks_per_singer": [Interval(Integral, 2, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        chunker=None,
        pretrained=None,
        block="resnext",
        cardinality=4,
        filters=(32, 64, 128),
        downsampling="max-pool",
        n_cepstra=None,
        aggregation="attention",
        head_norm=False,
        dense=(),
        dropout=0.1,
        lr=1e-3,
        lr_schedule="one-cycle",
        weight_decay=1e-6,
        max_epochs=30,
        batch_size=16,
        chunks_per_singer=None,
        chunks_per_recording=8,
        augment="auto",
        stretches=(),
        synthetic_singers="auto",
        synthetic_share=0.5,
        early_stopping=False,
        check_every=1,
        patience=10,
        min_improvement=0.005,
        callbacks=None,
        device="auto",
        precision="auto",
        compile=False,
        keep_memory=True,
        inference="chunks",
        n_jobs="auto",
        random_state=None,
        verbose=1,
    ):
        self.chunker = chunker
        self.pretrained = pretrained
        self.block = block
        self.cardinality = cardinality
        self.filters = filters
        self.downsampling = downsampling
        self.n_cepstra = n_cepstra
        self.aggregation = aggregation
        self.head_norm = head_norm
        self.dense = dense
        self.dropout = dropout
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.chunks_per_singer = chunks_per_singer
        self.chunks_per_recording = chunks_per_recording
        self.augment = augment
        self.stretches = stretches
        self.synthetic_singers = synthetic_singers
        self.synthetic_share = synthetic_share
        self.early_stopping = early_stopping
        self.check_every = check_every
        self.patience = patience
        self.min_improvement = min_improvement
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.compile = compile
        self.keep_memory = keep_memory
        self.inference = inference
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def paper(cls, **parameters):
        """Return a classifier in the paper's regime (section 3.3).

        Shallow ResNeXt with attention, Adam at a constant 1e-4, L2 1e-6, batches of 32,
        dropout 0.1; every 50 epochs a test on one validation recording of each singer,
        patience 300 epochs, an improvement counts from 0.5 % on. What the paper leaves
        open, and what stands here for it: ``docs/results.md``.

        Parameters
        ----------
        **parameters
            What shall differ, such as ``block="vanilla"`` for another row of Table 1.

        Returns
        -------
        SingerNetClassifier
            Not fitted.
        """
        return cls(**(PAPER | dict(filters=(64, 128), patience=300) | parameters))

    def fit(self, X, y, groups=None, sample_weight=None):
        """Train the network.

        If it is interrupted from the keyboard after the first epoch, it warns and keeps
        what it has learnt: with early stopping, the best model so far.

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
            Paths, waveforms or (waveform, sampling_rate) pairs, or what a chunker made
            of them.
        y : array-like of shape (n_recordings,)
            The singer of each recording.
        groups : array-like of shape (n_recordings,), default=None
            Recordings of one group, such as a song or a session, stay on the same side
            of the split for early stopping. Not used without early stopping.
        sample_weight : array-like of shape (n_recordings,), default=None
            How often a recording is drawn per epoch, on average (None: once). A weight
            of 2 is the same as having the recording twice in X. Cannot be combined with
            `chunks_per_singer`.

        Returns
        -------
        self : SingerNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a recording cannot be used (it is named), if lengths disagree, if there
            is only one singer, if weights come with `chunks_per_singer`, or if the
            batch does not fit into the GPU's memory.
        """
        X = self._begin_fit(X)
        names, codes = encode_singers(y, len(X))
        groups = encode_given(groups, "groups", len(X))
        weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        if sample_weight is not None and self.chunks_per_singer is not None:
            raise ValueError(
                "sample_weight says how often recordings are drawn, but with "
                f"chunks_per_singer={self.chunks_per_singer} all singers are drawn "
                "equally often: give one of the two"
            )
        if sample_weight is not None and len(np.unique(codes[weights > 0])) < 2:
            raise ValueError(
                "sample_weight leaves recordings of fewer than two singers: give those "
                "of another a weight above 0"
            )
        interruption = self._fit_net(
            as_chunks(X, self.chunker),
            codes,
            n_singers=len(names),
            criterion=lambda _: nn.CrossEntropyLoss,
            weights=weights,
            groups=groups,
            batches=(
                batches_where(self._meet, chunks_per_singer=self.chunks_per_singer),
                ChunkBatches,
            ),
        )
        self.classes_ = names
        if interruption:
            warnings.warn(interruption, stacklevel=2)
        return self

    def predict_chunks(self, X):
        """Return the most probable singer of each chunk.

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_chunks,)
            One entry per recording.
        """
        return [self.classes_[own.argmax(axis=1)] for own in self._probabilities(X)]

    def predict_proba_chunks(self, X):
        """Return the singers' probabilities for each chunk.

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_chunks, n_classes)
            One entry per recording.
        """
        return list(self._probabilities(X))

    def transform(self, X):
        """Return the last dense layer's output, its mean over a recording's chunks.

        Without dense layers it is the aggregation's output, normalised if
        ``head_norm``.

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings, dense[-1] or width of the aggregation)
            What the network knows of a recording before it decides for a singer.
        """
        return mean_of_each(self._apply_net(X, "embeddings"))

    def _probabilities(self, X):
        """Yield the singers' probabilities for the chunks of each recording."""
        for logits in self._apply_net(X):
            known = len(self.classes_)  # who was made for training is not among them
            yield softmax(logits[:, :known], axis=1)

    @property
    def _n_features_out(self):
        """Width of what `transform` returns, from which it has its feature names."""
        return self.net_.module_.output.in_features

    @property
    def _meet(self):
        """What chunks meet in a batch."""
        return None if self.chunks_per_singer is None else "singers"
