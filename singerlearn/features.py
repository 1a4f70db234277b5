"""The transformers: recordings become chunked spectrograms, or features of clips.

X is a list with one entry a recording, and so is what comes out: a step never changes
``len(X)``, so every splitter, search and pipeline of scikit-learn works unchanged, and
a chunk cannot cross a fold. The transformers learn nothing: `fit` only checks.
"""

import os
from importlib import import_module
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_container_adapter
from threadpoolctl import threadpool_limits

from singerlearn.audio import check_recordings, load, naming
from singerlearn.chunks import Chunks
from singerlearn.spectrogram import C1_HZ, frame_features, log_cqt, log_mel
from singerlearn.store import SpectrogramStore

__all__ = ["CQTChunker", "HandcraftedFeatures", "MelChunker", "as_chunks"]

# Of the numbers that `load`, `log_mel` and `log_cqt` give. Raise it when they change,
# lest a store serve the old ones.
_REVISION = 1

_POSITIVE = [Interval(Real, 0, None, closed="neither")]
_COUNT = [Interval(Integral, 1, None, closed="left")]
_WINDOW = [Interval(Integral, 2, None, closed="left")]


class _RecordingTransformer(TransformerMixin, BaseEstimator):
    """Applies `_transform_recording` of its subclass to every recording."""

    _parameter_constraints = {
        "sampling_rate": _POSITIVE,
        "hop_length": _COUNT,
        "hop_frames": _COUNT,
        "n_jobs": [Integral, None],
    }

    # Imported before the threads start, in which modules that import each other could
    # be met half-made.
    _modules = ()

    def fit(self, X, y=None):
        """Check the parameters and that X is a list of recordings.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings; none is opened.
        y : Ignored
            Present by scikit-learn's convention.

        Returns
        -------
        self : object
            The transformer, which has learnt nothing.
        """
        self._check(X)
        return self

    def transform(self, X):
        """Load the recordings and transform each; no `fit` is needed before.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings.

        Returns
        -------
        Xt : list of n_recordings transformed recordings
            In the order of X.

        Raises
        ------
        FileNotFoundError, ValueError
            If a recording cannot be read or has nothing to hear; the message names it.
        """
        recordings = self._check(X)
        for module in self._modules:
            import_module(module)
        # Threads, not processes: decoding, resampling and transforms release the GIL.
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._transform_named)(index, recording)
            for index, recording in enumerate(recordings)
        )

    def set_output(self, *, transform=None):
        """Set the container of tables; lists of recordings stay lists.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            None leaves it as it is.

        Returns
        -------
        self : object
            The transformer.
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def __sklearn_tags__(self):
        """X is a list of recordings, and there is nothing to fit."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = False
        return tags

    def _check(self, X):
        self._validate_params()
        recordings = check_recordings(X)
        for index, recording in enumerate(recordings):
            if isinstance(recording, Chunks):
                raise ValueError(
                    f"recording {index} is chunked already; {type(self).__name__} "
                    "takes paths and waveforms, so leave it out"
                )
        return recordings

    def _transform_named(self, index, recording):
        with naming(index, recording):
            return self._transform_recording(recording)


class _Chunker(_RecordingTransformer):
    """Cuts the spectrogram that its subclass names into chunks."""

    _parameter_constraints = {
        **_RecordingTransformer._parameter_constraints,
        "top_db": _POSITIVE,
        "chunk_frames": _COUNT,
        "store": [str, os.PathLike, SpectrogramStore, None],
    }

    def get_feature_names_out(self, input_features=None):
        """Names of the bands, lowest first.

        Parameters
        ----------
        input_features : Ignored
            Present by scikit-learn's convention.

        Returns
        -------
        names : ndarray of str of shape (n_bands,)
            Such as ``mel07``.
        """
        n_bands = getattr(self, self._bands)
        return np.array([f"{self._kind}{band:02}" for band in range(n_bands)], object)

    def _check(self, X):
        recordings = super()._check(X)
        self._open_store()
        return recordings

    def _open_store(self):
        if isinstance(self.store, (str, os.PathLike)):
            return SpectrogramStore(self.store)
        return self.store

    def _transform_recording(self, recording):
        others = ("chunk_frames", "hop_frames", "n_jobs", "store")
        names = self._parameter_constraints.keys() - others
        parameters = {name: getattr(self, name) for name in sorted(names)}
        front_end = {"spectrogram": self._kind, **parameters}

        def compute():
            y = load(recording, self.sampling_rate)
            return self._spectrogram(y, **parameters)

        store = self._open_store()
        if store is None:
            spectrogram = compute()
        else:
            key = {**front_end, "revision": _REVISION}
            spectrogram = store.fetch(recording, key, compute)
        return Chunks(spectrogram, self.chunk_frames, self.hop_frames, front_end)


