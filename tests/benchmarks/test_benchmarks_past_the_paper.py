"""Past the paper as a command: what it trains on, reads, keeps and refuses."""

import json
import sys
from functools import partial
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import soundfile as sf
from scipy import stats
from sklearn.datasets import make_blobs
from sklearn.preprocessing import normalize
from written import read

from singerlearn import PLDA, ClipClassifier, CohortScorer, SingerEmbedder
from singerlearn.metrics import (
    chunk_accuracy,
    equal_error_rate,
    leave_one_out_predict,
    make_trials,
    recording_accuracy,
)
from singerlearn.pretrained import SHIPPED, read_card
from singerlearn.synthesis import SyntheticSingers

SMALL = dict(filters=(4, 8), downsampling="max-pool")


@pytest.fixture
def table(command):
    """Run past_the_paper.py; returns what it printed."""
    return partial(command, "past_the_paper")


@pytest.fixture
def voices():
    """Twelve singers with two lyrics in two melodies each, and no sound."""
    from collection import Collection

    singers, lyrics, melodies = (
        grid.ravel()
        for grid in np.meshgrid(
            list("ABCDEFGHIJKL"), ["kids", "dogs"], ["minor", "major"], indexing="ij"
        )
    )
    gender = np.where(np.isin(singers, list("ABCDEF")), "female", "male")
    songs = np.char.add(lyrics, melodies)
    recordings = list(range(len(singers)))
    return Collection(recordings, singers, songs, gender, [lyrics, melodies], [])


def test_choices_are_made_on_none_of_what_is_reported(voices):
    from past_the_paper import sides

    ((_, train, test),) = sides("new-singers", voices, 0, development=False)
    ((_, some, others),) = sides("new-singers", voices, 0, development=True)
    assert not set(voices.singers[train]) & set(voices.singers[test])
    assert not set(voices.singers[some]) & set(voices.singers[others])
    assert sorted([*some, *others]) == sorted(train)

    reported, chosen_on = (
        {frozenset((*train, *test)) for _, train, test in folds}
        for folds in (
            sides("known-singers", voices, 0, development=False),
            sides("known-singers", voices, 0, development=True),
        )
    )
    (first,), (second,) = reported, chosen_on  # both ways round are of the same
    assert not first & second


def test_crossed_neighbours_and_pairs_share_neither_lyric_nor_melody(voices):
    from past_the_paper import judge_embedding

    X, _ = make_blobs([3] * 48, n_features=5, cluster_std=6.0, random_state=0)
    test = np.arange(48)
    fit = {"train": X, "n_train": [3] * 48, "test": X, "n_test": [3] * 48}
    read = {
        row: {of["read by"]: of for of in judge_embedding(row, fit, test, test, voices)}
        for row in ("hand-crafted", "resemblyzer")
    }
    assert list(read["resemblyzer"]) == ["angle", "angle, s-norm", "LDA", "PLDA"]

    Z = ((X - X.mean(axis=0)) / X.std(axis=0)).reshape(48, 3, 5).mean(axis=1)
    Z = normalize(Z)  # of unit vectors the closest have the smallest angle
    expected = leave_one_out_predict(Z, voices.singers, exclude_groups=voices.groupings)
    trials = make_trials(voices.singers, exclude_groups=voices.groupings)
    angle = read["hand-crafted"]["angle"]
    assert angle["crossed 1-NN"] == np.mean(expected == voices.singers)
    assert angle["crossed EER"] == pytest.approx(
        equal_error_rate(trials.is_target, trials.scores(Z))
    )

    means = X.reshape(48, 3, 5).mean(axis=1)
    scores = CohortScorer().fit(means).score_pairs(*means[trials.pairs.T])
    assert read["resemblyzer"]["angle, s-norm"]["crossed EER"] == pytest.approx(
        equal_error_rate(trials.is_target, scores)
    )


def test_the_interval_is_students():
    from runs import interval_over_seeds, mean_and_interval

    values = [0.5, 0.7, 0.6, 0.64]
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert mean_and_interval(values) == f"0.610 [{low:.3f}, {high:.3f}]"
    assert mean_and_interval([0.25]) == "0.250"
    assert mean_and_interval([0.9, 1.0]).endswith("1.000]")
    fits = [{"seed": i, "of": v + d} for i, v in enumerate(values) for d in (-0.2, 0.2)]
    assert interval_over_seeds(fits, "of") == mean_and_interval(values)


