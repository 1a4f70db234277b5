"""The paper's tables as commands: what they measure, keep, refuse, and go on with."""

import csv
import json
import runpy
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from singerlearn.datasets import make_singers

ROOT = Path(__file__).resolve().parents[1]
SEARCH = ROOT / "examples" / "search_hyperparameters.py"
TINY = (
    "--data", "synthetic", "--singers", 2, "--recordings", 3, "--duration", 6,
    "--folds", 2, "--epochs", 1, "--device", "cpu",
)  # fmt: skip


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    """Import from the benchmarks' folder, as a script there does."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.fixture
def table_1(monkeypatch, capsys):
    """Run singer_classification.py in this process; returns what it printed."""

    def run(*options):
        import singer_classification

        command = ["singer_classification.py", *map(str, options)]
        monkeypatch.setattr(sys, "argv", command)
        singer_classification.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def table_2(monkeypatch, capsys):
    """Run singing_embedding.py in this process; returns what it printed."""

    def run(*options):
        import singing_embedding

        monkeypatch.setattr(sys, "argv", ["singing_embedding.py", *map(str, options)])
        singing_embedding.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(table_1, capsys):
    """Run singer_classification.py, which refuses; returns what it says."""

    def run(*options):
        with pytest.raises(SystemExit) as stopped:
            table_1(*options)
        return f"{stopped.value.code} {capsys.readouterr().err}"

    return run


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_the_papers():
    from paper import CLASSIFIERS, EMBEDDERS, count_parameters

    assert len(CLASSIFIERS) == 1 + 1 + 16 + 2  # SVM, LDA, networks over Mel, over CQT
    assert CLASSIFIERS["vanilla-shallow-max-cqt"].front_end == "cqt"
    assert CLASSIFIERS["svm"].paper == {"train": 0.5164, "test": 0.2729}
    assert len(EMBEDDERS) == 16
    for rows, n_outputs in ((CLASSIFIERS, None), (EMBEDDERS, 16)):
        for name, row in rows.items():
            if row.architecture is None:
                continue
            assert row.architecture["aggregation"] in name
            convolution, total = count_parameters(row.architecture, n_outputs)
            # The paper's own counts, but for two rows of Table 1 where its text is the
            # odd one out; it rounds 204 millions to 200.
            odd = n_outputs is None and (
                name.startswith("vanilla-deep") or "cqt" in name
            )
            assert abs(convolution - row.paper["convolution"]) <= (3 if odd else 1)
            within = 0.021 if name.endswith("none") else 0.011 if odd else 0.001
            assert total == pytest.approx(row.paper["total"], rel=within)


def test_a_killed_benchmark_goes_on_where_it_was(table_1, tmp_path):
    rows = "--rows", "resnext-shallow-average"
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    script = ROOT / "benchmarks" / "singer_classification.py"
    command = [sys.executable, script, *TINY, *rows, "--output", killed]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
    while not list(killed.glob("fits/*.npz")) and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    (first,) = killed.glob("fits/*.npz")  # of two
    written = first.stat().st_mtime_ns
    assert not (killed / "table.csv").exists()

    table_1(*TINY, *rows, "--output", killed)
    table_1(*TINY, *rows, "--output", whole)
    assert first.stat().st_mtime_ns == written
    assert (killed / "table.csv").read_text() == (whole / "table.csv").read_text()
    assert len(json.loads((killed / "run.json").read_text())["starts"]) == 2


def test_the_table_says_what_was_measured(table_1, refused, tmp_path, monkeypatch):
    import singer_classification

    output = tmp_path / "out put"
    options = *TINY, "--output", output
    printed = table_1(*options, "--rows", "svm,resnext-shallow-max")
    assert "6 recordings of 2 singers, chance 0.500; singer split" in printed
    svm, network = read(output / "table.csv")
    assert (svm["row"], svm["test, paper"], svm["valid, chunks"]) == (
        "svm",
        "0.2729",
        "",
    )
    assert (network["total, k"], network["total, paper"]) == ("5300", "5300")
    fits = read(output / "fits.csv")
    assert [fit["fold"] for fit in fits if fit["row"] == "svm"] == ["fold1", "fold2"]
    mean = np.mean([float(fit["test chunks"]) for fit in fits if fit["row"] == "svm"])
    assert svm["test, chunks"].startswith(f"{mean:.3f} ± ")
    about = json.loads((output / "table.json").read_text())["about"]
    assert f"--output '{output}'" in about["command"] and "torch" in about["machine"]
    assert about["command"] in (output / "table.md").read_text()
    assert (output / "figure3.png").stat().st_size > 10_000

    # Nothing is computed twice, nothing even heard again; less may be asked for.
    monkeypatch.setattr(singer_classification, "evaluate", pytest.fail)
    table_1(*options, "--rows", "svm")
    assert read(output / "table.csv") == [svm]
    assert "other settings" in refused(*options, "--regime", "paper")


def test_what_a_fold_reports_is_what_the_classifier_says(chunked, singers, tiny):
    from singer_classification import evaluate

    from singerlearn import SingerNetClassifier
    from singerlearn.metrics import chunk_accuracy

    train = np.flatnonzero(singers.songs != "song01")
    test = np.flatnonzero(singers.songs == "song01")
    net = SingerNetClassifier(**tiny, early_stopping=True)
    found = evaluate(net, lambda: chunked, singers.singers, train, test)
    own = [chunked[i] for i in test]
    y = singers.singers
    assert found["test recordings"] == net.score(own, y[test])
    assert found["test chunks"] == chunk_accuracy(y[test], net.predict_chunks(own))
    held = train[net.validation_indices_]
    assert found["valid recordings"] == net.score([chunked[i] for i in held], y[held])
    kept = np.setdiff1d(train, held)
    assert found["train recordings"] == net.score([chunked[i] for i in kept], y[kept])
    assert len(found["valid_loss"]) == 3


def test_a_fit_stopped_from_the_keyboard_is_not_kept(chunked, singers, tiny, tmp_path):
    from runs import Runs
    from skorch.callbacks import Callback

    from singerlearn import SingerNetClassifier

    class KeyInSecondEpoch(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    def fit(callbacks):
        net = SingerNetClassifier(**tiny, callbacks=callbacks)
        net.fit(chunked, singers.singers)
        return {"epochs": len(net.history_)}

    runs = Runs(tmp_path, {})
    with pytest.raises(SystemExit, match="the same command goes on"):
        runs.complete({"one": lambda: fit([KeyInSecondEpoch()])})
    assert "one" not in runs
    assert runs.complete({"one": lambda: fit(None)})["one"]["epochs"] == 3


def test_runs_go_on_in_a_folder_of_before(tmp_path):
    from runs import Runs

    settings = {"data": "x"}
    note = {"command": "python a.py", "machine": "one", "settings": settings}
    (tmp_path / "run.json").write_text(json.dumps(note))
    Runs(tmp_path, settings).get("a", lambda: {"z": [1]})
    assert "a" in Runs(tmp_path, settings)
    with pytest.raises(SystemExit, match="other settings"):
        Runs(tmp_path, {"data": "y"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "damp"), "--data damp: needs --root"),
        (("--data", "folder", "--root", "nowhere"), "no folder 'nowhere'"),
        (("--data", "synthetic", "--root", "x"), "leave out --root"),
        (("--data", ".", "--root", "x"), "is a folder itself; leave out --root x"),
        (
            ("--data", "folder", "--root", "x", "--duration", 3),
            "synthetic singers only",
        ),
        (
            (*TINY, "--rows", "svm,vanilla"),
            "no row vanilla; the rows are all, networks, svm",
        ),
        ((*TINY, "--folds", 4), "--folds 4: 4 folds need 4 recordings"),
        ((*TINY, "--split", "crossed"), "--data ravdess-song has them"),
    ],
)
def test_what_cannot_be_done_is_refused(refused, options, said, tmp_path):
    assert said in refused(*options, "--output", tmp_path / "none")


def asked(**options):
    nothing = dict.fromkeys(("root", "singers", "recordings", "duration"))
    return Namespace(**(nothing | options))


def test_recordings_are_drawn_from_a_folder(singers, tmp_path):
    import collection

    for y, singer, song in zip(
        singers.recordings, singers.singers, singers.songs, strict=True
    ):
        (tmp_path / singer).mkdir(exist_ok=True)
        sf.write(tmp_path / singer / f"{song}.wav", y, singers.sampling_rate)
    whole = collection.load(asked(data="folder", root=tmp_path))
    assert str(whole) == "12 recordings of 4 singers"
    assert set(whole.gender) == {""} and whole.groupings[0] is whole.songs
    drawn = collection.load(
        asked(data="folder", root=tmp_path, singers=3, recordings=2)
    )
    assert np.unique(drawn.singers, return_counts=True)[1].tolist() == [2, 2, 2]
    assert drawn.identity != whole.identity


def test_of_damp_46_singers_are_drawn(monkeypatch, tmp_path):
    import collection
    from sklearn.utils import Bunch

    names = [f"singer{i:02d}" for i in range(60)]
    songs = [f"song{i}" for i in range(12)]
    data = Bunch(
        recordings=[f"{i}.m4a" for i in range(60 * 12)],
        singers=np.repeat(names, 12),
        songs=np.tile(songs, 60),
        gender=np.repeat(["female", "male"], 30 * 12),
    )
    monkeypatch.setitem(collection.LOADERS, "damp", lambda root: data)
    drawn = collection.load(asked(data="damp", root=tmp_path))
    assert str(drawn) == "460 recordings of 46 singers"
    assert (drawn.gender == "female").sum() == 230
    few = collection.load(asked(data="damp", root=tmp_path, singers=4, recordings=3))
    assert str(few) == "12 recordings of 4 singers"


def test_a_front_end_hears_the_recordings_once(singers, tmp_path):
    import collection

    from singerlearn import CQTChunker, HandcraftedFeatures, MelChunker

    recordings = singers.recordings[:2]
    heard = collection.listen(recordings, tmp_path)
    for name, front_end in (
        ("mel", MelChunker()),
        ("cqt", CQTChunker()),
        ("clips", HandcraftedFeatures()),
    ):
        expected = front_end.fit_transform(recordings)
        for found, own in zip(heard(name), expected, strict=True):
            # Kept on disk, spectrograms are rounded.
            np.testing.assert_allclose(np.asarray(found), np.asarray(own), atol=1e-3)
        assert heard(name) is heard(name)
    # Embeddings of chunks and of clips are parted into recordings by one count.
    assert len({tuple(map(len, heard(name))) for name in ("mel", "clips")}) == 1


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


def test_crossed_directions_share_neither_lyric_nor_melody(ravdess_song, tmp_path):
    import collection

    for take in ravdess_song.rglob("03-02-*-01.flac"):
        (tmp_path / take.name).symlink_to(take)
    voices = collection.load(asked(data="ravdess-song", root=tmp_path))
    sizes = []
    for _, train, test in collection.crossed_directions(voices):
        sizes.append((len(train), len(test)))
        for grouping in voices.groupings:
            assert not set(grouping[train]) & set(grouping[test])
    assert sizes == [(3, 2), (2, 3)]


@pytest.fixture(scope="module")
def damp_balanced(tmp_path_factory):
    """Three singers who sang all fourteen songs, and one who left out the first."""
    from singerlearn.datasets.damp_balanced import SONGS

    root = tmp_path_factory.mktemp("balanced")
    made = make_singers(4, len(SONGS), duration=1.0, random_state=0)
    rows = ["performance_id,account_id,song_title,gender"]
    for i, (y, singer, song) in enumerate(
        zip(made.recordings, made.singers, made.songs, strict=True)
    ):
        title = SONGS[int(song[-2:]) - 1][0]
        if (singer, song) != ("singer04", "song01"):
            sf.write(root / f"{i}.wav", y, made.sampling_rate)
            rows.append(f"{i}.wav,{singer},{title},F")
    (root / "metadata.csv").write_text("\n".join(rows))
    return root


@pytest.mark.filterwarnings("ignore:. singers are in both")
def test_table_2_of_the_balanced_set(table_2, damp_balanced, tmp_path):
    options = (
        "--data", "damp-balanced", "--root", damp_balanced, "--regime", "paper",
        "--rows", "hand-crafted,vanilla-deep-max", "--epochs", 2, "--device", "cpu",
        "--output", tmp_path,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="3 singers are in both train and valid"):
        table_2(*options)
    clips, network = read(tmp_path / "table.csv")
    assert (clips["total, paper"], clips["loss, paper"]) == ("", "")
    assert (network["total, k"], network["total, paper"]) == ("3612", "3611")
    assert network["loss, paper"] == "0.3461" and float(network["loss"]) > 0
    with np.load(
        tmp_path / "fits" / "balanced_fold1_seed0_vanilla-deep-max.npz"
    ) as fit:
        # Songs 1 to 6 of three singers, songs 11 to 14 of all; one chunk each.
        assert (fit["train"].shape, fit["test"].shape) == ((18, 16), (16, 16))
        assert fit["valid_loss"].shape == (2,)
    figures = {path.name for path in tmp_path.glob("*.png")}
    assert figures == {f"figure{n}_balanced.png" for n in (3, 4, 5, 7)}


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


def test_the_search_for_hyper_parameters(monkeypatch, capsys):
    pytest.importorskip("optuna_integration")
    options = "--trials 2 --singers 3 --max-epochs 1".split()
    monkeypatch.setattr(sys, "argv", ["search_hyperparameters.py", *options])
    runpy.run_path(str(SEARCH), run_name="__main__")
    first, _, best, kept = capsys.readouterr().out.splitlines()
    assert first.endswith("lr 0.0001, dropout 0.1, batch_size 32, n_components 16")
    assert best.startswith("best: ") and "chance 0.333" in kept


def test_the_search_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit, match=r"pip install 'singerlearn\[search\]'"):
        runpy.run_path(str(SEARCH))
