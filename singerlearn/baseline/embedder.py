"""Embed recordings by a scikit-learn transformer over their clips."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.pipeline import make_pipeline

from singerlearn.baseline.clips import OverClips, stack_clips
from singerlearn.chunks import by_recording, mean_of_each
from singerlearn.labels import encode_singers


class ClipEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, OverClips):
    """Embeds recordings by what a scikit-learn transformer makes of their clips.

    The inner transformer learns from all clips of all recordings, each labelled with
    its recording's singer; the embedding of a recording is the mean over its clips, as
    in :class:`SingerEmbedder`. For raw recordings, use
    ``make_pipeline(HandcraftedFeatures(), ClipEmbedder())``.

    Parameters
    ----------
    estimator : transformer, default=None
        Any scikit-learn transformer; cloned before it is fitted. None means
        standardised features projected by linear discriminant analysis, into
        ``min(n_singers - 1, n_features)`` dimensions.

    Attributes
    ----------
    estimator_ : transformer
        The fitted inner transformer.
    n_features_in_ : int
        Features per clip.

    See Also
    --------
    SingerEmbedder : The networks, on spectrograms or raw recordings.

    Examples
    --------
    Three recordings, of one or two clips with two features, become points on a line:

    >>> from singerlearn.baseline import ClipEmbedder
    >>> X = [[[0.0, 1.0], [0.2, 0.9]], [[1.0, 0.0], [0.9, 0.2]], [[0.1, 1.1]]]
    >>> clips = ClipEmbedder().fit(X, ["Ann", "Bob", "Ann"])
    >>> clips.transform(X).shape
    (3, 1)
    """

    def __init__(self, estimator=None):
        self.estimator = estimator

    def fit(self, X, y=None):
        """Fit the inner transformer on the clips of all recordings.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As `HandcraftedFeatures` makes them.
        y : array-like of shape (n_recordings,), default=None
            The singer of each recording; None for an inner transformer that does not
            need it, such as `PCA`.

        Returns
        -------
        self : ClipEmbedder
            The fitted embedder.

        Raises
        ------
        ValueError
            If a recording's clips cannot be used (the message names it), if lengths
            disagree, or if discriminant analysis lacks the singers, a second singer, or
            enough recordings.
        """
        clips, n_clips = stack_clips(X)
        if y is not None:
            names, codes = encode_singers(y, len(n_clips), at_least=1)
            y = names[codes.repeat(n_clips)]
        elif self.estimator is None:
            raise ValueError(
                "discriminant analysis learns from singers: fit(X, y) with the singer "
                "of each recording"
            )
        estimator = _lda() if self.estimator is None else clone(self.estimator)
        self._fit_inner(estimator, clips, y, len(n_clips))
        self._n_features_out = self.estimator_.transform(clips[:1]).shape[1]
        if self._n_features_out == 0:
            raise ValueError(
                f"{type(self).__name__} is left with no dimension; discriminant "
                "analysis needs recordings of at least two singers"
            )
        return self

    def transform(self, X):
        """Return the embeddings of recordings: the means over their clips.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_recordings, n_components)
            Compare them by Euclidean distance.
        """
        return mean_of_each(self.transform_chunks(X))

    def transform_chunks(self, X):
        """Return the embeddings of the recordings' clips.

        Parameters
        ----------
        X : list of n_recordings arrays of shape (n_clips, n_features)
            As in `fit`.

        Returns
        -------
        list of ndarray of shape (n_clips, n_components)
            One entry per recording.
        """
        clips, n_clips = self._check(X)
        return by_recording(np.asarray(self.estimator_.transform(clips)), n_clips)


def _lda():
    """Return scaled discriminant analysis: only its tolerance depends on the scale."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())
