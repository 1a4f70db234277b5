"""Turn recordings into chunks of their spectrograms."""

import os
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from singerlearn.audio import check_recordings, load
from singerlearn.chunks import Chunks
from singerlearn.features.transformer import (
    COUNT,
    POSITIVE,
    WINDOW,
    RecordingTransformer,
)
from singerlearn.spectrogram import C1_HZ, log_cqt, log_mel, mel_bands
from singerlearn.store import SpectrogramStore

# Revisions of the numbers that `load` gives with `log_mel`, or with `log_cqt`. Raise
# them when the numbers change, so that a store does not serve the old ones.
_REVISIONS = {"mel": 1, "cqt": 2}


class _Chunker(RecordingTransformer):
    """Cuts the spectrogram that its subclass names into chunks."""

    _parameter_constraints = {
        **RecordingTransformer._parameter_constraints,
        "top_db": POSITIVE,
        "chunk_frames": COUNT,
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

    def iter_transform(self, X):
        """Chunk recordings one after the other, for collections beyond memory.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings.

        Returns
        -------
        iterator of Chunks
            In the order of X; each recording is loaded about when it is asked for.

        Raises
        ------
        FileNotFoundError, ValueError
            As `transform` does, but not before the recording's turn.
        """
        return self._iterate(X)

    @property
    def front_end(self):
        """How the spectrograms are made: their kind and its parameters, a dict."""
        others = ("chunk_frames", "hop_frames", "n_jobs", "store")
        names = self._parameter_constraints.keys() - others
        parameters = {name: getattr(self, name) for name in sorted(names)}
        return {"spectrogram": self._kind, **parameters}

    def _check(self, X):
        recordings = super()._check(X)
        self._open_store()
        return recordings

    def _open_store(self):
        if isinstance(self.store, (str, os.PathLike)):
            return SpectrogramStore(self.store)
        return self.store

    def _transform_recording(self, recording):
        front_end = self.front_end

        def compute():
            y = load(recording, self.sampling_rate)
            parameters = {k: v for k, v in front_end.items() if k != "spectrogram"}
            return self._spectrogram(y, **parameters)

        store = self._open_store()
        if store is None:
            spectrogram = compute()
        else:
            key = {**front_end, "revision": _REVISIONS[self._kind]}
            spectrogram = store.fetch(recording, key, compute)
        return Chunks(spectrogram, self.chunk_frames, self.hop_frames, front_end)


class MelChunker(_Chunker, auto_wrap_output_keys=None):
    """Turn recordings into overlapping chunks of their decibel Mel spectrograms.

    The paper's input (section 3.2): decibels relative to the recording's maximum,
    clipped at -60 dB and offset to lie in [0, 60]; chunks of 5.94 s that overlap by
    80 %. The numbers are those of ``librosa.feature.melspectrogram`` and
    ``librosa.power_to_db`` within 0.001 dB. A recording shorter than a chunk is padded
    with silence to one. Chunks that lie entirely 60 dB or more below the loudest moment
    are left out.

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
    fmin, fmax : float, default=0.0 and None
        Where the lowest band begins and the highest ends, in Hz; None means half the
        sampling rate.
    top_db : float, default=60.0
        Range of the decibels: what lies this far below the maximum, or lower, is 0.
    chunk_frames : int, default=256
        Length of a chunk, in frames (5.94 s at 22 050 Hz, hop 512).
    hop_frames : int, default=51
        Step between chunks, in frames (1.18 s).
    store : path or SpectrogramStore, default=None
        A folder that keeps the spectrograms. Set it for cross-validation, for a search,
        or when you will come back to the same recordings: each spectrogram is computed
        once for all folds, processes and runs. After that, a file takes about a
        twentieth of the time or less; a waveform, which is hashed each time, a third.
        The folder is created when needed and may be deleted at any time; four minutes
        of audio take 2 MB. Decibels are rounded by at most 0.0005. A
        :class:`~singerlearn.store.SpectrogramStore` can take half the space (rounding
        more coarsely), and lists and prunes its contents.
    n_jobs : int, default=None
        Threads, as joblib counts them; the result does not depend on it.

    See Also
    --------
    CQTChunker : The same for a constant-Q transform.
    HandcraftedFeatures : Classical features of the same stretches of time.

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
        "n_fft": WINDOW,
        "n_mels": COUNT,
        "fmin": [Interval(Real, 0, None, closed="left")],
        "fmax": [*POSITIVE, None],
    }

    def __init__(
        self,
        *,
        sampling_rate=22050,
        n_fft=2048,
        hop_length=512,
        n_mels=96,
        fmin=0.0,
        fmax=None,
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
        self.fmin = fmin
        self.fmax = fmax
        self.top_db = top_db
        self.chunk_frames = chunk_frames
        self.hop_frames = hop_frames
        self.store = store
        self.n_jobs = n_jobs

    def _check(self, X):
        recordings = super()._check(X)
        # Impossible bands are not the fault of a recording.
        mel_bands(self.sampling_rate, self.n_fft, self.n_mels, self.fmin, self.fmax)
        return recordings


class CQTChunker(_Chunker, auto_wrap_output_keys=None):
    """Turn recordings into overlapping chunks of decibel constant-Q spectrograms.

    The paper's other input, with bands equally spaced on a logarithmic frequency scale:
    transposing a melody only shifts the picture. The numbers are those of
    ``librosa.cqt``, squared, and ``librosa.power_to_db``; chunks and decibels are as
    in :class:`MelChunker`.

    The defaults are semitones over 8 octaves from C1. A ninth octave would not fit
    below half of 22 050 Hz, and with 96 bands the network has as many parameters as
    with Mel: those that the paper's Table 1 counts.

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
        Range of the decibels: what lies this far below the maximum, or lower, is 0.
    chunk_frames : int, default=256
        Length of a chunk, in frames (5.94 s at 22 050 Hz, hop 512).
    hop_frames : int, default=51
        Step between chunks, in frames (1.18 s).
    store : path or SpectrogramStore, default=None
        A folder that keeps the spectrograms, as for :class:`MelChunker`; both may share
        it. It saves most time here, since this transform takes longest.
    n_jobs : int, default=None
        Threads, as joblib counts them; the result does not depend on it.

    See Also
    --------
    MelChunker : The same for a Mel spectrogram; better in every network of the paper.

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
        "n_bins": COUNT,
        "bins_per_octave": COUNT,
        "fmin": POSITIVE,
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


def as_recordings(X):
    """Return X as a list of recordings, all raw or all chunked; none is opened.

    Parameters
    ----------
    X : list of n_recordings paths, waveforms, (waveform, rate) pairs, or Chunks

    Returns
    -------
    recordings : list

    Raises
    ------
    ValueError
        If X is a single recording, empty, mixed, or holds anything else.
    """
    if isinstance(X, Chunks):
        raise ValueError("X is one chunked recording; wrap it in a list: [chunks]")
    recordings = check_recordings(X)
    chunked = [isinstance(recording, Chunks) for recording in recordings]
    if any(chunked) and not all(chunked):
        raise ValueError(
            f"recording {chunked.index(True)} is chunked and recording "
            f"{chunked.index(False)} is not; pass all raw or all chunked"
        )
    return recordings


def as_chunks(X, chunker=None):
    """Return recordings as chunks, whether they come raw or chunked.

    Parameters
    ----------
    X : list of n_recordings paths, waveforms, (waveform, rate) pairs, or Chunks
        All raw or all chunked.
    chunker : transformer, default=None
        Chunks raw recordings; None means ``MelChunker()``.

    Returns
    -------
    chunks : list of n_recordings Chunks
        In the order of X.
    """
    return list(iter_chunks(X, chunker))


def iter_chunks(X, chunker=None):
    """Iterate over recordings as chunks: raw ones are loaded when their turn comes.

    Parameters
    ----------
    X, chunker
        As for `as_chunks`. A chunker without ``iter_transform`` loads all at once.

    Yields
    ------
    Chunks
        In the order of X.
    """
    recordings = as_recordings(X)
    if isinstance(recordings[0], Chunks):
        yield from recordings
        return
    chunker = MelChunker() if chunker is None else chunker
    transform = getattr(chunker, "iter_transform", chunker.transform)
    for entry in transform(recordings):
        if not isinstance(entry, Chunks):
            raise ValueError(
                f"{type(chunker).__name__} does not return Chunks; take a chunker such "
                "as MelChunker()"
            )
        yield entry
