import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.manifold import TSNE

from singerlearn.display import EmbeddingDisplay, Projection
from singerlearn.display.axes import N_LOOKS, look
from singerlearn.metrics import leave_one_out_knn

plt = pytest.importorskip("matplotlib.pyplot")

SINGERS = np.repeat(["Ann", "Bob", "Cid"], 4)
SONGS = np.tile(["a", "b", "c", "d"], 3)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def Z(rng):
    """Three singers far apart."""
    return np.repeat(5 * np.eye(3, 6), 4, axis=0) + 0.1 * rng.randn(12, 6)


def test_points_are_those_of_tsne_and_seeded(Z):
    drawn = [
        EmbeddingDisplay.from_embeddings({"Z": Z}, singers=SINGERS, random_state=3)
        for _ in range(2)
    ]
    points = drawn[0].projections["Z"].points
    assert_array_equal(points, drawn[1].projections["Z"].points)
    expected = TSNE(init="pca", perplexity=11 / 3, random_state=3).fit_transform(Z)
    assert_allclose(points, expected)
    assert leave_one_out_knn(points, SINGERS, n_neighbors=1) == 1


def test_rows_are_singer_and_song_columns_are_embeddings(Z):
    embeddings = {"hand-crafted": Z[:, ::-1], "learned": Z}
    display = EmbeddingDisplay.from_embeddings(embeddings, singers=SINGERS, songs=SONGS)
    assert display.plot() is display
    assert display.axes_.shape == display.scatters_.shape == (2, 2)
    assert display.figure_.get_suptitle() == "t-SNE of 12 recordings"
    titles = [ax.get_title() for ax in display.axes_.flat]
    assert titles == [
        "hand-crafted, by singer", "learned, by singer",
        "hand-crafted, by song", "learned, by song",
    ]  # fmt: skip
    for i, labels in enumerate((SINGERS, SONGS)):
        for j, name in enumerate(embeddings):
            points = display.projections[name].points
            scatters = display.scatters_[i, j]
            assert list(scatters) == np.unique(labels).tolist()
            for label, scatter in scatters.items():
                assert_allclose(scatter.get_offsets(), points[labels == label])
        legend = display.axes_[i, 1].get_legend()
        named = [text.get_text() for text in legend.get_texts()]
        assert named == np.unique(labels).tolist()
        assert display.axes_[i, 0].get_legend() is None


def test_a_name_may_begin_with_an_underscore(Z):
    names = np.where(SINGERS == SINGERS[0], "_unknown", SINGERS)
    display = EmbeddingDisplay.from_embeddings({"Z": Z}, singers=names).plot()
    texts = display.axes_[0, 0].get_legend().get_texts()
    assert [text.get_text() for text in texts] == np.unique(names).tolist()


def test_the_legend_lies_outside_the_data(Z):
    display = EmbeddingDisplay.from_embeddings({"Z": Z}, singers=SINGERS).plot()
    display.figure_.canvas.draw()
    (ax,) = display.axes_.flat
    box = ax.get_legend().get_window_extent()
    assert box.x0 > ax.get_window_extent().x1
    assert box.x1 <= display.figure_.bbox.x1


@pytest.mark.parametrize("name", ["{}", "singer{:02}", "the singer called {:02}"])
@pytest.mark.parametrize("n_singers", [3, 23, N_LOOKS])
def test_the_legend_leaves_the_points_their_room(rng, n_singers, name):
    points, singers = rng.randn(n_singers, 2), np.arange(n_singers)
    names = np.array([name.format(i) for i in singers])
    display = EmbeddingDisplay({"Z": Projection(points, names, None)}).plot()
    display.figure_.canvas.draw()
    (ax,) = display.axes_.flat
    box, page = ax.get_window_extent(), display.figure_.bbox
    assert 0.8 < box.width / box.height < 1.3
    assert ax.get_legend().get_window_extent().x1 <= page.x1
    title = ax.title.get_window_extent()
    assert 0 <= title.x0 and title.x1 <= page.x1


@pytest.mark.parametrize(("n", "perplexity"), [(7, 2), (16, 5), (80, 10), (300, 30)])
def test_the_perplexity_grows_with_the_points(rng, monkeypatch, n, perplexity):
    asked = []
    monkeypatch.setattr(
        TSNE, "fit_transform", lambda self, Z: asked.append(self.perplexity) or Z
    )
    EmbeddingDisplay.from_embeddings({"Z": rng.randn(n, 2)}, singers=np.arange(n) % 3)
    assert asked == [perplexity]


