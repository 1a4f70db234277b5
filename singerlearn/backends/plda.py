"""Probabilistic linear discriminant analysis for few singers in many dimensions."""

import warnings
from numbers import Real

import numpy as np
from scipy.linalg import eigh
from scipy.special import log_softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.covariance import shrunk_covariance
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from singerlearn.labels import encode_singers


class PLDA(
    ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, BaseEstimator
):
    """Scores whether two embeddings are by the same singer.

    An embedding is modelled as the sum of the mean, the singer's own offset and what
    changes from recording to recording. The latter two are Gaussian; their covariances
    are learned from singers with several recordings (the two-covariance model). This
    gives the likelihood of two embeddings if they are by one singer, and if they are by
    two: the score is the logarithm of the ratio, 0 where both are equally likely. The
    singers that are scored need not be those it learned from.

    Both covariances are estimated by moments, in closed form, and shrunk, since fifteen
    singers leave most directions of an embedding unexplored: without shrinkage, new
    singers would be taken to be alike wherever the fifteen happen to be.

    Parameters
    ----------
    within_shrinkage : "auto" or float in [0, 1], default="auto"
        How far the covariance within singers is shrunk towards a multiple of the
        identity. "auto" is the best for Gaussians, by the oracle approximating formula.
        0 takes the estimate as it is, and needs more recordings than dimensions.
    between_shrinkage : "auto" or float in [0, 1], default="auto"
        The same for the covariance between singers, towards a multiple of that within
        them.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Mean of the recordings in `fit`.
    scalings_ : ndarray of shape (n_features, n_features)
        Projects differences from the mean into the latent space, where dimensions are
        independent and the variance within singers is 1.
    singer_variance_ : ndarray of shape (n_features,)
        Variance between singers in each latent dimension, in falling order.
    classes_ : ndarray of shape (n_singers,)
        The enrolled singers, sorted: at first those of `fit`.
    counts_ : ndarray of shape (n_singers,)
        Number of recordings that each was enrolled with.
    means_ : ndarray of shape (n_singers, n_features)
        The means of these recordings in the latent space.
    n_features_in_ : int
        Dimensions of the embedding.

    See Also
    --------
    sklearn.discriminant_analysis.LinearDiscriminantAnalysis : A projection to fewer
        dimensions than there are singers.

    References
    ----------
    S. Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006.
    N. Brümmer and E. de Villiers, "The speaker partitioning problem", Odyssey 2010.
    Y. Chen et al., "Shrinkage algorithms for MMSE covariance estimation", IEEE
    Transactions on Signal Processing 58 (10), 2010.

    Examples
    --------
    Two recordings of each of three singers, who differ in the first dimension:

    >>> from singerlearn.backends import PLDA
    >>> Z = [[0.0, 0.1], [0.1, 0.9], [2.0, 0.8], [2.1, 0.0], [4.0, 0.9], [4.1, 0.1]]
    >>> plda = PLDA().fit(Z, ["Ann", "Ann", "Bob", "Bob", "Cid", "Cid"])
    >>> plda.predict([[2.2, 0.5]]).tolist()
    ['Bob']
    >>> scores = plda.score_pairs([[5.0, 0.1], [5.0, 0.1]], [[5.1, 0.9], [3.0, 0.1]])
    >>> (scores > 0).tolist()
    [True, False]
    """

    _parameter_constraints = {
        name: [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")]
        for name in ("within_shrinkage", "between_shrinkage")
    }

    def __init__(self, within_shrinkage="auto", between_shrinkage="auto"):
        self.within_shrinkage = within_shrinkage
        self.between_shrinkage = between_shrinkage

    def fit(self, X, y):
        """Learn how singers and recordings differ; enrol these singers.

        Parameters
        ----------
        X : array-like of shape (n_recordings, n_features)
            Embeddings of recordings, or of chunks.
        y : array-like of shape (n_recordings,)
            The singer of each. A singer with a single recording only adds to what is
            known of differences between singers.

        Returns
        -------
        self : PLDA
            The fitted model.

        Raises
        ------
        ValueError
            If there is only one singer, if no singer has two recordings, or if the
            recordings of a singer do not differ, or, without shrinkage, differ in too
            few dimensions.

        Warns
        -----
        UserWarning
            If singers differ no more than recordings of one singer do: every score
            will be 0.
        """
        self._validate_params()
        X, labels = self._validated(X, y)
        self.classes_, self.counts_, means, codes = _by_singer(X, y, labels)
        n_recordings, n_singers = len(X), len(self.counts_)
        if n_singers < 2:
            raise ValueError(
                "PLDA compares singers, but y holds one class only, "
                f"{self.classes_.item()!r}"
            )
        n_within, n_between = n_recordings - n_singers, n_singers - 1
        if n_within == 0:
            raise ValueError(
                "PLDA compares recordings of one singer, but each of the "
                f"{n_singers} classes in y has one; give some singers two or more"
            )
        self.mean_ = X.mean(axis=0)

        if np.allclose(X, means[codes], rtol=1e-12, atol=0):
            raise ValueError(
                "the recordings of each singer have one and the same embedding, but "
                "PLDA learns from how they differ; look at what made X"
            )
        changes = X - means[codes]
        within = changes.T @ changes / n_within
        within = _shrink(within, self.within_shrinkage, n_within)
        whitening = _whitening(within)

        offsets = np.sqrt(self.counts_)[:, None] * ((means - self.mean_) @ whitening)
        spread = offsets.T @ offsets / n_between
        spread = _shrink(spread, self.between_shrinkage, n_between)
        variance, rotation = eigh(spread)  # rising
        # A mean of n recordings varies by the singer, and by 1/n within; with unlike
        # numbers of recordings, this n is what makes the estimate unbiased.
        n = (n_recordings - (self.counts_**2).sum() / n_recordings) / n_between
        self.singer_variance_ = np.maximum(variance[::-1] - 1, 0) / n
        if not self.singer_variance_.any():
            warnings.warn(
                f"the {n_singers} singers differ no more than recordings of one of "
                "them do, so that PLDA cannot tell singers apart; is y the singer of "
                "each row of X?",
                stacklevel=2,
            )
        self.scalings_ = whitening @ rotation[:, ::-1]
        self.means_ = (means - self.mean_) @ self.scalings_
        return self

    def enroll(self, X, y):
        """Name the singers to choose from, in place of those before.

        What was learned in `fit` stays as it is.

        Parameters
        ----------
        X : array-like of shape (n_recordings, n_features)
            Embeddings of recordings.
        y : array-like of shape (n_recordings,)
            The singer of each; one recording per singer will do, several are better.

        Returns
        -------
        self : PLDA
            The same model with other ``classes_``.
        """
        check_is_fitted(self)
        X, labels = self._validated(X, y, reset=False)
        self.classes_, self.counts_, means, _ = _by_singer(X, y, labels)
        self.means_ = (means - self.mean_) @ self.scalings_
        return self

    def transform(self, X):
        """Return the latent space, in which the variance within singers is 1.

        Dimensions are independent; those in which singers differ most come first. Use
        it for what compares by distances: neighbours, t-SNE, and, after a `Normalizer`,
        cosine similarity. Scores know more: how much each dimension tells.

        Parameters
        ----------
        X : array-like of shape (n_recordings, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_recordings, n_features)
        """
        return self._latent(X)

    def score_pairs(self, first, second):
        """Score whether pairs of recordings are by the same singer.

        For trials, take ``first, second = trials.pairs.T`` and then
        ``plda.score_pairs(Z[first], Z[second])``.

        Parameters
        ----------
        first, second : array-like of shape (n_pairs, n_features)
            Embeddings of the two recordings of each pair.

        Returns
        -------
        ndarray of shape (n_pairs,)
            Log-likelihood ratios (natural logarithm): positive where one singer is
            likelier than two. The order within a pair does not matter.
        """
        first, second = self._latent(first), self._latent(second)
        check_consistent_length(first, second)
        product, square, _, constant = self._coefficients(1)
        return (first * second) @ product - (first**2 + second**2) @ square + constant

    def score_matrix(self, first, second):
        """Score every recording against every other.

        Parameters
        ----------
        first : array-like of shape (n_first, n_features)
            Embeddings.
        second : array-like of shape (n_second, n_features)
            Embeddings of what each is compared with, such as a cohort.

        Returns
        -------
        ndarray of shape (n_first, n_second)
            Log-likelihood ratios, as of `score_pairs`.
        """
        second = self._latent(second)
        return self._score(self._latent(first), second, np.ones(len(second)))

    def score_singers(self, X):
        """Score recordings against the enrolled singers.

        Parameters
        ----------
        X : array-like of shape (n_recordings, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_recordings, n_singers)
            Log-likelihood ratios: positive where the enrolled singer is likelier than
            a stranger. All recordings of an enrolled singer count, as independent given
            the singer; columns as in ``classes_``.
        """
        return self._score(self._latent(X), self.means_, self.counts_)

    def predict(self, X):
        """Name the likeliest of the enrolled singers.

        Parameters
        ----------
        X : array-like of shape (n_recordings, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_recordings,)
            Labels out of ``classes_``.
        """
        best = self.score_singers(X).argmax(axis=1)
        return self.classes_[best]

    def predict_log_proba(self, X):
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_recordings, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_recordings, n_singers)
        """
        return log_softmax(self.score_singers(X), axis=1)

    def predict_proba(self, X):
        """Return the probability of each enrolled singer, if it is one of them.

        A priori all are equally probable.

        Parameters
        ----------
        X : array-like of shape (n_recordings, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_recordings, n_singers)
            Rows sum to 1; columns as in ``classes_``.
        """
        return np.exp(self.predict_log_proba(X))

    def _latent(self, X):
        """Check embeddings and return them in the latent space, always as an array."""
        check_is_fitted(self)
        return (self._validated(X, reset=False) - self.mean_) @ self.scalings_

    def _validated(self, X, *y, reset=True):
        if isinstance(X, list) and X and np.ndim(X[0]) == 2 and len(X[0]) != 1:
            # Of such numpy would say something dark.
            raise ValueError(
                "X holds several rows for each recording, of its chunks; put "
                "ClipEmbedder(PLDA()) in the place of PLDA(), or take their means"
            )
        return validate_data(self, X, *y, dtype=np.float64, reset=reset)

    def _score(self, latent, means, counts):
        """Return log-likelihood ratios of points and singers of so many recordings."""
        product, square, square_known, constant = self._coefficients(counts[:, None])
        return (
            latent @ (product * means).T
            - latent**2 @ square.T
            - (square_known * means**2).sum(axis=1)
            + constant
        )

    def _coefficients(self, n):
        """Return what makes u and the mean m of n others a log-likelihood ratio.

        It is the sum over latent dimensions of ``product u m - square u² - square_known
        m²``, plus a constant: log N(u; n v m / (1 + n v), 1 + v / (1 + n v)) - log
        N(u; 0, 1 + v) with the terms collected, v being the singers' variance. The
        first density is of what the n recordings let expect.
        """
        v = self.singer_variance_
        product = n * v / (1 + (n + 1) * v)
        square = product * v / (1 + v) / 2
        square_known = product * n * v / (1 + n * v) / 2
        logarithms = np.log1p(v) + np.log1p(n * v) - np.log1p((n + 1) * v)
        return product, square, square_known, logarithms.sum(axis=-1) / 2

    @property
    def _n_features_out(self):
        """Width of what `transform` returns, from which it has its feature names."""
        return self.scalings_.shape[1]


def _by_singer(X, y, labels):
    """Return singers, sorted, their recordings' numbers and means, and who sings X.

    `labels` are y as an array, in which what is missing from a list has become a name.
    """
    y = y if isinstance(y, list | tuple) else labels
    singers, codes = encode_singers(y, len(X), at_least=1)
    counts = np.bincount(codes)
    first = np.cumsum(counts) - counts
    sums = np.add.reduceat(X[np.argsort(codes, kind="stable")], first)
    return singers, counts, sums / counts[:, None], codes


def _shrink(covariance, shrinkage, n):
    """Draw a covariance towards a multiple of the identity.

    "auto" is the formula of `sklearn.covariance.oas`. That counts the rows it is given;
    n is the degrees of freedom that are left once means are taken off.
    """
    if shrinkage == "auto":
        square, of_mean = np.mean(covariance**2), np.mean(np.diag(covariance)) ** 2
        surplus = (n + 1) * (square - of_mean / len(covariance))
        enough = square + of_mean < surplus
        shrinkage = (square + of_mean) / surplus if enough else 1.0
    return shrunk_covariance(covariance, shrinkage)


def _whitening(within):
    """Return the matrix that gives the covariance within singers the variances 1."""
    variance, directions = eigh(within)  # rising
    n_empty = np.sum(variance < variance[-1] * len(variance) * np.finfo(float).eps)
    if n_empty:
        raise ValueError(
            f"the recordings of a singer do not differ in {n_empty} of {len(variance)} "
            "dimensions; PLDA needs within_shrinkage='auto', or more recordings"
        )
    return directions / np.sqrt(variance)
