"""What augmentation is worth, as a command: what is heard where, and the table."""

from functools import partial

import numpy as np
from written import read

from singerlearn import SingerNetClassifier


def test_elsewhere_is_the_same_song_over_another_channel(singers):
    from augmentation import elsewhere

    X = singers.recordings[:3]
    changed, again = elsewhere(X), elsewhere(X)
    for before, after, same in zip(X, changed, again, strict=True):
        assert after.shape == before.shape and after.dtype == np.float32
        np.testing.assert_array_equal(after, same)
        assert 0.3 < np.corrcoef(before, after)[0, 1] < 0.9999


def test_one_command_prints_the_table_and_goes_on(
    command, performances, tmp_path, monkeypatch
):
    import augmentation

    small = partial(SingerNetClassifier, filters=(4, 8), chunks_per_recording=1)
    monkeypatch.setitem(augmentation.NETWORKS, "defaults", small)
    sung, run = [], augmentation.run

    def watched(model, *args):
        result = run(model, *args)
        if model.net_.module_.output.out_features > len(model.classes_):
            sung.append("nothing-synthetic")
        return result

    monkeypatch.setattr(augmentation, "run", watched)
    asked = "--data", performances, "--epochs", 1, "--device", "cpu"
    asked += "--rows", "augmented,nothing-synthetic", "--output", tmp_path / "runs"
    assert "| augmented | 2 |" in command("augmentation", *asked)
    assert sung == ["nothing-synthetic"] * 2
    assert "| augmented | 4 |" in command("augmentation", *asked, "--seed", 0, 1)
    fits = read(tmp_path / "runs" / "fits.csv")
    assert len(fits) == 8 and {fit["row"] for fit in fits} == {"augmented", *sung}
    for place in augmentation.PLACES:
        named = [3 * float(fit[f"{place}: recordings"]) for fit in fits]
        np.testing.assert_allclose(named, np.round(named))
        assert all(0 <= n <= 3 for n in named)
