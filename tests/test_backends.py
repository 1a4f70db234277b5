import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import helmert
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal, ortho_group
from sklearn.covariance import oas
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.utils import estimator_checks

from singerlearn.backends import PLDA
from singerlearn.metrics import equal_error_rate, make_trials

RAW = dict(within_shrinkage=0.0, between_shrinkage=0.0)


def draw(rng, n_singers, counts, n_features, strength=1.0):
    """Embeddings drawn from the model, with covariances that have nothing in common."""
    codes = np.repeat(np.arange(n_singers), counts)
    singers = rng.randn(n_singers, n_features) * np.geomspace(3, 0.3, n_features)
    mixing = rng.randn(n_features, n_features) / np.sqrt(n_features)
    changes = rng.randn(len(codes), n_features) @ mixing
    return 5 + strength * singers[codes] + changes, codes


@pytest.fixture
def unbalanced(rng):
    """Embeddings of four dimensions, of five singers with one to seven recordings."""
    return draw(rng, 5, [1, 2, 7, 4, 5], 4)


def covariances(plda):
    """What a fitted model says of recordings of one singer, and of singers."""
    within = np.linalg.inv(plda.scalings_ @ plda.scalings_.T)
    projection = within @ plda.scalings_
    return within, projection * plda.singer_variance_ @ projection.T


def log_density(plda, Z):
    """Joint log density of recordings that one singer sings all."""
    within, between = covariances(plda)
    n = len(Z)
    covariance = np.kron(np.eye(n), within) + np.kron(np.ones((n, n)), between)
    joint = multivariate_normal(np.tile(plda.mean_, n), covariance)
    return joint.logpdf(np.ravel(Z))


def singers_eer(scores, y):
    trials = make_trials(y)
    return equal_error_rate(trials.is_target, scores[tuple(trials.pairs.T)])


def negative_distances(Z):
    return -cdist(Z, Z, "sqeuclidean")


@pytest.mark.filterwarnings("ignore:the . singers differ no more")
@estimator_checks.parametrize_with_checks([PLDA()])
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("parameters", [{}, RAW])
def test_scores_are_ratios_of_joint_gaussians(unbalanced, rng, parameters):
    Z, y = unbalanced
    plda = PLDA(**parameters).fit(Z, y)
    first, second = Z[:9], 5 + 2 * rng.randn(9, 4)
    expected = [
        log_density(plda, [a, b]) - log_density(plda, [a]) - log_density(plda, [b])
        for a, b in zip(first, second, strict=True)
    ]
    assert_allclose(plda.score_pairs(first, second), expected)
    assert_allclose(np.diag(plda.score_matrix(first, second)), expected)
    assert_array_equal(plda.score_pairs(first, second), plda.score_pairs(second, first))


def test_enrolment_counts_every_recording(unbalanced, rng):
    Z, y = unbalanced
    plda = PLDA().fit(Z, y)
    heard = 5 + 2 * rng.randn(3, 4)
    expected = [
        [
            log_density(plda, [z, *Z[y == singer]])
            - log_density(plda, Z[y == singer])
            - log_density(plda, [z])
            for singer in plda.classes_
        ]
        for z in heard
    ]
    assert_allclose(plda.score_singers(heard), expected)
    assert plda.counts_.tolist() == [1, 2, 7, 4, 5]
    ratios = np.exp(expected)
    assert_allclose(
        plda.predict_proba(heard), ratios / ratios.sum(axis=1, keepdims=True)
    )
    assert_allclose(np.exp(plda.predict_log_proba(heard)), plda.predict_proba(heard))
    assert_array_equal(plda.predict(heard), np.argmax(expected, axis=1))


def test_other_singers_can_be_enrolled(unbalanced, rng):
    Z, y = unbalanced
    plda = PLDA().fit(Z, y)
    before = plda.score_pairs(Z[:5], Z[5:10])
    new = 5 + 2 * rng.randn(4, 4)
    assert plda.enroll(new, ["Dan", "Ann", "Cid", "Bob"]) is plda
    assert plda.classes_.tolist() == ["Ann", "Bob", "Cid", "Dan"]
    assert_allclose(plda.score_singers(Z), plda.score_matrix(Z, new[[1, 3, 2, 0]]))
    assert_array_equal(plda.score_pairs(Z[:5], Z[5:10]), before)
    assert plda.enroll(new[:1], ["Ann"]).predict(new).tolist() == ["Ann"] * 4