class MelChunker(_Chunker, auto_wrap_output_keys=None):
    """Recordings to overlapping chunks of their decibel Mel spectrograms.

    The paper's input (section 3.2): decibels under the recording's maximum, clipped at
    -60 dB and offset to lie in [0, 60]; chunks of 5.94 s that overlap by 80 %. The
    numbers are those of ``librosa.feature.melspectrogram`` and ``librosa.power_to_db``
    within 0.001 dB. A recording shorter than a chunk is padded with silence to one.

    Parameters
    ----------
    sampling_rate : float, default=22050
        Rate to which every recording is brought, in Hz.
    n_fft : int, default=2048
        Samples in a frame.
    hop_length : int, default=512
        Samples between frames.
    n_mels : int, default=96
        Mel bands.
    top_db : float, default=60.0
        Range of the decibels: 0 is what lies this much under the maximum, or lower.
    chunk_frames : int, default=256
        Length of a chunk, in frames (5.94 s at 22 050 Hz, hop 512).
    hop_frames : int, default=51
        Step between chunks, in frames (1.19 s).
    store : path or SpectrogramStore, default=None
        A folder that keeps the spectrograms. Set it for cross-validation, for a search,
        or when you will come back to the same recordings: each spectrogram is computed
        once for all folds, processes and runs. A file is then read in about a twentieth
        of the time or less; a waveform, which is hashed each time, in a third. The
        folder is made when needed and may be deleted at any time; four minutes take
        2 MB in it. Decibels are rounded, by at most 0.0005; a
        :class:`~singerlearn.store.SpectrogramStore` takes half the space, and lists and
        prunes what lies there.
    n_jobs : int, default=None
        Threads, as joblib counts them; the result does not depend on it.

    See Also
    --------
    CQTChunker : The same over a constant-Q transform.
    HandcraftedFeatures : The classical features of the same stretches of time.

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.features import MelChunker
    >>> low, high = (np.sin(f * np.arange(44100 * 10)) for f in (0.03, 0.06))
    >>> chunks = MelChunker().fit_transform([(low, 44100), (high, 44100)])
    >>> chunks[0]
    Chunks(n_chunks=4, n_bands=96, chunk_frames=256, hop_frames=51)
    """

    _kind = "mel"
    _bands = "n_mels"
    _spectrogram = staticmethod(log_mel)
    _parameter_constraints = {
        **_Chunker._parameter_constraints,
        "n_fft": _WINDOW,
        "n_mels": _COUNT,
    }

    def __init__(
        self,
        *,
        sampling_rate=22050,
        n_fft=2048,
        hop_length=512,
        n_mels=96,
        top_db=60.0,
        chunk_frames=256,
        hop_frames=51,
        store=None,
        n_jobs=None,
    ):
        self.sampling_rate = sampling_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.top_db = top_db
        self.chunk_frames = chunk_frames
        self.hop_frames = hop_frames
        self.store = store
        self.n_jobs = n_jobs


