"""Features of a recording's chunks that describe the voice, without any training."""

import os
from numbers import Integral

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import StrOptions

from singerlearn.backends import PLDA
from singerlearn.chunks import in_groups
from singerlearn.embedder import SingerEmbedder
from singerlearn.features import HandcraftedFeatures
from singerlearn.features.transformer import RecordingTransformer
from singerlearn.labels import encode_singers
from singerlearn.pretrained import (
    ENCODERS,
    SHIPPED,
    fingerprint,
    load_space,
    locate,
    read_card,
    save_space,
)
from singerlearn.store import SpectrogramStore

# Chunks whose spectrograms, and hidden layers of thousands of numbers each, are in
# memory together.
AT_ONCE = 2_000


class _EveryClip(HandcraftedFeatures, auto_wrap_output_keys=None):
    """Keeps silent clips, too: the spectrogram decides which chunks are heard."""

    def _is_heard(self, y, n_frames):
        return np.ones(n_frames, dtype=bool)


class VoiceFeatures(RecordingTransformer, auto_wrap_output_keys=None):
    """Turn recordings into features of each chunk that tell voices, not songs, apart.

    Each chunk is described by hand-crafted features and by what a pretrained encoder
    makes of it, side by side. The hand-crafted features are those of
    :class:`HandcraftedFeatures` without chroma, which reflects the notes, and with all
    recordings brought to the same level, which reflects the microphone.

    By default they are mapped into a space that was learned from singers in many songs.
    As a singer goes from song to song, all dimensions of this space vary equally and
    independently (within-class covariance normalisation). The space that comes with the
    library was learned from synthetic singers, like its encoder, so voices can be
    compared without any recordings to learn from.

    `fit` learns nothing, but it remembers the encoder's weights: a fitted transformer
    refuses to work if the encoder's folder holds other weights later.

    Parameters
    ----------
    pretrained : str or Path, default="synthetic-singers"
        The encoder, as for :meth:`SingerEmbedder.from_pretrained`.
    whiten : bool, default=True
        True to compare voices: the features, with the encoder's hidden layer, are
        mapped into the learned space, which
        :func:`~singerlearn.voices.learn_space` stored beside the encoder. False to name
        known singers: the features, with the encoder's output, stay as they are, for a
        classifier that learns by itself what varies, such as discriminant analysis with
        shrunken covariances.
    store : path or SpectrogramStore, default=None
        Keeps the encoder's spectrograms, as for :class:`MelChunker`. That saves a fifth
        of the time at most, since clips are computed each time: to use features more
        than once, keep what `transform` returns.
    device : str, default="auto"
        Where the encoder runs: "cpu", "cuda", ...; "auto" takes a GPU if there is one.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What the encoder's convolutions compute in; "auto" is bfloat16 if the device is
        fast in it, which moves features by a few thousandths of their spread.
    n_jobs : int, default=None
        Threads that read recordings, as joblib counts them.

    Attributes
    ----------
    fingerprint_ : ndarray of shape (1,)
        A checksum of the encoder's weights, set by `fit`.

    See Also
    --------
    ClipClassifier : Names singers by the features of chunks.
    ClipEmbedder : Embeds recordings by the features of chunks.

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
    >>> VoiceFeatures().transform(X)[0].shape
    (4, 132)
    >>> names = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    >>> model = make_pipeline(VoiceFeatures(whiten=False), ClipClassifier(names))
    >>> model = model.fit(X, y)
    >>> model.predict(X).tolist()
    ['singer01', 'singer01', 'singer02', 'singer02']
    """

    _parameter_constraints = {
        "pretrained": [str, os.PathLike],
        "whiten": ["boolean"],
        "store": [str, os.PathLike, SpectrogramStore, None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        pretrained=SHIPPED,
        *,
        whiten=True,
        store=None,
        device="auto",
        precision="auto",
        n_jobs=None,
    ):
        self.pretrained = pretrained
        self.whiten = whiten
        self.store = store
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the parameters, the encoder, and that X is a list of recordings.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings; none is opened.
        y : Ignored
            Present by scikit-learn's convention.

        Returns
        -------
        self : VoiceFeatures
            The transformer, which has learned nothing but the checksum of the encoder.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is no such encoder.
        """
        super().fit(X)
        read_card(self.pretrained)
        self.fingerprint_ = fingerprint(self.pretrained)
        return self

    def transform(self, X):
        """Load the recordings and describe their chunks; no `fit` is needed first.

        Parameters
        ----------
        X : list of n_recordings paths, waveforms or (waveform, sampling_rate) pairs
            The recordings.

        Returns
        -------
        list of n_recordings ndarrays of shape (n_chunks, n_features)
            In the order of X. To compare recordings by whitened features, take the mean
            over each one's chunks, and compare means by cosine similarity or Euclidean
            distance.

        Raises
        ------
        FileNotFoundError, ValueError
            If a recording cannot be read or has nothing to hear (the message names it),
            or if there is no such encoder, no space beside it, or another encoder than
            in `fit`.
        """
        recordings = self._check(X)
        read_card(self.pretrained)
        own = fingerprint(self.pretrained)
        if own != getattr(self, "fingerprint_", own):
            raise ValueError(
                f"the encoder {str(self.pretrained)!r} is not the one this was fitted "
                "with: put that one back, or fit again whatever learns from it"
            )
        if not self.whiten:
            features = list(self._side_by_side(recordings, "output"))
            return self._as_configured(features, X)
        scalings, offset = load_space(self.pretrained)
        features = []
        for chunks in self._side_by_side(recordings, "hidden"):
            if chunks.shape[1] != len(scalings):
                raise ValueError(
                    f"the space beside {str(self.pretrained)!r} is of {len(scalings)} "
                    f"features, but these are {chunks.shape[1]}; learn "
                    "it again with singerlearn.voices.learn_space"
                )
            features.append(chunks @ scalings + offset)
        return self._as_configured(features, X)

    def get_feature_names_out(self, input_features=None):
        """Names of the features: dimensions of the space or, unwhitened, all features.

        Parameters
        ----------
        input_features : Ignored
            Present by scikit-learn's convention.

        Returns
        -------
        names : ndarray of str of shape (n_features,)
            Such as ``voice007``, the dimensions in which singers differ most first; or,
            unwhitened, such as ``mfcc03_std`` and ``singerembedder7``.
        """
        if self.whiten:
            n_dimensions = len(load_space(self.pretrained)[1])
            return np.array([f"voice{i:03}" for i in range(n_dimensions)], dtype=object)
        encoder, _, clipper = self._parts("output")
        parts = [part.get_feature_names_out() for part in (clipper, encoder)]
        return np.concatenate(parts)

    def _side_by_side(self, recordings, layer):
        """Yield the features of each recording's chunks, not whitened."""
        encoder, chunker, clipper = self._parts(layer)
        clips = iter(clipper.transform(recordings))
        for some in in_groups(chunker.iter_transform(recordings), AT_ONCE):
            for own, embedded in zip(some, encoder.transform_chunks(some), strict=True):
                yield np.hstack([next(clips)[own.starts // own.hop_frames], embedded])

    def _parts(self, layer):
        """Return the encoder, its chunker, and a transformer for the same clips."""
        encoder = SingerEmbedder.from_pretrained(
            self.pretrained,
            device=self.device,
            precision=self.precision,
            layer=layer,
        )
        chunker = encoder.chunker
        if chunker is None:
            raise ValueError(
                f"the encoder {str(self.pretrained)!r} was trained on chunks that do "
                "not say how they were made, so recordings cannot be made into such"
            )
        alike = ("sampling_rate", "n_fft", "hop_length", "hop_frames")
        frames = {k: v for k, v in chunker.get_params().items() if k in alike}
        clipper = _EveryClip(
            clip_frames=chunker.chunk_frames,
            chroma=False,
            normalize=True,
            n_jobs=self.n_jobs,
            **frames,
        )
        chunker.set_params(store=self.store, n_jobs=self.n_jobs)
        return encoder, chunker, clipper


def learn_space(
    pretrained, recordings, singers, *, n_components=100, device="auto", n_jobs=None
):
    """Learn the space that `VoiceFeatures` maps voices into, and store it.

    It is the latent space of :class:`PLDA`: in every dimension, chunks of the same
    singer vary with variance 1, and the dimensions in which singers differ most come
    first.

    Parameters
    ----------
    pretrained : str or Path
        Folder of the encoder; the space is stored there, too.
    recordings : list of n_recordings paths, waveforms or (waveform, rate) pairs
        Of many singers, hundreds rather than dozens, each in several songs. The encoder
        should not have been trained on them, or it will seem to know them too well.
    singers : array-like of shape (n_recordings,)
        The singer of each recording.
    n_components : int, default=100
        How many principal components of the encoder's hidden layer to keep, at most.
    device, n_jobs
        As for `VoiceFeatures`.

    Raises
    ------
    FileNotFoundError, ValueError
        If a recording cannot be used, if there is no such encoder or it is the
        library's own, if lengths disagree, or if a singer has only one recording.
    """
    if locate(pretrained).resolve() in ENCODERS.values():
        raise ValueError(
            f"{pretrained!r} comes with the library, and so does its space; keep a "
            "copy of the encoder to learn another: "
            "SingerEmbedder.from_pretrained().save_pretrained(folder)"
        )
    voices = VoiceFeatures(pretrained, device=device, n_jobs=n_jobs)
    recordings = voices._check(recordings)
    names, codes = encode_singers(singers, len(recordings))
    n_recordings = np.bincount(codes)
    if n_recordings.min() < 2:
        raise ValueError(
            f"{names.tolist()[n_recordings.argmin()]!r} has one recording only, which "
            "does not tell what changes from one to the next: give more of each "
            "singer, or leave the singer out"
        )
    features = list(voices._side_by_side(recordings, "hidden"))
    whose = np.repeat(names[codes], [len(chunks) for chunks in features])
    features = np.concatenate(features)
    _, _, clipper = voices._parts("hidden")
    is_clip = np.arange(features.shape[1]) < len(clipper.get_feature_names_out())
    most = min(n_components, len(features) - 1, np.sum(~is_clip))
    # The randomised solver would give another space in another run.
    main = PCA(most, whiten=True, svd_solver="covariance_eigh")
    beside = make_column_transformer(
        (StandardScaler(), is_clip), (make_pipeline(StandardScaler(), main), ~is_clip)
    )
    space = make_pipeline(beside, PLDA()).set_output(transform="default")
    space.fit(features, whose)
    # All its steps are affine: zeros give the offset, and unit vectors the scalings.
    offset = space.transform(np.zeros((1, len(is_clip))))[0]
    save_space(pretrained, space.transform(np.eye(len(is_clip))) - offset, offset)