def test_covariances_by_moments(unbalanced):
    Z, y = unbalanced
    n_recordings, n_singers, mean = len(Z), 5, sum(Z) / len(Z)
    within, spread, squares = np.zeros((4, 4)), np.zeros((4, 4)), 0
    for singer in range(n_singers):
        own = [z for z, label in zip(Z, y, strict=True) if label == singer]
        centre = sum(own) / len(own)
        for z in own:
            within += np.outer(z - centre, z - centre) / (n_recordings - n_singers)
        spread += len(own) * np.outer(centre - mean, centre - mean)
        squares += len(own) ** 2
    between = (spread - (n_singers - 1) * within) / (n_recordings - squares / len(Z))
    fitted = covariances(PLDA(**RAW).fit(Z, y))
    assert_allclose(fitted[0], within)
    # What is left of the estimate once its negative variances are taken for none.
    variance, directions = np.linalg.eig(np.linalg.solve(within, between))
    directions = directions / np.sqrt(np.sum(directions * (within @ directions), 0))
    projected = within @ directions
    assert_allclose(fitted[1], projected * np.maximum(variance, 0) @ projected.T)


def test_expectation_maximisation_leaves_it_where_it_is(rng):
    n_singers, n, d = 12, 4, 3
    Z, y = draw(rng, n_singers, n, d, strength=3.0)
    plda = PLDA(**RAW).fit(Z, y)
    assert plda.singer_variance_.min() > 0
    within, between = covariances(plda)
    # The likelihood takes the mean for known, and so divides by one singer more.
    between = (n * between + within) * (n_singers - 1) / n_singers - within
    between /= n
    posterior = np.linalg.inv(np.linalg.inv(between) + n * np.linalg.inv(within))
    means = np.stack([Z[y == singer].mean(axis=0) for singer in range(n_singers)])
    offsets = (means - Z.mean(axis=0)) @ np.linalg.inv(within) * n @ posterior
    changes = Z - Z.mean(axis=0) - offsets[y]
    assert_allclose(offsets.T @ offsets / n_singers + posterior, between)
    assert_allclose(changes.T @ changes / len(Z) + posterior, within)


def test_it_finds_the_covariances_of_many_singers(rng):
    n_singers, d = 3000, 3
    root = rng.randn(2, d, d)
    offsets, changes = rng.randn(n_singers, d), rng.randn(4 * n_singers, d)
    y = np.repeat(np.arange(n_singers), 4)
    Z = offsets[y] @ root[0] + changes @ root[1]
    fitted = covariances(PLDA().fit(Z, y))
    assert_allclose(fitted[0], root[1].T @ root[1], atol=0.15)
    assert_allclose(fitted[1], root[0].T @ root[0], atol=0.5)


def test_shrinkage_is_scikit_learn_s_of_independent_contrasts(rng):
    n_singers, n, d = 6, 3, 8
    Z, y = draw(rng, n_singers, n, d)
    plda = PLDA().fit(Z, y)
    singers = Z.reshape(n_singers, n, d)
    within = oas(np.vstack(helmert(n) @ singers), assume_centered=True)[0]
    assert_allclose(covariances(plda)[0], within)
    root = np.linalg.cholesky(np.linalg.inv(within))
    contrasts = helmert(n_singers) @ singers.mean(axis=1) * np.sqrt(n) @ root
    variance = np.linalg.eigvalsh(oas(contrasts, assume_centered=True)[0])
    assert_allclose(plda.singer_variance_, np.maximum(variance[::-1] - 1, 0) / n)
    half = covariances(PLDA(within_shrinkage=0.5).fit(Z, y))[0]
    raw = covariances(PLDA(within_shrinkage=0.0).fit(Z, y))[0]
    assert_allclose(half, (raw + np.trace(raw) / d * np.eye(d)) / 2)


