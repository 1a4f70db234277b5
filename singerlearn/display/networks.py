"""Find the network to draw, in an estimator, a pipeline or a search."""


def network_with(estimator, attribute):
    """Return an estimator, or the one in a pipeline or search, that has an attribute.

    Raises
    ------
    NotFittedError
        If it was not fitted.
    ValueError
        If it was fitted, and still has no such attribute.
    """
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    while not hasattr(estimator, attribute):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        else:
            check_is_fitted(estimator)
            raise ValueError(
                f"{type(estimator).__name__} has no {attribute}; the picture is of a "
                "SingerNetClassifier or a SingerEmbedder, or of a pipeline or search "
                "that ends with one"
            )
    return estimator
