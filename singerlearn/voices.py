"""What the library knows of voices beforehand, as features of a recording's chunks."""

import os
from numbers import Integral

import numpy as np
from sklearn.preprocessing import StandardScaler

from singerlearn.backends import PLDA
from singerlearn.embedder import SingerEmbedder
from singerlearn.features import HandcraftedFeatures
from singerlearn.features.transformer import RecordingTransformer
from singerlearn.labels import encode_singers
from singerlearn.pretrained import SHIPPED, load_space, save_space
from singerlearn.store import SpectrogramStore


class VoiceFeatures(RecordingTransformer, auto_wrap_output_keys=None):
    """Recordings to what tells voices apart in each chunk, whatever is sung.

    Hand-crafted features and a pretrained encoder's embedding stand side by side, and
    are seen in a space that was learned from singers in many songs: there everything
    varies equally, and independently, while a singer goes on to other songs
    (within-class covariance normalisation). The space that comes with the library has
    been learned from synthetic singers, as its encoder has, so that no recording is
    needed to compare voices, and few are enough to name them. There is nothing to fit.

    Parameters
    ----------
    pretrained : str or Path, default="synthetic-singers"
        The encoder, as for :meth:`SingerEmbedder.from_pretrained`.
    whiten : bool, default=True
        Whether the features are seen in the learned space, which
        :func:`~singerlearn.voices.learn_space` has kept beside the encoder; else they
        stay as they are.
    store : path or SpectrogramStore, default=None
        Keeps spectrograms, as for :class:`MelChunker`.
    device : str, default="auto"
        Where the encoder is computed: "cpu", "cuda", ...; "auto" takes a GPU where
        there is one.
    n_jobs : int, default=None
        Threads that read recordings, as joblib counts them.

    See Also
    --------
    ClipClassifier : Names singers by the features of chunks.
    ClipEmbedder : Lays recordings out by them.

    References
    ----------
    A. Hatch, S. Kajarekar and A. Stolcke, "Within-class covariance normalization for
    SVM-based speaker recognition", Interspeech 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn.pipeline import make_pipeline
    >>> from singerlearn import ClipClassifier, VoiceFeatures
    >>> from singerlearn.datasets import make_singers
    >>> X, y = make_singers(n_singers=2, n_songs=2, random_state=0, return_X_y=True)
    >>> voices = VoiceFeatures()
    >>> voices.transform(X)[0].shape
    (4, 120)
    >>> names = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.5)
    >>> model = make_pipeline(voices, ClipClassifier(names)).fit(X, y)
    >>> model.predict(X).tolist()
    ['singer01', 'singer01', 'singer02', 'singer02']
    """

    _parameter_constraints = {
        "pretrained": [str, os.PathLike],
        "whiten": ["boolean"],
        "store": [str, os.PathLike, SpectrogramStore, None],
        "device": [str],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, pretrained=SHIPPED, *, whiten=True, store=None, device="auto", n_jobs=None
    ):
        self.pretrained = pretrained
        self.whiten = whiten
        self.store = store
        self.device = device
        self.n_jobs = n_jobs

    def transform(self, X):
        """Load the recordings and describe their chunks; no `fit` is needed before.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings.

        Returns
        -------
        list of n_recordings ndarrays of shape (n_chunks, n_features)
            In the order of X. Whitened, they are compared by Euclidean distance, or by
            angle.

        Raises
        ------
        FileNotFoundError, ValueError
            If a recording cannot be read or has nothing to hear (the message names it),
            or if there is no such encoder, or no space beside it.
        """
        recordings = self._check(X)
        space = load_space(self.pretrained) if self.whiten else None
        encoder = SingerEmbedder.from_pretrained(self.pretrained, device=self.device)
        chunker, clipper = self._front_ends(encoder)
        clips = clipper.transform(recordings)
        embedded = encoder.transform_chunks(chunker.transform(recordings))
        features = [np.hstack(pair) for pair in zip(clips, embedded, strict=True)]
        if space is None:
            return features
        mean, scalings = space
        return [(chunks - mean) @ scalings for chunks in features]

    def get_feature_names_out(self, input_features=None):
        """Names of the features: of the space's dimensions, or of what is in it.

        Parameters
        ----------
        input_features : Ignored
            Present by scikit-learn's convention.

        Returns
        -------
        names : ndarray of str of shape (n_features,)
            Such as ``voice007``, those in which singers differ most first; or
            ``mfcc03_std`` and ``singerembedder07``.
        """
        encoder = SingerEmbedder.from_pretrained(self.pretrained, device="cpu")
        steps = self._front_ends(encoder)[1], encoder
        names = np.concatenate([step.get_feature_names_out() for step in steps])
        if not self.whiten:
            return names
        return np.array([f"voice{i:03}" for i in range(len(names))], dtype=object)

    def _front_ends(self, encoder):
        """Return the encoder's chunker, and what describes the same chunks as clips."""
        chunker = encoder.chunker
        if chunker is None:
            raise ValueError(
                f"the encoder {str(self.pretrained)!r} was trained on chunks that do "
                "not say how they were made, so recordings cannot be made into such"
            )
        alike = ("sampling_rate", "n_fft", "hop_length", "hop_frames")
        frames = {k: v for k, v in chunker.get_params().items() if k in alike}
        clipper = HandcraftedFeatures(
            clip_frames=chunker.chunk_frames, n_jobs=self.n_jobs, **frames
        )
        return chunker.set_params(store=self.store, n_jobs=self.n_jobs), clipper


def learn_space(pretrained, recordings, singers, *, device="auto", n_jobs=None):
    """Learn the space in which `VoiceFeatures` sees voices, and keep it.

    It is the latent space of :class:`PLDA`: what changes from one recording of a singer
    to another has variance 1 in every dimension, and dimensions in which singers differ
    most come first.

    Parameters
    ----------
    pretrained : str or Path
        Folder of the encoder, where the space will lie, too.
    recordings : list of n_recordings paths, waveforms or (waveform, rate) pairs
        Of many singers, hundreds rather than dozens, each in several songs. The encoder
        should not have been trained on them, or will seem to know them too well.
    singers : array-like of shape (n_recordings,)
        Who sings each.
    device, n_jobs
        As for `VoiceFeatures`.

    Raises
    ------
    FileNotFoundError, ValueError
        If a recording cannot be used, if there is no such encoder, if lengths disagree,
        or if singers have one recording each.
    """
    voices = VoiceFeatures(pretrained, whiten=False, device=device, n_jobs=n_jobs)
    names, codes = encode_singers(singers, len(recordings))
    features = voices.transform(recordings)
    whose = np.repeat(names[codes], [len(chunks) for chunks in features])
    scaler, plda = StandardScaler(), PLDA()
    plda.fit(scaler.fit_transform(np.concatenate(features)), whose)
    # Both steps as one, from features as they are.
    scalings = plda.scalings_ / scaler.scale_[:, None]
    save_space(pretrained, scaler.mean_ + plda.mean_ * scaler.scale_, scalings)
