"""Layers over chunks that share what they have in common."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from singerlearn.nn import BLOCKS, SingerNet
from singerlearn.nn.blocks import ResNeXtBlock, VanillaBlock, convolution
from singerlearn.nn.overlap import share, worth_sharing

N_BANDS = 12
POOL = nn.MaxPool2d(2)


def layers(n_stages, block=ResNeXtBlock, kernel_size=10, stride=1):
    torch.manual_seed(0)
    made = nn.Sequential(convolution(1, 4, kernel_size, stride=stride), POOL)
    for _ in range(n_stages - 1):
        made += nn.Sequential(block(4, 4), POOL)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1)
            layer.weight.data.uniform_(-1, 1)  # of both signs
    return made.eval()


def cut(image, starts, chunk_frames):
    return torch.cat([image[..., s : s + chunk_frames] for s in starts])


@torch.inference_mode()
@example(n_stages=2, block=VanillaBlock, chunk_frames=43, hops=[1] * 9, kernel_size=10)
@example(n_stages=3, block=VanillaBlock, chunk_frames=95, hops=[5], kernel_size=10)
@given(
    n_stages=st.integers(1, 3),
    block=st.sampled_from([ResNeXtBlock, VanillaBlock]),
    chunk_frames=st.integers(90, 130),
    hops=st.lists(st.integers(1, 140), max_size=5),
    kernel_size=st.sampled_from([3, 4, 10]),
)
def test_chunks_are_as_if_each_were_alone(
    n_stages, block, chunk_frames, hops, kernel_size
):
    starts = [0, *torch.tensor(hops, dtype=int).cumsum(0).tolist()]
    image = 1 + torch.rand(1, 1, N_BANDS, starts[-1] + chunk_frames)
    own = layers(n_stages, block, kernel_size)
    expected = own(cut(image, starts, chunk_frames))
    found = share(own, image, starts, chunk_frames)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("chunk_frames", range(252, 260))
@torch.inference_mode()
def test_every_length_has_ends_enough(chunk_frames):
    starts = [0, 51, 102]
    image = 1 + torch.rand(1, 1, N_BANDS, 102 + chunk_frames)
    own = layers(2)
    expected = own(cut(image, starts, chunk_frames))
    found = share(own, image, starts, chunk_frames)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize(("hop", "n_ways"), [(51, 2), (52, 1)])
def test_what_is_shared_is_heard_once(hop, n_ways):
    own, n = layers(2), 10
    heard = []
    for layer in own[0], own[2]:
        layer.register_forward_hook(lambda _, x, y: heard.append(tuple(x[0].shape)))
    n_frames = 256 + (n - 1) * hop
    padded = n_frames + -(n_frames + 1) % 4
    share(own, torch.rand(1, 1, N_BANDS, n_frames), range(0, hop * n, hop), 256)
    assert heard == [
        (2 * n, 1, N_BANDS, 20),  # both ends of each chunk
        (2 * n, 4, N_BANDS // 2, 10),
        (1, 1, N_BANDS, padded),
        (n_ways, 4, N_BANDS // 2, padded // 2),  # at even frames, and at odd ones
    ]


@torch.inference_mode()
def test_channels_stay_last():
    own = layers(2).to(memory_format=torch.channels_last)
    found = share(own, torch.rand(1, 1, N_BANDS, 256 + 51), [0, 51], 256)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("hop", "n_chunks", "n_shared"),
    [
        (51, 32, 4),  # 80 %: a third stage would hear four times 1,837 frames
        (52, 32, 6),  # all begin alike
        (1, 32, 6),
        (128, 32, 4),
        (127, 32, 2),
        (51, 2, 2),
        (51, 1, 0),
        (256, 10, 0),  # beside each other
        (220, 32, 0),  # hardly anything spared
    ],
)
def test_layers_are_shared_where_that_is_less_to_hear(hop, n_chunks, n_shared):
    starts = range(0, hop * n_chunks, hop)
    found = worth_sharing(layers(3), starts[-1] + 256, starts, 256)
    assert len(found) == n_shared


def test_strides_are_not_shared():
    starts = range(10)
    assert len(worth_sharing(layers(2, stride=2), 265, starts, 256)) == 0
    later = layers(1) + nn.Sequential(ResNeXtBlock(4, 4, stride=2))
    assert len(worth_sharing(later, 265, starts, 256)) == 2
    assert len(worth_sharing(later[:1], 265, starts, 256)) == 0


def test_batch_norm_learns_from_whole_chunks():
    spectrogram, starts = 60 * torch.rand(16, 96), range(0, 36, 4)
    chunks = torch.stack([spectrogram[:, s : s + 64] for s in starts])
    assert len(worth_sharing(network().convolutions, 96, starts, 64)) == 2
    for train in (True, False):
        one_by_one, together = network().train(train), network().train(train)
        expected = one_by_one.frames(chunks)
        found = together.frames_of_chunks(spectrogram, starts, 64)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(together.state_dict(), one_by_one.state_dict())


def network():
    torch.manual_seed(0)
    return SingerNet(16, 64, 3, filters=(4, 8), dense=())


class Gated(nn.Module):
    """A block whose every frame hears the whole chunk."""

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.convolve = convolution(in_channels, out_channels, 5, stride=stride)

    def forward(self, x):
        h = self.convolve(x)
        return h * h.mean(dim=(2, 3), keepdim=True).sigmoid()


class Normed(nn.Sequential):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(
            convolution(in_channels, out_channels, 5, stride=stride),
            nn.InstanceNorm2d(out_channels),
        )


def dilated(in_channels, out_channels, stride=1):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 5, stride, padding=4, dilation=2),
        nn.ReLU(),
    )


@torch.inference_mode()
@pytest.mark.parametrize(
    ("block", "n_shared"), [(Gated, 2), (Normed, 2), (dilated, 4), (VanillaBlock, 4)]
)
def test_blocks_of_ones_own_hear_chunks_as_if_alone(block, n_shared, monkeypatch):
    monkeypatch.setitem(BLOCKS, "own", block)
    torch.manual_seed(0)
    net = SingerNet(24, 128, 2, block="own", filters=(4, 4), dense=()).eval()
    starts = range(0, 400, 10)
    assert len(worth_sharing(net.convolutions, 528, starts, 128)) == n_shared
    image = 60 * torch.rand(24, 528)
    torch.testing.assert_close(
        net.frames_of_chunks(image, starts, 128),
        net.frames(torch.stack([image[:, s : s + 128] for s in starts])),
    )
