"""The first layer over chunks that share their frames."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from singerlearn.nn.blocks import convolution
from singerlearn.nn.overlap import gains_by_sharing, share

N_BANDS = 12


def layer(kernel_size=10, stride=1):
    torch.manual_seed(0)
    made = convolution(1, 3, kernel_size, stride=stride)
    made[-1].running_mean.uniform_(-1, 1)
    made[-1].weight.data.uniform_(-1, 1)  # of both signs
    return made.eval()


@torch.inference_mode()
@example(chunk_frames=12, hops=[1], kernel_size=10)  # all but ends
@example(chunk_frames=13, hops=[1, 2, 20], kernel_size=10)  # ends that overlap
@example(chunk_frames=40, hops=[], kernel_size=10)
@given(
    chunk_frames=st.integers(11, 60),
    hops=st.lists(st.integers(1, 70), max_size=5),
    kernel_size=st.sampled_from([4, 10]),
)
def test_chunks_are_as_if_each_were_alone(chunk_frames, hops, kernel_size):
    starts = [0, *torch.tensor(hops, dtype=int).cumsum(0).tolist()]
    image = 1 + torch.rand(1, 1, N_BANDS, starts[-1] + chunk_frames)
    own = layer(kernel_size)
    chunks = torch.cat([image[..., s : s + chunk_frames] for s in starts])
    expected = nn.MaxPool2d(2)(own(chunks))
    found = share(own, image, starts, chunk_frames)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_what_is_shared_is_not_convolved_twice():
    seen = []
    own = layer()
    own[1].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].numel()))
    image = torch.rand(1, 1, N_BANDS, 256 + 9 * 51)
    with torch.inference_mode():
        share(own, image, range(0, 10 * 51, 51), 256)
    # The frames once and twenty ends of ten, and a zero more in bands and frames.
    assert seen == [20 * (N_BANDS + 1) * 11, (N_BANDS + 1) * (image.shape[-1] + 1)]


@pytest.mark.parametrize(
    ("stride", "n_frames", "n_chunks", "gains"),
    [
        (1, 256 + 9 * 51, 10, True),  # 715 frames and 200 at ends, not 2,560
        (2, 256 + 9 * 51, 10, False),
        (1, 256, 1, False),
        (1, 10 * 256, 10, False),  # beside each other
        (1, 10 * 236 - 1, 10, True),
        (1, 10 * 236, 10, False),  # nothing spared
    ],
)
def test_chunks_share_where_that_is_less_to_convolve(stride, n_frames, n_chunks, gains):
    assert gains_by_sharing(layer(stride=stride), n_frames, n_chunks, 256) is gains
