"""Turn recordings into classical features of their clips."""

import threading
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_container_adapter
from threadpoolctl import threadpool_limits

from singerlearn.audio import load
from singerlearn.chunks import Chunks, mean_of_each
from singerlearn.features.frames import frame_features
from singerlearn.features.transformer import COUNT, WINDOW, RecordingTransformer


class HandcraftedFeatures(RecordingTransformer, auto_wrap_output_keys=None):
    """Turn recordings into means and standard deviations of features in each clip.

    The paper's baseline (section 3.4): chroma, MFCC, spectral centroid, roll-off and
    flux of clips of about six seconds, which are the same stretches of time as the
    chunks of :class:`MelChunker`. Frame features are computed once per recording, as
    librosa does, and then pooled over clips. Chroma is taken at concert pitch, where
    librosa would tune it to each recording. Flux is the norm of the rise in magnitude
    from the previous frame.

    A recording shorter than a clip becomes one clip of the frames it has. It is not
    padded as a chunk is, since silence would change every mean and deviation. Clips
    that lie entirely 60 dB or more below the loudest moment are left out.

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
        Step between clips, in frames (1.18 s).
    chroma : bool, default=True
        Whether to include chroma, which reflects the notes more than the voice.
    normalize : bool, default=False
        Whether to subtract each recording's mean and bring all to the same level first:
        MFCC and flux depend on the level, which may be the microphone's. Off by
        default, as the paper does not mention it.
    aggregation : {"none", "average"}, default="none"
        "none" gives the features of every clip; "average" their mean over the
        recording: a table with one row per recording, for any scikit-learn estimator. A
        `FeatureUnion` needs such tables: it would stack clips below each other, not
        side by side.
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
        **RecordingTransformer._parameter_constraints,
        "n_fft": WINDOW,
        "n_mfcc": [Interval(Integral, 1, 128, closed="both")],
        "clip_frames": COUNT,
        "chroma": ["boolean"],
        "normalize": ["boolean"],
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
        chroma=True,
        normalize=False,
        aggregation="none",
        n_jobs=None,
    ):
        self.sampling_rate = sampling_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mfcc = n_mfcc
        self.clip_frames = clip_frames
        self.hop_frames = hop_frames
        self.chroma = chroma
        self.normalize = normalize
        self.aggregation = aggregation
        self.n_jobs = n_jobs

    def transform(self, X):
        """Load the recordings and compute their features; no `fit` is needed first.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings.

        Returns
        -------
        clips : list of n_recordings ndarrays of shape (n_clips, n_features)
            In the order of X; or, if ``aggregation="average"``, one table of shape
            (n_recordings, n_features), in the container that `set_output` chose.

        Raises
        ------
        FileNotFoundError, ValueError
            If a recording cannot be read or has nothing to hear; the message names it.
        """
        # librosa multiplies matrices: BLAS threads inside of ours would get in each
        # other's way, and their number could change the last bit.
        with one_blas_thread():
            clips = super().transform(X)
        if self.aggregation == "none":
            return clips
        table = mean_of_each(clips)
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
            *(f"chroma{i:02}" for i in range(12 if self.chroma else 0)),
            *(f"mfcc{i:02}" for i in range(self.n_mfcc)),
            *("centroid", "rolloff", "flux"),
        ]
        return np.array(
            [f"{name}_{part}" for part in ("mean", "std") for name in frame_features],
            dtype=object,
        )

    def _transform_recording(self, recording):
        y = load(recording, self.sampling_rate)
        frames = frame_features(
            _normalized(y) if self.normalize else y,
            sampling_rate=self.sampling_rate,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            n_mfcc=self.n_mfcc,
            chroma=self.chroma,
        )
        clip_frames = min(self.clip_frames, frames.shape[1])
        heard = self._is_heard(y, frames.shape[1])
        clips = (
            frames[:, start : start + clip_frames]
            for start in Chunks(heard[None], clip_frames, self.hop_frames).starts
        )
        return np.stack([np.r_[clip.mean(axis=1), clip.std(axis=1)] for clip in clips])

    def _is_heard(self, y, n_frames):
        """Return which frames are less than 60 dB below the loudest."""
        at, mean = np.arange(0, len(y), self.hop_length), y.mean()
        highest, lowest = np.maximum.reduceat(y, at), np.minimum.reduceat(y, at)
        peaks = np.maximum(highest - mean, mean - lowest)
        heard = np.zeros(n_frames, dtype=bool)
        heard[: len(peaks)] = (peaks > 1e-3 * peaks.max())[:n_frames]
        return heard


_lock = threading.Lock()
_n_inside, _limits = 0, None


@contextmanager
def one_blas_thread():
    """Limit BLAS to one thread, in the whole process, while any caller is inside."""
    global _n_inside, _limits
    with _lock:
        _n_inside += 1
        if _n_inside == 1:
            _limits = threadpool_limits(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _n_inside -= 1
            if _n_inside == 0:
                _limits.restore_original_limits()


def _normalized(y):
    """Bring a waveform to a mean of 0 and a root mean square of 0.1."""
    y = y - float(y.mean(dtype=float))
    norm = np.linalg.norm(y)
    if norm == 0:
        raise ValueError(f"too short: {len(y)} samples without a difference")
    y *= float(0.1 * len(y) ** 0.5 / norm)
    return y
