import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from singerlearn import SingerNetClassifier
from singerlearn.augmentation import (
    AUGMENTATIONS,
    change_channels,
    choose_augmentations,
    draw_masks,
    mask,
    stretch_bands,
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_masks_are_runs_of_every_length_and_place(generator):
    masks = draw_masks(5000, 10, 3, generator).numpy()
    runs = np.abs(np.diff(masks, axis=1, prepend=False, append=False)).sum(axis=1)
    assert set(runs) == {0, 2}
    np.testing.assert_allclose(np.bincount(masks.sum(axis=1)) / 5000, 0.25, atol=0.03)
    assert masks.any(axis=0).all()


def test_a_channel_is_a_smooth_curve_which_all_frames_of_a_chunk_share(generator):
    chunks = torch.full((200, 96, 60), 30.0)
    curves = change_channels(chunks, generator).numpy() - 30
    assert (curves == curves[:, :, :1]).all()
    # Six points of 2.4 dB lie 16 bands apart.
    assert np.abs(np.diff(curves[..., 0], axis=1)).max() < 5 * np.hypot(2.4, 2.4) / 16
    # A level of 2 dB and points of 2.4 dB, which interpolation flattens.
    assert 2.4 < curves.std() < np.hypot(2, 2.4)
    assert change_channels(torch.zeros(20, 96, 60), generator).min() == 0


def test_masks_silence_some_bands_and_frames_and_leave_the_rest(generator, rng):
    chunks = torch.from_numpy(1 + rng.rand(200, 96, 60))
    masked = mask(chunks, generator)
    left = masked != 0
    assert torch.equal(masked[left], chunks[left])
    bands, frames = left.any(dim=2), left.any(dim=1)
    assert torch.equal(left, bands[:, :, None] & frames[:, None, :])
    assert (~bands).sum(dim=1).max() > 12  # two runs of at most an eighth
    assert (~bands).sum(dim=1).max() <= 24 and (~frames).sum(dim=1).max() == 10


def test_augmentations_are_chosen_by_name():
    assert choose_augmentations(True) == ("crops", "channels", "masks")
    assert choose_augmentations(False) == choose_augmentations([]) == ()
    assert choose_augmentations(["masks"]) == ("masks",)
    assert choose_augmentations("auto") == choose_augmentations(True)
    assert choose_augmentations("auto", among_synthetic=True) == ()
    assert choose_augmentations(True, among_synthetic=True) == AUGMENTATIONS
    # Before anything is loaded.
    with pytest.raises(ValueError, match="'noise', which is not one of crops, channe"):
        SingerNetClassifier(augment=("crops", "noise")).fit(["nowhere.wav"] * 2, [0, 1])


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