def test_known_singers_are_named_with_an_interval_over_singers(rng):
    from readings import interval_over_singers, name_singers

    singers = np.repeat(np.arange(8), 3)
    centres = rng.randn(8, 6)
    known, new, other = (
        [centres[s] + rng.randn(2 + s % 3, 6) for s in singers] for _ in range(3)
    )
    judged = [
        list(name_singers("voices", known, X, singers, singers)) for X in (new, other)
    ]
    model = ClipClassifier(PLDA()).fit(known, singers)
    by_plda = next(of for of in judged[0] if of["read by"] == "PLDA")
    assert by_plda["chunks"] == chunk_accuracy(singers, model.predict_chunks(new))
    assert by_plda["recordings"] == recording_accuracy(singers, model.predict(new))
    for first, second in zip(*judged, strict=True):
        outcomes = first["outcome"], second["outcome"]
        for figure in ("chunks", "recordings"):
            mean = (first[figure] + second[figure]) / 2
            estimate, low, high = interval_over_singers(outcomes, figure)
            assert estimate == pytest.approx(mean) and low < mean < high
            none = interval_over_singers(outcomes, figure, others=outcomes)
            assert none == (0, 0, 0)
            apart, *_ = interval_over_singers(outcomes[:1], figure, others=outcomes[1:])
            assert apart == pytest.approx(first[figure] - second[figure])
        right = sum(o["recordings"][0].sum() for o in outcomes)
        assert right == 48 * (first["recordings"] + second["recordings"]) / 2


def test_one_command_prints_the_table_and_goes_on(table, tmp_path):
    made = "--data", "synthetic", "--singers", 8, "--recordings", 3, "--duration", 6
    asked = *made, "--tables", "new-singers", "--output", tmp_path
    printed = table(*asked, "--rows", "hand-crafted", "--seed", 0)
    assert "| hand-crafted | PLDA | 1 |" in printed
    (fit,) = tmp_path.glob("fits/*.npz")
    written = fit.stat().st_mtime_ns

    printed = table(*asked, "--rows", "hand-crafted", "--seed", 0, 1)
    assert "| hand-crafted | PLDA | 2 |" in printed
    assert fit.stat().st_mtime_ns == written
    rows = read(tmp_path / "new-singers_fits.csv")
    readings = ["angle", "angle, s-norm", "LDA", "PLDA"]
    assert [row["read by"] for row in rows] == 2 * readings
    whole = json.loads((tmp_path / "new-singers_table.json").read_text())
    assert len(whole["fits"]) == 8
    with pytest.raises(SystemExit, match="other settings"):
        table(*asked, "--rows", "hand-crafted", "--steps", 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--encoder", "nowhere"), "no pretrained network 'nowhere'"),
        (("--against", "resembylzer"), "--against resembylzer is none of the --rows"),
        (("--output", "/dev/null/x"), "--output /dev/null/x: "),
    ],
)
def test_what_cannot_be_read_or_written_is_said_at_once(
    table, capsys, options, message
):
    made = "--data", "synthetic", "--singers", 4, "--recordings", 2, "--duration", 2
    with pytest.raises(SystemExit) as refused:
        table(*made, *options)
    assert message in f"{refused.value} {capsys.readouterr().err}"


@pytest.mark.parametrize("row", ["paper", "library", "margin-softmax-stretches"])
def test_networks_are_trained_for_the_steps(table, tmp_path, monkeypatch, row):
    import past_the_paper

    small = SMALL | dict(synthetic_singers=4)
    monkeypatch.setattr(past_the_paper, "LIBRARY", past_the_paper.LIBRARY | small)
    monkeypatch.setitem(
        past_the_paper.singing_embedding.EMBEDDERS[
            past_the_paper.singing_embedding.RECIPE
        ].architecture,
        "filters",
        (4, 8),
    )
    made = "--data", "synthetic", "--singers", 8, "--recordings", 2, "--duration", 6
    printed = table(*made, "--tables", "new-singers", "--rows", row, "--steps", 2,
                    "--device", "cpu", "--output", tmp_path)  # fmt: skip
    assert "| steps | seconds |" in printed
    (fit,) = tmp_path.glob("fits/*.npz")
    with np.load(fit) as kept:
        assert len(kept["test"]) == kept["n_test"].sum()
        assert np.isfinite(kept["test"]).all()
        assert kept["steps"] == 2