class CQTChunker(_Chunker, auto_wrap_output_keys=None):
    """Recordings to overlapping chunks of their decibel constant-Q spectrograms.

    The paper's other input, with bands equally spaced on a logarithmic frequency scale:
    a transposed melody is the same picture, shifted. The numbers are those of
    ``librosa.cqt``, squared, and ``librosa.power_to_db``; chunks and decibels are as
    in :class:`MelChunker`.

    The defaults are semitones over 8 octaves from C1. A ninth would not fit under half
    of 22 050 Hz, and with 96 bands the network has as many parameters as on Mel, which
    is what the paper's Table 1 counts.

    Parameters
    ----------
    sampling_rate : float, default=22050
        Rate to which every recording is brought, in Hz.
    hop_length : int, default=512
        Samples between frames.
    n_bins : int, default=96
        Bands.
    bins_per_octave : int, default=12
        Bands in an octave.
    fmin : float, default=32.70319566257483
        Centre of the lowest band, in Hz (the note C1).
    top_db : float, default=60.0
        Range of the decibels: 0 is what lies this much under the maximum, or lower.
    chunk_frames : int, default=256
        Length of a chunk, in frames (5.94 s at 22 050 Hz, hop 512).
    hop_frames : int, default=51
        Step between chunks, in frames (1.19 s).
    store : path or SpectrogramStore, default=None
        A folder that keeps the spectrograms, as for :class:`MelChunker`; both may share
        it. It pays most here, where computing takes longest.
    n_jobs : int, default=None
        Threads, as joblib counts them; the result does not depend on it.

    See Also
    --------
    MelChunker : The same over a Mel spectrogram, better in every network of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.features import CQTChunker
    >>> tone = np.sin(0.06 * np.arange(44100 * 10))
    >>> CQTChunker().fit_transform([(tone, 44100)])
    [Chunks(n_chunks=4, n_bands=96, chunk_frames=256, hop_frames=51)]
    """

    _modules = ("librosa.core.constantq",)
    _kind = "cqt"
    _bands = "n_bins"
    _spectrogram = staticmethod(log_cqt)
    _parameter_constraints = {
        **_Chunker._parameter_constraints,
        "n_bins": _COUNT,
        "bins_per_octave": _COUNT,
        "fmin": _POSITIVE,
    }

    def __init__(
        self,
        *,
        sampling_rate=22050,
        hop_length=512,
        n_bins=96,
        bins_per_octave=12,
        fmin=C1_HZ,
        top_db=60.0,
        chunk_frames=256,
        hop_frames=51,
        store=None,
        n_jobs=None,
    ):
        self.sampling_rate = sampling_rate
        self.hop_length = hop_length
        self.n_bins = n_bins
        self.bins_per_octave = bins_per_octave
        self.fmin = fmin
        self.top_db = top_db
        self.chunk_frames = chunk_frames
        self.hop_frames = hop_frames
        self.store = store
        self.n_jobs = n_jobs