def test_the_latent_space(rng):
    Z, y = draw(rng, 9, 6, 5)
    plda = PLDA(**RAW).fit(Z, y)
    latent = plda.transform(Z).reshape(9, 6, 5)
    changes = (latent - latent.mean(axis=1, keepdims=True)).reshape(-1, 5)
    assert_allclose(changes.T @ changes / (54 - 9), np.eye(5), atol=1e-12)
    means = latent.mean(axis=1)
    assert_allclose(means.mean(axis=0), 0, atol=1e-12)
    spread = 6 * means.T @ means / 8
    variance = np.diag(spread)
    assert_allclose(spread, np.diag(variance), atol=1e-10)
    assert (np.diff(variance) < 0).all()
    assert_allclose(plda.singer_variance_, np.maximum(variance - 1, 0) / 6)


@pytest.mark.parametrize("within_shrinkage", [0.0, "auto"])
def test_scores_do_not_depend_on_the_coordinates(rng, within_shrinkage):
    Z, y = draw(rng, 8, 4, 5)
    trial = Z[::3], Z[1::3]
    if within_shrinkage == 0:
        move = rng.randn(5, 5)  # any invertible map
    else:
        move = 7 * ortho_group.rvs(5, random_state=rng)  # as the identity demands
    plda = PLDA(within_shrinkage)
    scores = plda.fit(Z, y).score_pairs(*(t[:10] for t in trial))
    moved = plda.fit(Z @ move + 3, y).score_pairs(*(t[:10] @ move + 3 for t in trial))
    assert_allclose(moved, scores)


def test_the_order_of_recordings_is_irrelevant(unbalanced, rng):
    Z, y = unbalanced
    order = rng.permutation(len(Z))
    scores = [
        model.score_matrix(Z, Z[:3])
        for model in (PLDA().fit(Z, y), PLDA().fit(Z[order], y[order]))
    ]
    assert_allclose(*scores)


def test_it_beats_cosine_on_data_of_its_own_model(rng):
    Z, y = draw(rng, 230, 6, 12)
    plda = PLDA().fit(Z[: 200 * 6], y[: 200 * 6])
    new, singers = Z[200 * 6 :], y[200 * 6 :]
    of_plda = singers_eer(plda.score_matrix(new, new), singers)
    centred = new - Z.mean(axis=0)
    assert of_plda < singers_eer(cosine_similarity(centred), singers) - 0.05
    latent = plda.transform(new)
    assert of_plda < singers_eer(negative_distances(latent), singers)


def test_shrinkage_helps_where_singers_are_few(rng):
    gains = []
    for _ in range(3):
        # 15 singers to learn from and 25 new ones, who differ in all of 40 dimensions.
        codes = np.repeat(np.arange(40), 6)
        Z = rng.randn(40, 40)[codes] * 0.7 + rng.randn(240, 40)
        known, new = codes < 15, codes >= 15
        eer = [
            singers_eer(plda.score_matrix(Z[new], Z[new]), codes[new])
            for plda in (
                PLDA(between_shrinkage=shrinkage).fit(Z[known], codes[known])
                for shrinkage in (0.0, "auto")
            )
        ]
        gains.append(eer[0] - eer[1])
    assert min(gains) > 0.03


def test_more_dimensions_than_recordings(rng):
    Z, y = draw(rng, 4, 3, 30)
    plda = PLDA().fit(Z, y)
    assert np.isfinite(plda.score_matrix(Z, Z)).all()
    assert plda.score(Z, y) == 1.0
    with pytest.raises(ValueError, match=r"in 22 of 30 dimensions.*'auto'"):
        PLDA(within_shrinkage=0.0).fit(Z, y)