@pytest.mark.parametrize("loss", ["contrastive", "supervised-contrastive"])
def test_steps_are_counted_out_in_whole_epochs(singers, chunked, tiny, loss):
    from steps import Steps, steps_taken

    in_epoch = {"contrastive": 6, "supervised-contrastive": 3}[loss]
    for asked, epochs in ((1, 1), (2.4 * in_epoch, 2), (2.6 * in_epoch, 3)):
        model = SingerEmbedder(4, loss, **tiny | dict(callbacks=[Steps(asked)]))
        model.fit(chunked, singers.singers)
        assert len(model.history_) == epochs
        assert steps_taken(model) == epochs * in_epoch
    assert steps_taken(object()) == 0


def test_what_is_trained_further_starts_from_the_encoder():
    import past_the_paper

    asked = SimpleNamespace(encoder=SHIPPED, device="cpu", steps=7)
    namer = past_the_paper.build("known-singers", "fine-tuned", 3, asked)
    embedder = past_the_paper.build("new-singers", "fine-tuned", 3, asked)
    for model in (namer, embedder):
        parameters = model.get_params()
        assert parameters["pretrained"] == SHIPPED
        assert (parameters["random_state"], parameters["batch_size"]) == (3, 32)
        assert parameters["callbacks"][0].n_steps == 7
    assert not namer.synthetic_singers and not namer.stretches
    assert embedder.synthetic_singers == 1600 and len(embedder.stretches) == 4


def test_a_projection_is_fitted_on_synthetic_singers(table, tmp_path, monkeypatch):
    import frozen_embeddings

    monkeypatch.setattr(frozen_embeddings, "N_SYNTHETIC", 30)
    made = "--data", "synthetic", "--singers", 8, "--recordings", 2, "--duration", 6
    asked = *made, "--tables", "new-singers", "--output", tmp_path
    assert "| synthetic-lda | angle | 1 |" in table(*asked, "--rows", "synthetic-lda")

    chunks, singers = frozen_embeddings.sing(SyntheticSingers(2, n_songs=3))
    assert singers.tolist() == [0, 0, 0, 1, 1, 1]
    found = frozen_embeddings.cepstral_statistics(chunks[4])
    (chunk,) = chunks[4]
    cepstra = librosa.feature.mfcc(S=chunk, n_mfcc=40, norm="ortho")
    expected = np.concatenate([cepstra.mean(axis=1), cepstra.std(axis=1)])
    np.testing.assert_allclose(found, [expected], rtol=1e-3, atol=1e-3)


def test_an_encoder_is_trained_measured_and_goes_on(command, tmp_path, monkeypatch):
    import past_the_paper
    import train_encoder

    monkeypatch.setattr(past_the_paper, "NETWORK", past_the_paper.NETWORK | SMALL)
    monkeypatch.setattr(train_encoder, "N_NEW", 3)
    monkeypatch.setattr(train_encoder, "N_SPACE", 3)
    encoder = tmp_path / "encoder"
    few = "--singers", 3, "--songs", 6, "--batch-size", 32, "--epochs", 1
    asked = *few, "--device", "cpu", "--output", encoder
    assert "3 new synthetic singers" in command("train_encoder", *asked)
    card = json.loads((encoder / "card.json").read_text())
    assert card["trained_on"] == "3 synthetic singers, no recording"
    assert card["command"].endswith(f"--device cpu --output {encoder}")
    assert set(card["figures"]["3 new synthetic singers"]) == {"1-NN", "EER"}
    assert card["front_end"]["n_mels"] == 96
    again = tmp_path / "again"
    command("train_encoder", *asked[:-1], again)
    for name in ("weights.safetensors", "space.safetensors"):
        assert (again / name).read_bytes() == (encoder / name).read_bytes()

    (again / "card.json").write_text(json.dumps(card | {"figures": {}}))
    command("train_encoder", "--measure", "--device", "cpu", "--output", again)
    assert json.loads((again / "card.json").read_text()) == card
    for name in ("weights.safetensors", "space.safetensors"):
        assert (again / name).read_bytes() == (encoder / name).read_bytes()

    monkeypatch.setattr(past_the_paper, "IDENTITIES", dict(synthetic_singers=2))
    asked = "--data", "synthetic", "--singers", 8, "--recordings", 2, "--duration", 6
    runs = tmp_path / "runs"
    asked += "--tables", "new-singers", "--rows", "encoded", "--output", runs
    printed = command("past_the_paper", *asked, "--encoder", encoder, "--steps", 2)
    for row in past_the_paper.ENCODED:
        assert f"| {row} | PLDA | 1 |" in printed


