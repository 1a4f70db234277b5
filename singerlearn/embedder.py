"""A space of voices: a network over Mel chunks as a scikit-learn transformer."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.base import TransformerMixin, clone
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

from singerlearn.chunks import mean_of_each
from singerlearn.features import as_chunks
from singerlearn.inner_split import find_validation
from singerlearn.labels import encode_given, encode_singers
from singerlearn.nn.losses import criterion, what_meets
from singerlearn.paper import PAPER
from singerlearn.partners import batches_where, check_partners
from singerlearn.pretrained import PretrainedMixin
from singerlearn.training import NetOverChunks


class SingerEmbedder(PretrainedMixin, TransformerMixin, NetOverChunks):
    """Lays recordings out so that those of one singer lie close, whatever the song.

    The classifier's network with a linear output, trained on chunks labelled by singer
    (paper, section 3.5) and, by default, on stretched and synthetic singers as well. A
    recording lies at the mean of its chunks, and its singer need not be one of those in
    training. :meth:`paper` gives the regime of the paper.

    Parameters
    ----------
    n_components : int, default=64
        Dimensions of the embedding.
    loss : str, default="supervised-contrastive"
        What is minimised. "supervised-contrastive" and "triplet" compare all chunks of
        a batch of several singers with several chunks each; "margin-softmax" names the
        training singers; "contrastive" is the paper's, on pairs of chunks, as many of
        the same singer as of different ones. "supervised-contrastive" and
        "margin-softmax" use directions only: their embeddings of chunks have length 1
        (those of the hidden layer do not).
    margin : float, default=1.0
        A squared Euclidean distance. "contrastive" ignores chunks of two singers that
        are further apart (paper, equation 5); "triplet" wants the other singer further
        away by this much. The other losses do not use it.
    loss_params : dict, default=None
        Further parameters of the loss, such as ``{"temperature": 0.05}``.
    partners_from : {"recordings", "chunks"}, default="recordings"
        What a chunk's partners by the same singer must differ in: the recording, or
        only the chunk, as the paper draws them. If `fit` is given songs, it is the
        song. Not used by "margin-softmax".
    chunks_per_singer : int, default=4
        Chunks of a singer in a batch of several singers.
    pretrained : str, Path or None, default=None
        The network whose weights `fit` starts from, as for :meth:`from_pretrained`;
        None starts from weights drawn at random.
    chunker, block, cardinality, filters, downsampling, n_cepstra
        The front end and the convolutions, as for :class:`SingerNetClassifier`.
    aggregation, head_norm, dense, dropout
        What the network makes of the frames, as for :class:`SingerNetClassifier`.
    lr, lr_schedule, weight_decay, augment
        The training, as for :class:`SingerNetClassifier`, except that chunks are
        augmented by default, even among synthetic singers.
    stretches, synthetic_singers, synthetic_share
        Singers beyond the data, as for :class:`SingerNetClassifier`, except that
        stretches are on by default: they help to know new singers. With the contrastive
        loss the share holds for anchors only: partners by another singer are drawn from
        all chunks, and a synthetic singer has one chunk per song. Use ``()`` and 0 to
        do without.
    max_epochs : int, default=30
        Passes over the chunks, at most. In one pass every chunk gets one partner; or
        batches of several singers together hold about as many chunks as there are.
    batch_size : int, default=32
        Chunks in a step; pairs are half as many.
    chunks_per_recording : int or None, default=8
        Chunks drawn from each recording per epoch, at most, not counting partners. None
        draws all, as the paper does.
    early_stopping : bool, default=False
        Whether to stop when the loss of validation recordings no longer improves, and
        to restore the weights of the last improvement. The recordings are those of the
        validation singers, if `fit` is given any; else one at random from each singer
        who still keeps two to be compared, whatever `partners_from`. Partners of their
        chunks may come from training recordings. They are the same in every epoch, so
        that the losses of epochs can be compared.
    check_every, patience, min_improvement, callbacks, verbose
        As for :class:`SingerNetClassifier`.
    device, precision, compile, keep_memory, inference, n_jobs
        How it is computed, as for :class:`SingerNetClassifier`. Dense inference moves
        recordings of RAVDESS song by 0.04 to 0.06 of the median distance between two
        recordings, and by 0.09 at most.
    layer : {"output", "hidden"}, default="output"
        Which layer embeds recordings: the output, which the loss has shaped, or the one
        before it. That is wider, 3,072 numbers in the encoder that comes with the
        library, and leaves more for a back end to learn about your own singers. It may
        be changed after `fit`.
    random_state : int, RandomState or None, default=None
        Governs all that is drawn: initial weights, validation recordings, partners,
        order, augmentation, synthetic singers and dropout. On the same CPU the same
        seed gives the same weights, bit for bit.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the :class:`~singerlearn.nn.SingerNet`.
    history_ : skorch.history.History
        One row per epoch: ``train_loss``, ``valid_loss`` if there is one, ``dur``; the
        ``batches`` of the last epoch only.
    validation_indices_ : ndarray of shape (n_validation_recordings,)
        Recordings of `fit` that were not trained on, but validated on.
    n_features_in_ : int
        Bands of the spectrograms.
    chunk_frames_, hop_frames_ : int
        Length of a chunk, and step between chunks, in frames.
    front_end_ : dict or None
        How the spectrograms were made; later recordings must be made alike.

    See Also
    --------
    SingerNetClassifier : Names singers that it was trained on.
    singerlearn.nn.losses : The losses and their parameters.

    References
    ----------
    "Learning audio features for singer identification and embedding", section 3.5.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from singerlearn import SingerEmbedder
    >>> from singerlearn.datasets import make_singers
    >>> X, y = make_singers(n_singers=2, n_songs=2, random_state=0, return_X_y=True)
    >>> embedder = SingerEmbedder(4, filters=(4, 8), max_epochs=2, verbose=0)
    >>> embedder.fit(X, y).transform(X).shape
    (4, 4)
    >>> nearest = make_pipeline(embedder, KNeighborsClassifier(1))
    >>> nearest.fit(X, y).predict(X).shape
    (4,)
    """

    _keeps_output = True
    _parameter_constraints = {
        **NetOverChunks._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "loss": [str],
        "margin": [Interval(Real, 0, None, closed="neither")],
        "loss_params": [dict, None],
        "partners_from": [StrOptions({"recordings", "chunks"})],
        "layer": [StrOptions({"output", "hidden"})],
        "chunks_per_singer": [Interval(Integral, 2, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        n_components=64,
        loss="supervised-contrastive",
        margin=1.0,
        *,
        loss_params=None,
        partners_from="recordings",
        chunks_per_singer=4,
        pretrained=None,
        chunker=None,
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
        batch_size=32,
        chunks_per_recording=8,
        augment=True,
        stretches=(0.86, 0.93, 1.07, 1.15),
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
        layer="output",
        n_jobs="auto",
        random_state=None,
        verbose=1,
    ):
        self.n_components = n_components
        self.loss = loss
        self.margin = margin
        self.loss_params = loss_params
        self.partners_from = partners_from
        self.chunks_per_singer = chunks_per_singer
        self.pretrained = pretrained
        self.chunker = chunker
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
        self.layer = layer
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def paper(cls, **parameters):
        """Return an embedder in the paper's regime (section 3.3).

        The shallow ResNeXt of Table 2 with attention, 16 dimensions, the contrastive
        loss over batches of 32 pairs, Adam at a constant 1e-4, L2 1e-6, dropout 0.1;
        every 50 epochs an early-stopping test, patience 1000 epochs. The paper's
        validation set is other singers: name them to `fit`. What the paper leaves
        open, and what stands here for it: ``docs/results.md``.

        Parameters
        ----------
        **parameters
            What shall differ, such as ``block="vanilla", filters=(64, 128)`` for
            another row of Table 2.

        Returns
        -------
        SingerEmbedder
            Not fitted.
        """
        regime = dict(
            n_components=16,
            loss="contrastive",
            margin=1.0,
            partners_from="chunks",
            filters=(128, 128),
            batch_size=2 * PAPER["batch_size"],  # a sample of the paper's is a pair
            patience=1000,
        )
        return cls(**(PAPER | regime | parameters))

    def fit(self, X, y, groups=None, songs=None, validation_singers=None):
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
            of the split for early stopping. Not used without it, nor with validation
            singers.
        songs : array-like of shape (n_recordings,), default=None
            The song of each recording. If given, a chunk's partners by the same singer
            come from other songs, so that the song does not help.
        validation_singers : array-like or set of labels, default=None
            Singers in y whose recordings are not trained on: their loss is in
            ``history_``, and early stopping uses it.

        Returns
        -------
        self : SingerEmbedder
            The fitted embedder.

        Raises
        ------
        ValueError
            If a recording cannot be used (it is named), if lengths disagree, if there
            is only one singer, if the loss compares chunks and a singer has no two
            recordings (songs, if they are given; chunks, with
            ``partners_from="chunks"``), or if the batch does not fit into the GPU's
            memory.
        """
        X = self._begin_fit(X)
        names, codes = encode_singers(y, len(X))
        groups = encode_given(groups, "groups", len(X))
        songs = encode_given(songs, "songs", len(X))
        if validation_singers is not None:
            if self._meet is None:
                raise ValueError(
                    f"loss={self.loss!r} can only judge singers that it is trained on; "
                    "take another loss, or no validation_singers"
                )
            validation_singers = find_validation(validation_singers, names, codes)
        among_chunks = songs is None and self.partners_from == "chunks"
        if self._meet and not among_chunks:
            check_partners(names, codes, songs)
        chunks = as_chunks(X, self.chunker)
        if self._meet and among_chunks:
            of_chunks = np.repeat(codes, [len(c) for c in chunks])
            check_partners(names, of_chunks, unit="chunk")
        if self._meet and songs is None:
            songs = np.arange(len(chunks))
        batches = batches_where(
            self._meet,
            chunks_per_singer=self.chunks_per_singer,
            same_recording=among_chunks,
        )
        interruption = self._fit_net(
            chunks,
            codes,
            n_singers=len(names),
            criterion=self._criterion,
            n_outputs=self.n_components,
            groups=groups,
            songs=songs if self._meet else None,
            validation=validation_singers,
            batches=2 * (batches,),
        )
        if interruption:
            warnings.warn(interruption, stacklevel=2)
        return self

    def transform(self, X):
        """Return where recordings lie: at the mean of their chunks.

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings, n_components)
            Compare them by angle (cosine similarity) if the loss uses directions only,
            as supervised contrastive and margin softmax do; else by Euclidean distance.
            The hidden layer has its own width.
        """
        return mean_of_each(self._embeddings(X))

    def transform_chunks(self, X):
        """Return where the chunks of recordings lie.

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_chunks, n_components)
            One entry per recording; the hidden layer has its own width.
        """
        return list(self._embeddings(X))

    def score(self, X, y, sample_weight=None):
        """Return how well distances tell whether two recordings are by the same singer.

        The area under the ROC curve over all pairs of recordings: how often two by one
        singer lie closer than two by different singers. They are compared by angle if
        the loss uses directions only, else by Euclidean distance, as those of the
        hidden layer are. It can be compared between losses and dimensions, and the
        singers may be new ones.

        Parameters
        ----------
        X : list of n_recordings recordings or Chunks
            As in `fit`.
        y : array-like of shape (n_recordings,)
            The singer of each recording.
        sample_weight : array-like of shape (n_recordings,), default=None
            A pair counts as much as the product of its recordings' weights.

        Returns
        -------
        float in [0, 1]
            Higher is better, 0.5 is chance.

        Raises
        ------
        ValueError
            If there are no two recordings of one singer, or of different ones.
        """
        embeddings = self.transform(X)
        if self._on_sphere:
            embeddings = normalize(embeddings)
        _, codes = encode_singers(y, len(embeddings), at_least=1)
        same = pdist(codes[:, None]) == 0
        if same.all() or not same.any():
            raise ValueError(
                "score compares two recordings of one singer with two of different "
                f"singers, and these {len(codes)} recordings lack one or the other; "
                "give several recordings of several singers"
            )
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, embeddings, ensure_non_negative=True
            )
            first, second = np.triu_indices(len(codes), k=1)  # the pairs of `pdist`
            sample_weight = weights[first] * weights[second]
        return roc_auc_score(same, -pdist(embeddings), sample_weight=sample_weight)

    def _embeddings(self, X):
        """Yield where the chunks of each recording lie."""
        hidden = self.layer == "hidden"
        for chunks in self._apply_net(X, "embeddings" if hidden else "outputs"):
            yield normalize(chunks) if self._on_sphere else chunks

    @property
    def _on_sphere(self):
        """Whether embeddings are directions alone."""
        return self.layer == "output" and self.net_.criterion_.on_sphere

    @property
    def _n_features_out(self):
        """Width of what `transform` returns, from which it has its feature names."""
        output = self.net_.module_.output
        return output.in_features if self.layer == "hidden" else output.out_features

    def __sklearn_tags__(self):
        """There is nothing to learn without singers."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _begin_fit(self, X):
        """List the recordings, having judged the loss, too."""
        X = super()._begin_fit(X)
        self._criterion(1)
        return X

    @property
    def _meet(self):
        """What chunks meet in a batch."""
        return what_meets(self.loss)

    def _criterion(self, n_singers):
        """Return the loss over so many singers, to be made with the net."""
        return criterion(
            self.loss,
            self.loss_params or {},
            margin=self.margin,
            n_components=self.n_components,
            n_singers=n_singers,
        )

    def _restore(self, card):
        """Make what `fit` makes of a pretrained network."""
        self._validate_params()
        # Embeddings are those of the loss that trained it, whatever shall train it on.
        trained = card["parameters"]
        then = {
            k: trained[k] for k in ("loss", "margin", "loss_params") if k in trained
        }
        made = clone(self).set_params(**then)._criterion(1)
        self._restore_net(card, self.n_components, made)