class HandcraftedFeatures(_RecordingTransformer, auto_wrap_output_keys=None):
    """Recordings to mean and standard deviation of classical features in each clip.

    The paper's baseline (section 3.4): chroma, MFCC, spectral centroid, roll-off and
    flux of clips of about six seconds, which are the same stretches of time as the
    chunks of :class:`MelChunker`. Frame features are computed once a recording, as
    librosa does, and clips pooled from them. Flux is the norm of a frame's rise in
    magnitude over the frame before.

    A recording shorter than a clip is one clip of the frames that it has: silence, with
    which a chunk is padded, would move every mean and deviation.

    Parameters
    ----------
    sampling_rate : float, default=22050
        Rate to which every recording is brought, in Hz.
    n_fft : int, default=2048
        Samples in a frame.
    hop_length : int, default=512
        Samples between frames.
    n_mfcc : int, default=13
        Mel-frequency cepstral coefficients, of 128 Mel bands.
    clip_frames : int, default=256
        Length of a clip, in frames (5.94 s at 22 050 Hz, hop 512).
    hop_frames : int, default=51
        Step between clips, in frames (1.19 s).
    aggregation : {"none", "average"}, default="none"
        "none" gives every clip's features; "average" their mean over the recording, a
        table of one row a recording for any scikit-learn estimator.
    n_jobs : int, default=None
        Threads, as joblib counts them; the result does not depend on it.

    See Also
    --------
    singerlearn.baseline.ClipClassifier : Names singers by the features of clips.

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.features import HandcraftedFeatures
    >>> tone = np.sin(0.06 * np.arange(44100 * 10))
    >>> features = HandcraftedFeatures()
    >>> clips = features.fit_transform([(tone, 44100)])
    >>> clips[0].shape
    (4, 56)
    >>> features.get_feature_names_out()[[0, 12, 24, 25, 55]]
    array(['chroma00_mean', 'mfcc00_mean', 'mfcc12_mean', 'centroid_mean',
           'flux_std'], dtype=object)
    """

    _modules = ("librosa.feature.spectral",)
    _parameter_constraints = {
        **_RecordingTransformer._parameter_constraints,
        "n_fft": _WINDOW,
        "n_mfcc": [Interval(Integral, 1, 128, closed="both")],
        "clip_frames": _COUNT,
        "aggregation": [StrOptions({"none", "average"})],
    }

    def __init__(
        self,
        *,
        sampling_rate=22050,
        n_fft=2048,
        hop_length=512,
        n_mfcc=13,
        clip_frames=256,
        hop_frames=51,
        aggregation="none",
        n_jobs=None,
    ):
        self.sampling_rate = sampling_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mfcc = n_mfcc
        self.clip_frames = clip_frames
        self.hop_frames = hop_frames
        self.aggregation = aggregation
        self.n_jobs = n_jobs

    def transform(self, X):
        """Load the recordings and compute their features; no `fit` is needed before.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings.

        Returns
        -------
        clips : list of n_recordings ndarrays of shape (n_clips, n_features)
            In the order of X; or, if ``aggregation="average"``, one table of shape
            (n_recordings, n_features), as `set_output` has it.

        Raises
        ------
        FileNotFoundError, ValueError
            If a recording cannot be read or has nothing to hear; the message names it.
        """
        # librosa multiplies matrices: BLAS threads inside of ours would get in each
        # other's way, and their number could change the last bit.
        with threadpool_limits(limits=1, user_api="blas"):
            clips = super().transform(X)
        if self.aggregation == "none":
            return clips
        table = np.stack([features.mean(axis=0) for features in clips])
        adapter = _get_container_adapter("transform", self)
        if adapter is None:
            return table
        return adapter.create_container(table, X, columns=self.get_feature_names_out())

    def get_feature_names_out(self, input_features=None):
        """Names of the features: all means, then all standard deviations.

        Parameters
        ----------
        input_features : Ignored
            Present by scikit-learn's convention.

        Returns
        -------
        names : ndarray of str of shape (n_features,)
            Such as ``mfcc03_std``.
        """
        frame_features = [
            *(f"chroma{i:02}" for i in range(12)),
            *(f"mfcc{i:02}" for i in range(self.n_mfcc)),
            *("centroid", "rolloff", "flux"),
        ]
        return np.array(
            [f"{name}_{part}" for part in ("mean", "std") for name in frame_features],
            dtype=object,
        )

    def _transform_recording(self, recording):
        frames = frame_features(
            load(recording, self.sampling_rate),
            sampling_rate=self.sampling_rate,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            n_mfcc=self.n_mfcc,
        )
        clip_frames = min(self.clip_frames, frames.shape[1])
        return np.stack(
            [
                np.concatenate([clip.mean(axis=1), clip.std(axis=1)])
                for clip in Chunks(frames, clip_frames, self.hop_frames)
            ]
        )


def as_chunks(X, chunker=None):
    """Return recordings as chunks, whether they come raw or chunked.

    Parameters
    ----------
    X : list of n_recordings paths, waveforms, (waveform, rate) pairs, or Chunks
        All raw or all chunked.
    chunker : transformer, default=None
        Chunks raw recordings; None stands for ``MelChunker()``.

    Returns
    -------
    chunks : list of n_recordings Chunks
        In the order of X.
    """
    if isinstance(X, Chunks):
        raise ValueError("X is one chunked recording; wrap it in a list: [chunks]")
    recordings = check_recordings(X)
    chunked = [isinstance(recording, Chunks) for recording in recordings]
    if all(chunked):
        return recordings
    if any(chunked):
        raise ValueError(
            f"recording {chunked.index(True)} is chunked and recording "
            f"{chunked.index(False)} is not; pass all raw or all chunked"
        )
    chunks = (MelChunker() if chunker is None else chunker).transform(recordings)
    if not all(isinstance(entry, Chunks) for entry in chunks):
        raise ValueError(
            f"{type(chunker).__name__} does not return Chunks; take a chunker such as "
            "MelChunker()"
        )
    return chunks