def test_the_figures_of_the_shipped_encoder_are_true(ravdess_song, monkeypatch):
    import train_encoder

    # The means are compared, not the intervals.
    quick = partial(train_encoder.interval_over_singers, n_resamples=2)
    monkeypatch.setattr(train_encoder, "interval_over_singers", quick)
    voices = train_encoder.load_ravdess(str(ravdess_song))
    found = train_encoder.judge_ravdess(SHIPPED, voices, "cpu")
    told = read_card()["figures"]
    for table, readings in found.items():
        apart = told[table].keys() ^ readings.keys()  # where it is not installed
        assert all(reading.startswith("Resemblyzer") for reading in apart)
        for reading, figures in readings.items():
            for what, mean in figures.items():
                means = [str(m).split()[0] for m in (mean, told[table][reading][what])]
                assert abs(np.subtract(*map(float, means))) < 0.01


def test_an_encoder_is_measured_by_ravdess_song_alone(command, tmp_path, rng):
    for singer in ("Ann", "Bob"):
        (tmp_path / singer).mkdir()
        sf.write(tmp_path / singer / "song.wav", rng.uniform(-1, 1, 9000), 22_050)
    with pytest.raises(SystemExit, match="is not RAVDESS song"):
        command("train_encoder", "--data", tmp_path, "--output", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_known_singers_are_named_in_other_songs(
    table, performances, tmp_path, monkeypatch
):
    import past_the_paper

    small = SMALL | dict(synthetic_singers=2)
    monkeypatch.setattr(past_the_paper, "LIBRARY", past_the_paper.LIBRARY | small)
    asked = "--data", performances, "--tables", "known-singers", "--device", "cpu"
    asked += (
        "--rows",
        "library,hand-crafted",
        "--steps",
        2,
        "--output",
        tmp_path / "runs",
    )
    printed = table(*asked)
    assert "| library | itself | 2 |" in printed
    assert "| hand-crafted | LDA | 2 |" in printed
    fits = read(tmp_path / "runs" / "known-singers_fits.csv")
    assert {fit["fold"] for fit in fits} == {"to-major", "to-minor"}
    of_recordings = {
        round(3 * float(fit["recordings"]), 6)
        for fit in fits
        if fit["read by"] == "itself"
    }
    assert of_recordings <= {0, 1, 2, 3}


def test_known_singers_need_lyrics_and_melodies(table, tmp_path):
    made = "--data", "synthetic", "--singers", 2, "--recordings", 2, "--duration", 2
    with pytest.raises(SystemExit, match="need a lyric and a melody"):
        table(*made, "--tables", "known-singers", "--output", tmp_path)


def test_resemblyzer_hears_every_recording_at_its_own_pace(monkeypatch, tmp_path, rng):
    from frozen_embeddings import embed_speech

    class VoiceEncoder:
        def __init__(self, device, verbose):
            pass

        def embed_utterance(self, speech, return_partials):
            assert return_partials
            return None, np.array([[len(speech)]]), None

    module = SimpleNamespace(
        VoiceEncoder=VoiceEncoder, preprocess_wav=lambda wav, source_sr: wav
    )
    monkeypatch.setitem(sys.modules, "resemblyzer", module)
    second = rng.standard_normal(44_100)
    sf.write(tmp_path / "second.wav", second / 10, 44_100)
    for recording in (second[:22_050], (second, 44_100), tmp_path / "second.wav"):
        (parts,) = embed_speech([recording], "cpu")
        assert parts.item() == 16_000

    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    with pytest.raises(SystemExit, match="pip install resemblyzer"):
        list(embed_speech([second], "cpu"))