def test_singers_who_do_not_differ(rng):
    Z, y = rng.randn(40, 2), np.arange(40) % 2
    Z -= np.stack([Z[y == singer].mean(axis=0) for singer in (0, 1)])[y]
    with pytest.warns(UserWarning, match="2 singers differ no more"):
        plda = PLDA().fit(Z, y)
    assert_array_equal(plda.score_matrix(Z, Z), 0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda Z, y: (Z, y * 0), "one class only, 0"),
        (lambda Z, y: (Z, np.arange(len(Z))), "19 classes in y has one"),
        (lambda Z, y: (Z * np.nan, y), "X contains NaN"),
        (lambda Z, y: (Z, y[:-1]), "inconsistent numbers of samples"),
        (lambda Z, y: (np.eye(5)[y] / 10, y), "one and the same embedding"),
    ],
)
def test_what_it_cannot_learn_from_is_refused(unbalanced, spoil, message):
    with pytest.raises(ValueError, match=message):
        PLDA().fit(*spoil(*unbalanced))


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_recording_without_a_singer_is_named(unbalanced, missing):
    X, y = unbalanced
    y = [str(singer) for singer in y]
    plda = PLDA().fit(X, y)
    y[3] = missing
    for learn in (PLDA().fit, plda.enroll):
        with pytest.raises(ValueError, match="y has no label for recording 3"):
            learn(X, y)


@pytest.mark.parametrize("name", ["within_shrinkage", "between_shrinkage"])
@pytest.mark.parametrize("value", [1.5, -0.1, "much", None])
def test_shrinkage_out_of_range_is_refused(unbalanced, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        PLDA(**{name: value}).fit(*unbalanced)


def test_other_embeddings_are_refused(unbalanced):
    Z, y = unbalanced
    with pytest.raises(NotFittedError):
        PLDA().score_pairs(Z, Z)
    with pytest.raises(NotFittedError):
        PLDA().enroll(Z, y)
    plda = PLDA().fit(Z, y)
    for call in (
        lambda: plda.score_pairs(Z, Z[:, :3]),
        lambda: plda.score_matrix(Z[:, :3], Z),
        lambda: plda.score_singers(Z[:, :3]),
        lambda: plda.enroll(Z[:, :3], y),
    ):
        with pytest.raises(ValueError, match="3 features.*expecting 4"):
            call()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        plda.score_pairs(Z, Z[1:])


def test_tables_come_out_where_they_are_asked_for(unbalanced):
    pd = pytest.importorskip("pandas")
    Z, y = unbalanced
    plda = PLDA().fit(Z, y)
    expected = plda.score_pairs(Z[:3], Z[3:6])
    plda.set_output(transform="pandas")
    table = plda.transform(Z)
    assert table.columns.tolist() == ["plda0", "plda1", "plda2", "plda3"]
    assert isinstance(plda.score_matrix(Z, Z), np.ndarray)
    assert_array_equal(plda.score_pairs(Z[:3], Z[3:6]), expected)
    assert isinstance(table, pd.DataFrame)


def test_steps_of_a_pipeline(rng):
    Z, y = draw(rng, 6, 8, 5, strength=0.5)
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    for steps in ([lda], [PLDA()], [Normalizer(), PLDA()], [StandardScaler(), PLDA()]):
        nearest = make_pipeline(*steps, KNeighborsClassifier(1))
        assert cross_val_score(nearest, Z, y, cv=4).mean() > 0.5
    model = make_pipeline(Normalizer(), PLDA())
    grid = {"plda__between_shrinkage": [0.0, 0.5, "auto"]}
    assert GridSearchCV(model, grid, cv=4).fit(Z, y).best_score_ > 0.5


def test_after_the_normalizer_distance_ranks_as_cosine(rng):
    Z, y = draw(rng, 6, 4, 5)
    trials = make_trials(y)
    distances = trials.distances(Normalizer().transform(Z))
    assert_allclose(distances, 2 - 2 * cosine_similarity(Z)[tuple(trials.pairs.T)])


def test_rows_of_chunks_are_told_from_embeddings(rng):
    clips = [rng.randn(n, 3) for n in (4, 5, 4, 6)]
    with pytest.raises(ValueError, match="several rows for each recording.*ClipEmb"):
        PLDA().fit(clips, list("aabb"))
    rows, y = np.concatenate(clips), np.repeat(list("aabb"), [4, 5, 4, 6])
    with pytest.raises(ValueError, match="several rows for each recording"):
        PLDA().fit(rows, y).predict(clips[:1])
    with pytest.raises(ValueError, match="several rows for each recording"):
        PLDA().fit(rows, y).enroll(clips, list("aabb"))
