"""Table 2 as a command: what it draws, measures, keeps, and goes on with."""

import weakref
from argparse import Namespace
from functools import partial

import numpy as np
import pytest
import soundfile as sf
from written import read

from singerlearn.datasets import make_singers


@pytest.fixture
def table_2(command):
    """Run singing_embedding.py; returns what it printed."""
    return partial(command, "singing_embedding")


def test_new_singers_are_drawn_as_in_all():
    import singing_embedding
    from collection import Collection

    singers = np.repeat([f"actor{i:02d}" for i in range(1, 24)], 10)
    gender = np.repeat(["male", "female"] * 11 + ["male"], 10)
    songs = np.tile([f"song{i}" for i in range(10)], 23)
    voices = Collection([None] * 230, singers, songs, gender, [songs], [])
    drawn = set()
    for seed in range(3):
        (split,) = singing_embedding.new_singers(voices, 1, seed)
        assert len(split.train) == 150 and len(split.test) == 80
        assert not set(singers[split.train]) & set(singers[split.test])
        assert (gender[split.test] == "female").sum() == 40
        drawn.add(tuple(np.unique(singers[split.test])))
    assert len(drawn) == 3


def test_the_best_unit_makes_the_loss_least():
    from embedding_measures import best_unit

    from singerlearn.metrics import contrastive_loss

    rng = np.random.default_rng(0)
    is_target = np.arange(200) % 2 == 0
    distances = rng.exponential(np.where(is_target, 20, 100))
    units = np.geomspace(1e-4, 1, 400)
    losses = [contrastive_loss(is_target, unit * distances) for unit in units]
    found = best_unit(is_target, distances)
    assert contrastive_loss(is_target, found * distances) <= min(losses) + 1e-6
    # And whatever the unit, it is the same afterwards.
    assert best_unit(is_target, 7 * distances) == pytest.approx(found / 7, rel=1e-2)


@pytest.fixture(scope="module")
def damp_balanced(tmp_path_factory):
    """Two singers who sang all fourteen songs, and one who left out the first."""
    from singerlearn.datasets.damp_balanced import SONGS

    root = tmp_path_factory.mktemp("balanced")
    made = make_singers(3, len(SONGS), duration=1.0, random_state=0)
    rows = ["performance_id,account_id,song_title,gender"]
    for i, (y, singer, song) in enumerate(
        zip(made.recordings, made.singers, made.songs, strict=True)
    ):
        title = SONGS[int(song[-2:]) - 1][0]
        if (singer, song) != ("singer03", "song01"):
            sf.write(root / f"{i}.wav", y, made.sampling_rate)
            rows.append(f"{i}.wav,{singer},{title},F")
    (root / "metadata.csv").write_text("\n".join(rows))
    return root


@pytest.mark.filterwarnings("ignore:. singers are in both")
def test_table_2_of_the_balanced_set(table_2, damp_balanced, tmp_path, monkeypatch):
    from paper import EMBEDDERS, count_parameters

    # As the paper's, but for a network that a test can wait for.
    small = EMBEDDERS["vanilla-deep-max"].architecture
    monkeypatch.setitem(small, "filters", (4, 8))
    options = (
        "--data", "damp-balanced", "--root", damp_balanced, "--regime", "paper",
        "--rows", "hand-crafted,vanilla-deep-max", "--epochs", 2, "--device", "cpu",
        "--output", tmp_path,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="2 singers are in both train and valid"):
        table_2(*options)
    clips, network = read(tmp_path / "table.csv")
    assert (clips["total, paper"], clips["loss, paper"]) == ("", "")
    assert network["total, k"] == str(count_parameters(small, 16)[1])
    assert network["total, paper"] == "3611"
    assert network["loss, paper"] == "0.3461" and float(network["loss"]) > 0
    with np.load(
        tmp_path / "fits" / "balanced_fold1_seed0_vanilla-deep-max.npz"
    ) as fit:
        # Songs 1 to 6 of two singers, songs 11 to 14 of all; one chunk each.
        assert (fit["train"].shape, fit["test"].shape) == ((12, 16), (12, 16))
        assert fit["valid_loss"].shape == (2,)
    figures = {path.name for path in tmp_path.glob("*.png")}
    assert figures == {f"figure{n}_balanced.png" for n in (3, 4, 5, 7)}


@pytest.mark.filterwarnings("ignore:. singers are in both")
def test_a_fit_is_measured_when_it_is_read_and_let_go(
    table_2, damp_balanced, tmp_path, monkeypatch
):
    import singing_embedding

    seen, alive, measure = [], [], singing_embedding.measure

    def watch(fit, *more):
        seen.append(weakref.ref(fit["test"]))
        alive.append(sum(ref() is not None for ref in seen))
        return measure(fit, *more)

    monkeypatch.setattr(singing_embedding, "measure", watch)
    monkeypatch.setattr(singing_embedding, "draw", lambda *args: None)
    table_2("--data", "damp-balanced", "--root", damp_balanced, "--output", tmp_path,
            "--rows", "hand-crafted", "--folds", 4, "--seed", 0, 1)  # fmt: skip
    assert alive == [1, 2, 2, 2]  # the first is drawn
    # The second seed changes nothing, and names none of the fits.
    folds = [(fit["fold"], fit["seed"]) for fit in read(tmp_path / "fits.csv")]
    assert folds == [(f"fold{i}", "") for i in (1, 2, 3, 4)]


