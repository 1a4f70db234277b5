import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from singerlearn.display import KNNDisplay
from singerlearn.metrics import song_effect_report

plt = pytest.importorskip("matplotlib.pyplot")

SINGERS, SONGS = np.divmod(np.arange(20), 4)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def embeddings(rng):
    voice, tune = rng.randn(5, 6), rng.randn(4, 6)
    return {
        "hand-crafted": tune[SONGS] + 0.6 * rng.randn(20, 6),
        "learned": voice[SINGERS] + 0.6 * rng.randn(20, 6),
    }


def test_accuracies_are_those_of_scikit_learn(embeddings):
    display = KNNDisplay.from_embeddings(
        embeddings, singers=SINGERS, songs=SONGS, n_neighbors=1
    )
    for what, labels in (("singers", SINGERS), ("songs", SONGS)):
        for name, Z in embeddings.items():
            nearest = KNeighborsClassifier(1)
            hits = cross_val_score(nearest, Z, labels, cv=LeaveOneOut())
            assert display.accuracies[what][name] == {1: pytest.approx(hits.mean())}


def test_chance_is_a_neighbour_at_random(embeddings):
    def chance(**kwargs):
        return KNNDisplay.from_embeddings(embeddings, singers=SINGERS, **kwargs).chance

    # Of 19 others, 3 are of the same singer and 4 of the same song.
    assert chance() == {"singers": pytest.approx(3 / 19)}
    assert chance(songs=SONGS) == pytest.approx({"singers": 3 / 19, "songs": 4 / 19})
    # Of 15 others with another song 3; of 16 others by another singer 4.
    crossed = chance(songs=SONGS, crossed=True)
    assert crossed == pytest.approx({"singers": 3 / 15, "songs": 4 / 16})


@pytest.mark.parametrize("crossed", [False, True])
def test_reports_and_embeddings_say_the_same(embeddings, crossed):
    reports = {
        name: song_effect_report(Z, SINGERS, SONGS, n_permutations=2, random_state=0)
        for name, Z in embeddings.items()
    }
    shown = KNNDisplay.from_reports(reports, crossed=crossed)
    sought = KNNDisplay.from_embeddings(
        embeddings, singers=SINGERS, songs=SONGS, crossed=crossed
    )
    assert shown.accuracies == sought.accuracies
    assert shown.chance == sought.chance
    assert shown.crossed is sought.crossed is crossed


@pytest.mark.parametrize("crossed", [False, True])
def test_bars_are_as_high_as_the_accuracies(embeddings, crossed):
    display = KNNDisplay.from_embeddings(
        embeddings, singers=SINGERS, songs=SONGS, n_neighbors=(1, 5), crossed=crossed
    )
    assert display.plot() is display
    assert display.axes_.shape == (1, 2)
    for ax, what in zip(display.axes_[0], ("singers", "songs"), strict=True):
        assert ("other" in ax.get_title()) is crossed
        assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "5"]
        assert_allclose(display.chance_lines_[what].get_ydata(), display.chance[what])
        middles = []
        for name, bars in display.bars_[what].items():
            heights = [bar.get_height() for bar in bars]
            assert heights == list(display.accuracies[what][name].values())
            middles.append([bar.get_center()[0] for bar in bars])
        assert_allclose(np.mean(middles, axis=0), [0, 1], atol=1e-12)
    legend = display.axes_[0, 1].get_legend()
    named = [text.get_text() for text in legend.get_texts()]
    assert named == ["hand-crafted", "learned", "chance"]
    display.figure_.canvas.draw()
    box = legend.get_window_extent()
    assert box.x0 > display.axes_[0, 1].get_window_extent().x1
    assert box.x1 <= display.figure_.bbox.x1


def test_without_songs_there_is_one_panel(embeddings):
    display = KNNDisplay.from_embeddings(embeddings, singers=SINGERS)
    figure, ax = plt.subplots()
    assert display.plot(axes=ax).axes_.tolist() == [[ax]]
    assert display.figure_ is figure and list(display.bars_) == ["singers"]
    with pytest.raises(ValueError, match="axes holds 2 but the picture has 1 x 1"):
        display.plot(axes=[ax, ax])


def test_what_cannot_be_sought_is_refused(embeddings):
    def seek(Z, singers=SINGERS, **kwargs):
        KNNDisplay.from_embeddings({"learned": Z}, singers=singers, **kwargs)

    Z = embeddings["learned"]
    broken = Z.copy()
    broken[3] = np.inf
    with pytest.raises(ValueError, match="'learned': 1 of 20 embeddings hold NaN"):
        seek(broken)
    with pytest.raises(ValueError, match="'learned': singers holds 19 labels for 20"):
        seek(Z, SINGERS[1:])
    with pytest.raises(ValueError, match="songs holds 19 labels for 20"):
        seek(Z, songs=SONGS[1:])
    with pytest.raises(ValueError, match="n_neighbors=20 is too many"):
        seek(Z, n_neighbors=20)
    with pytest.raises(ValueError, match="'learned': singers holds 1 only"):
        seek(Z, np.ones(20, dtype=int))
    with pytest.raises(ValueError, match="crossed=True .* give songs"):
        seek(Z, crossed=True)
    with pytest.raises(ValueError, match="embeddings must be a dict"):
        KNNDisplay.from_embeddings(Z, singers=SINGERS)
    with pytest.raises(TypeError, match="k"):
        seek(Z, k=3)


def test_reports_are_of_the_same_recordings(embeddings):
    def report(n):
        return song_effect_report(
            embeddings["learned"][:n], SINGERS[:n], SONGS[:n], n_permutations=1
        )

    with pytest.raises(ValueError, match="differ in n_neighbors or in chance"):
        KNNDisplay.from_reports({"a": report(20), "b": report(16)})
    for wrong in ({}, report(20), {"a": 0.5}, None):
        with pytest.raises(ValueError, match="reports must be a dict"):
            KNNDisplay.from_reports(wrong)
