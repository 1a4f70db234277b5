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
    """Gives what an embedder makes of each chunk, rather than the mean of them.

    A singer with ten recordings has a hundred chunks, and what changes from chunk to
    chunk is worth learning too. What comes out is what :class:`HandcraftedFeatures`
    gives, a list with the rows of one recording an entry: so
    ``ClipEmbedder(projection)`` fits any projection to the rows of all recordings and
    lays a recording at their mean, and ``ClipClassifier(classifier)`` names singers.

    Parameters
    ----------
    embedder : transformer with ``transform_chunks``
        Such as :class:`SingerEmbedder`; cloned before it is fitted. One that was fitted
        before and shall stay so stands in a `sklearn.frozen.FrozenEstimator`.

    Attributes
    ----------
    embedder_ : transformer
        The fitted embedder.

    See Also
    --------
    singerlearn.ClipEmbedder : A projection over what this gives.

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
            What else the embedder's `fit` takes, such as ``songs``.

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
        """Return where the chunks of recordings lie.

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
        """Say that what `fit` is given beside X and y is for the embedder.

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