def test_the_embedding_benchmark_goes_on_where_it_was(
    table_2, ravdess_song, tmp_path, monkeypatch
):
    import singing_embedding

    # Of each performance of six actors one take.
    for take in ravdess_song.rglob("03-02-0[2-6]-01-0?-01-0[1-6].flac"):
        (tmp_path / take.name).symlink_to(take)
    output = tmp_path / "out"
    command = (
        "--data", tmp_path, "--filters", 4, 8, "--device", "cpu", "--output", output,
        "--rows", "hand-crafted,LDA,supervised-contrastive", "--steps",
    )  # fmt: skip
    printed = table_2(*command, 1)
    assert "60 recordings of 6 singers" in printed
    table = (output / "table.md").read_text().split("\n\n")[0]
    assert table in printed and len(table.splitlines()) == 2 + 2 * 3
    assert {path.name for path in output.glob("*.png")} == {
        f"figure{n}_{protocol}.png"
        for n in (4, 5, 7)
        for protocol in ("new_singers", "new_songs")
    }
    fits = sorted((output / "fits").iterdir())
    times = [fit.stat().st_mtime_ns for fit in fits]
    fits[-1].unlink()
    monkeypatch.setattr(singing_embedding, "draw", lambda *args: None)
    assert table.splitlines()[:4] == table_2(*command, 1).splitlines()[2:6]
    assert [fit.stat().st_mtime_ns for fit in fits[:-1]] == times[:-1]
    with pytest.raises(SystemExit, match="other settings"):
        table_2(*command, 2)


def test_any_folder_can_be_measured_or_is_refused_at_once(
    table_2, tmp_path, rng, monkeypatch
):
    import singing_embedding

    root = tmp_path / "voices"
    for i, y in enumerate(0.1 * rng.randn(24, 8000)):  # each a song of its own
        (root / f"singer{i % 6}").mkdir(parents=True, exist_ok=True)
        sf.write(root / f"singer{i % 6}" / f"{i}.wav", y, 8000)
    options = "--data", root, "--rows", "hand-crafted", "--output"
    table_2(*options, tmp_path / "out")
    (row,) = read(tmp_path / "out" / "table.csv")
    assert {row[f"song {k}"] for k in (1, 3, 5, 7)} == {"0.000"}
    monkeypatch.setattr(singing_embedding, "embed", pytest.fail)
    with pytest.raises(
        SystemExit, match=r"new singers: with 12 .* of 3 singers .* and 4 of 1 to embed"
    ):
        table_2(*options, tmp_path / "few", "--singers", 4)


def test_of_many_rows_the_papers_are_drawn(monkeypatch, tmp_path):
    import singing_embedding as table
    from collection import Collection

    drawn = []

    def draw(embeddings, **_):
        drawn.append(list(embeddings))
        figure = Namespace(savefig=lambda path, dpi: None)
        return Namespace(plot=lambda: Namespace(figure_=figure))

    monkeypatch.setattr(table, "KNNDisplay", lambda found, **_: draw(found["singers"]))
    monkeypatch.setattr(table.EmbeddingDisplay, "from_embeddings", draw)
    labels = np.repeat(["Ann", "Bob"], 2)
    voices = Collection([None] * 4, labels, labels[::-1], labels, [labels], [])
    split = table.Split("balanced", "fold1", 0, np.arange(2), np.arange(4))
    names = [f"{what} {k}" for what in ("singer", "song") for k in (1, 3, 5, 7)]
    figures = dict.fromkeys([*names, "singer chance", "song chance"], 0.5)
    for rows, expected in (
        # Baselines and Table 2: the shallow ResNeXt with and without attention.
        ((*table.BASELINES, *table.EMBEDDERS), table.DRAWN[:4]),
        ([row for row in table.EMBEDDERS if "vanilla" in row], None),
    ):
        measured = [{"row": row} | figures for row in rows]
        results = {row: (split, {"test": np.eye(4)}) for row in rows}
        table.draw("balanced", measured, results, np.ones(4, int), voices, tmp_path)
        figure_5, figure_4, figure_7 = drawn[-3:]
        assert figure_4 == figure_7 == list(expected or rows[:4])
        assert figure_5 == list(expected or rows)


def test_chunk_pairs_of_many_chunks_are_drawn_evenly():
    from embedding_measures import chunk_pairs

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 3))
    singers = np.array([0, 0, 1, 1])
    chunks = [c + 0.1 * rng.normal(size=(500, 3)) for c in centres]
    whole = chunk_pairs(chunks, singers)
    some = chunk_pairs(chunks, singers, n_chunks=200)
    for is_target, _ in (whole, some):
        assert is_target.mean() == 0.5
    for same in (True, False):
        means = [d[t == same].mean() for t, d in (whole, some)]
        assert means[1] == pytest.approx(means[0], rel=0.05)
