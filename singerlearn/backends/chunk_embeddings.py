"""The chunks' embeddings, for steps that learn from them before they are averaged."""

from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from singerlearn.chunks import ListOutputMixin


class ChunkEmbeddings(
    MetaEstimatorMixin,
    ListOutputMixin,
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    """Returns the embedding of each chunk, rather than their mean over a recording.

    A singer with ten recordings has a hundred chunks, and the variation from chunk to
    chunk is worth learning, too. The output has the form of
    :class:`HandcraftedFeatures`: a list with one array per recording, one row per
    chunk. ``ClipEmbedder(projection)`` can then fit any projection to the rows of all
    recordings and embed each recording as the mean of its rows, and
    ``ClipClassifier(classifier)`` can name singers.

    Parameters
    ----------
    embedder : transformer with ``transform_chunks``
        Such as :class:`SingerEmbedder`; cloned before it is fitted. To use one that is
        already fitted, wrap it in a `sklearn.frozen.FrozenEstimator`.

    Attributes
    ----------
    embedder_ : transformer
        The fitted embedder.

    See Also
    --------
    singerlearn.ClipEmbedder : Fits a projection to this output.

    Examples
    --------
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn.pipeline import make_pipeline
    >>> from singerlearn import ClipEmbedder, SingerEmbedder
    >>> from singerlearn.backends import ChunkEmbeddings
    >>> from singerlearn.datasets import make_singers
    >>> X, y = make_singers(n_singers=3, n_songs=2, random_state=0, return_X_y=True)
    >>> model = make_pipeline(
    ...     ChunkEmbeddings(SingerEmbedder(4, filters=(4, 8), max_epochs=1, verbose=0)),
    ...     ClipEmbedder(LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")),
    ... )
    >>> model.fit(X, y).transform(X).shape
    (6, 2)
    """

    def __init__(self, embedder):
        self.embedder = embedder

    def fit(self, X, y=None, **params):
        """Fit the embedder.

        Parameters
        ----------
        X : list of n_recordings recordings
            As the embedder takes them.
        y : array-like of shape (n_recordings,), default=None
            The singer of each recording.
        **params
            Whatever else the embedder's `fit` takes, such as ``songs``.

        Returns
        -------
        self : ChunkEmbeddings
            With a fitted embedder.

        Raises
        ------
        TypeError
            If the embedder has no ``transform_chunks``.
        """
        if not hasattr(self.embedder, "transform_chunks"):
            raise TypeError(
                f"{type(self.embedder).__name__} has no transform_chunks, which "
                "ChunkEmbeddings asks for; give it an embedder such as SingerEmbedder"
            )
        if get_config()["enable_metadata_routing"]:
            params = process_routing(self, "fit", **params).embedder.fit
        self.embedder_ = clone(self.embedder).fit(X, y, **params)
        return self

    def transform(self, X):
        """Return the embeddings of the recordings' chunks.

        Parameters
        ----------
        X : list of n_recordings recordings
            As in `fit`.

        Returns
        -------
        list of n_recordings arrays of shape (n_chunks, n_components)
        """
        check_is_fitted(self)
        return self._as_configured(self.embedder_.transform_chunks(X), X)

    def get_feature_names_out(self, input_features=None):
        """Return the embedder's names of its dimensions.

        Parameters
        ----------
        input_features : Ignored
            Present by scikit-learn's convention.

        Returns
        -------
        ndarray of shape (n_components,), dtype object
        """
        check_is_fitted(self)
        return self.embedder_.get_feature_names_out()

    def get_metadata_routing(self):
        """Route whatever `fit` is given besides X and y to the embedder.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(
            embedder=self.embedder,
            method_mapping=to_fit.add(caller="fit_transform", callee="fit"),
        )

    def __sklearn_tags__(self):
        """X is a list of recordings, not a table."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags
