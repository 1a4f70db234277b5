"""Voices nobody trained on, as a command over a folder with a table."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from scipy.spatial.distance import cdist
from sklearn.preprocessing import StandardScaler
from written import read

from singerlearn import HandcraftedFeatures, normalize_scores
from singerlearn.metrics import equal_error_rate


@pytest.fixture
def folder(tmp_path, singers):
    """Four singers in three songs: files, and a table that tells who sings what."""
    songs = np.tile(["ave", "salve", "alma"], 4)
    paths = [f"take{i}.flac" for i in range(12)]
    for path, recording in zip(paths, singers.recordings, strict=True):
        sf.write(tmp_path / path, recording, 22050, subtype="PCM_24")
    table = pd.DataFrame(dict(path=paths, singer=singers.singers, song=songs))
    table.to_csv(tmp_path / "metadata.csv", index=False)
    return tmp_path, table


def test_strangers_are_compared_across_songs(command, folder, tmp_path):
    root, table = folder
    asked = "--data", root, "--device", "cpu", "--output", tmp_path / "out"
    printed = command("strangers", *asked, "--rows", "hand-crafted,voices")
    assert "12 recordings of 4 singers" in printed
    lines = read(tmp_path / "out/fits.csv")
    rows = {(line["row"], line["read by"]): line for line in lines}

    clips = HandcraftedFeatures().transform([root / path for path in table["path"]])
    scaler = StandardScaler().fit(np.concatenate(clips))
    means = np.array([scaler.transform(c).mean(axis=0) for c in clips])
    apart = cdist(means, means, "cosine")
    singer, song = table["singer"], table["song"]
    hits, pairs = [], []
    for i in range(12):
        others = [j for j in range(12) if song[j] != song[i]]
        hits.append(singer[min(others, key=lambda j: apart[i, j])] == singer[i])
    for i, j in combinations(range(12), 2):
        if song[i] != song[j]:
            pairs.append((i, j))
    is_target = np.array([singer[i] == singer[j] for i, j in pairs])
    scores = {
        "angle": -apart[tuple(np.transpose(pairs))],
        "angle, s-norm": normalize_scores(
            -apart[tuple(np.transpose(pairs))], pairs, -apart
        ),
    }
    for reading, expected in scores.items():
        found = rows["hand-crafted", reading]["crossed EER"]
        assert float(found) == pytest.approx(equal_error_rate(is_target, expected))
    found = rows["hand-crafted", "angle"]["crossed 1-NN"]
    assert float(found) == pytest.approx(np.mean(hits))
    assert float(rows["voices", "angle"]["crossed 1-NN"]) > 0.8  # by chance 0.25
    (line,) = (t for t in printed.splitlines() if t.startswith("| voices | angle |"))
    cells = line.strip("| ").split(" | ")[2:]
    figures = list(rows["voices", "angle"].values())[2:]
    for cell, figure in zip(cells, figures, strict=True):
        low, high = map(float, cell.partition("[")[2].rstrip("]").split(", "))
        assert cell.startswith(f"{float(figure):.3f} [") and low <= high
        assert low - 5e-4 <= float(figure) <= high + 5e-4


def test_what_cannot_be_judged_is_refused_at_once(command, folder, tmp_path):
    root, table = folder
    asked = "--data", root, "--rows", "hand-crafted", "--output", tmp_path / "out"
    for column, value in {"song": "ave", "singer": "Ann"}.items():
        table.assign(**{column: value}).to_csv(root / "metadata.csv", index=False)
        with pytest.raises(SystemExit, match="12 recordings of .* cannot be judged"):
            command("strangers", *asked)
    assert not (tmp_path / "out").exists()


def test_rows_that_learn_from_singers_are_not_there(command, capsys):
    with pytest.raises(SystemExit):
        command("strangers", "--data", "synthetic", "--rows", "library")
    assert "no row library" in capsys.readouterr().err
