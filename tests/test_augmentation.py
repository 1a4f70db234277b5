import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from singerlearn.augmentation import augment, draw_masks, stretch_bands


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_masks_are_runs_of_every_length_and_place(generator):
    masks = draw_masks(5000, 10, 3, generator).numpy()
    runs = np.abs(np.diff(masks, axis=1, prepend=False, append=False)).sum(axis=1)
    assert set(runs) == {0, 2}
    np.testing.assert_allclose(np.bincount(masks.sum(axis=1)) / 5000, 0.25, atol=0.03)
    assert masks.any(axis=0).all()


def test_augmented_chunks_differ_by_a_smooth_curve_where_they_are_not_masked(generator):
    chunks = torch.full((200, 96, 60), 30.0)
    heard = augment(chunks, generator).numpy()
    for chunk in heard:
        seen = chunk[:, (chunk > 0).any(axis=0)]
        assert seen.shape[1] >= 50
        # All frames that are left have one curve.
        assert (seen == seen[:, :1]).all()
        curve = seen[:, 0][seen[:, 0] > 0]
        assert len(curve) >= 96 - 24
    deviation = (heard[heard > 0] - 30).std()
    # A level of 2 dB and points of 2.4 dB, which interpolation flattens.
    assert 2.4 < deviation < np.hypot(2, 2.4)


def test_augmented_silence_stays_silent_or_above(generator):
    assert augment(torch.zeros(20, 96, 60), generator).min() == 0


def test_stretched_bands_are_interpolated(rng):
    chunks = rng.rand(3, 20, 4).astype("float32")
    factors = np.array([0.8, 1.0, 1.25], dtype="float32")
    moved = stretch_bands(torch.from_numpy(chunks), torch.from_numpy(factors))
    bands = np.arange(20)
    for chunk, factor, found in zip(chunks, factors, moved.numpy(), strict=True):
        for frame in range(4):
            # np.interp repeats the last value, too, beyond the highest band.
            expected = np.interp(bands / factor, bands, chunk[:, frame])
            assert_allclose(found[:, frame], expected, atol=1e-6)


def test_a_stretch_moves_a_formant_by_its_factor():
    peak = torch.exp(-((torch.arange(96.0) - 40) ** 2) / 20)[None, :, None]
    for factor in (0.86, 1.15):
        moved = stretch_bands(peak, torch.tensor([factor]))
        assert abs(int(moved.argmax()) - 40 * factor) <= 0.5