def test_each_chunk_gets_the_labels_of_its_recording(rng):
    chunks = [rng.randn(n, 3) for n in (2, 1, 4)]
    display = EmbeddingDisplay.from_embeddings(
        {"Z": chunks}, singers=["Ann", "Bob", "Ann"], songs=[3, 1, 2]
    )
    projection = display.projections["Z"]
    assert projection.points.shape == (7, 2)
    assert projection.singers.tolist() == ["Ann"] * 2 + ["Bob"] + ["Ann"] * 4
    assert projection.songs.tolist() == [3, 3, 1, 2, 2, 2, 2]
    assert display.plot().figure_.get_suptitle() == "t-SNE of 7 chunks"
    both = {"mel": chunks, "clips": [rng.randn(n, 2) for n in (3, 1, 4)]}
    display = EmbeddingDisplay.from_embeddings(both, singers=["Ann", "Bob", "Ann"])
    assert display.plot().figure_.get_suptitle() == "t-SNE of 7 and 8 chunks"


def test_no_two_of_many_singers_look_alike():
    looks = [look(i) for i in range(N_LOOKS)]
    assert len(set(looks)) == N_LOOKS > 46
    for (color, marker), (next_color, next_marker) in zip(
        looks[:-1], looks[1:], strict=True
    ):
        assert color != next_color and marker != next_marker


def test_beyond_all_looks_there_is_no_legend(rng):
    singers = np.arange(N_LOOKS + 1)
    display = EmbeddingDisplay.from_embeddings(
        {"Z": rng.randn(len(singers), 2)}, singers=singers
    ).plot()
    assert display.axes_[0, 0].get_legend() is None


@pytest.mark.parametrize("shape", [(4, 2), (5, 1), (6, 20)])
def test_few_points_are_enough(rng, shape):
    display = EmbeddingDisplay.from_embeddings(
        {"Z": rng.randn(*shape)}, singers=np.arange(shape[0]) % 2
    )
    assert np.isfinite(display.projections["Z"].points).all()


def test_given_axes_are_drawn_into(Z):
    display = EmbeddingDisplay.from_embeddings({"Z": Z}, singers=SINGERS, songs=SONGS)
    figure, axes = plt.subplots(1, 2)
    display.plot(axes=axes)
    assert display.figure_ is figure and figure.get_suptitle() == ""
    assert display.axes_.flatten().tolist() == axes.tolist()
    with pytest.raises(ValueError, match=r"holds 1 .* 2 x 1 panels.*subplots\(2, 1\)"):
        display.plot(axes=axes[0])


@pytest.mark.parametrize("embeddings", [{}, None, np.zeros((12, 2)), {"Z": None}])
def test_embeddings_have_names(embeddings):
    with pytest.raises(ValueError, match="embeddings must be a dict"):
        EmbeddingDisplay.from_embeddings(embeddings, singers=SINGERS)


def test_what_cannot_be_laid_out_is_refused(Z):
    def lay_out(Z, singers=SINGERS, **kwargs):
        EmbeddingDisplay.from_embeddings({"learned": Z}, singers=singers, **kwargs)

    broken = Z.copy()
    broken[5, 2] = np.nan
    with pytest.raises(ValueError, match="'learned': 1 of 12 embeddings hold NaN"):
        lay_out(broken)
    with pytest.raises(ValueError, match="'learned': singers holds 11 labels for 12"):
        lay_out(Z, SINGERS[1:])
    with pytest.raises(ValueError, match="songs holds 11 labels for 12"):
        lay_out(Z, songs=SONGS[1:])
    with pytest.raises(ValueError, match="3 points, 3 of them different"):
        lay_out(Z[:3], SINGERS[:3])
    with pytest.raises(ValueError, match="12 points, 1 of them different"):
        lay_out(np.ones((12, 2)))
    for perplexity in (12, 0):
        with pytest.raises(ValueError, match=f"perplexity={perplexity} must be at"):
            lay_out(Z, perplexity=perplexity)
    with pytest.raises(ValueError, match="some of chunks"):
        EmbeddingDisplay.from_embeddings({"a": Z, "b": [*Z[:, None]]}, singers=SINGERS)
    with pytest.raises(TypeError, match="colour"):
        lay_out(Z, colour="singer")
