"""Convolutional blocks, whole and strided."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from singerlearn.nn import BLOCKS
from singerlearn.nn.blocks import (
    OneChannelConv2d,
    ResNeXtBlock,
    VanillaBlock,
    convolution,
)


def maps(rng, *shape):
    return torch.from_numpy(rng.uniform(0, 60, size=shape).astype(np.float32))


def test_vanilla_is_g_of_f(rng):
    block = VanillaBlock(3, 5).eval()
    x = maps(rng, 2, 3, 6, 7)
    expected = x
    for conv, _, norm in block:
        expected = torch.conv2d(expected, conv.weight, conv.bias, padding=2)
        expected = expected.clamp(min=0) / (1 + norm.eps) ** 0.5
    assert_allclose(block(x).detach(), expected.detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("in_channels", [8, 3])
def test_resnet_adds_the_bottleneck_to_its_input(rng, in_channels):
    block = BLOCKS["resnet"](in_channels, 8).eval()
    x = maps(rng, 2, in_channels, 6, 7)
    y = x
    for conv, _, norm in block.bottleneck:
        y = torch.conv2d(y, conv.weight, conv.bias, padding="same")
        y = y.clamp(min=0) / (1 + norm.eps) ** 0.5
    if in_channels == 8:
        y = x + y
    else:
        y = torch.conv2d(x, block.shortcut.weight, block.shortcut.bias) + y
    assert_allclose(block(x).detach(), y.detach(), rtol=1e-4, atol=1e-4)


def test_groups_of_a_resnext_block_do_not_see_each_other(rng):
    grouped = ResNeXtBlock(8, 16, cardinality=4).bottleneck[1].eval()
    x = maps(rng, 1, 8, 6, 7)
    before = grouped(x.clone())
    x[:, 2:4] = 0  # the second of four groups of two channels
    changed = (grouped(x) != before).any(dim=-1).any(dim=-1)[0]
    assert changed.tolist() == [False] * 2 + [True] * 2 + [False] * 4


@pytest.mark.parametrize("memory_format", ["contiguous_format", "channels_last"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [5, 10])
def test_one_channel_is_convolved_as_torch_does(
    rng, kernel_size, stride, memory_format
):
    ours = OneChannelConv2d(1, 6, kernel_size, stride, padding=3)
    ours.to(memory_format=getattr(torch, memory_format))
    theirs = torch.nn.Conv2d(1, 6, kernel_size, stride, padding=3)
    theirs.load_state_dict(ours.state_dict())
    chunk = maps(rng, 2, 1, 13, 30) / 60
    inputs = [chunk.clone().requires_grad_() for _ in range(2)]
    outputs = [layer(x) for layer, x in zip((ours, theirs), inputs, strict=True)]
    assert_allclose(*(y.detach() for y in outputs), atol=1e-5)
    for y in outputs:
        y.square().sum().backward()
    for name in ("weight", "bias"):
        gradients = [getattr(layer, name).grad for layer in (ours, theirs)]
        assert_allclose(*gradients, rtol=1e-4, atol=1e-3)
    assert_allclose(*(x.grad for x in inputs), rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        short = ours(chunk)
    assert short.dtype == torch.bfloat16
    assert_allclose(short.detach().float(), outputs[1].detach(), atol=0.03)


def test_the_convolution_over_one_channel_is_ours():
    assert isinstance(convolution(1, 4, 10)[1], OneChannelConv2d)
    assert type(convolution(2, 4, 5)[0]) is torch.nn.Conv2d


def test_even_kernel_keeps_bands_and_frames_with_silence_around():
    layer = convolution(1, 1, 10)
    with torch.no_grad():
        layer[1].weight.fill_(1.0)
        layer[1].bias.zero_()
    counts = layer.eval()(torch.ones(1, 1, 12, 20))[0, 0]
    # Ones seen by a window that reaches 4 back and 5 ahead.
    inside = [
        np.array([min(i + 5, n - 1) - max(i - 4, 0) + 1 for i in range(n)])
        for n in (12, 20)
    ]
    expected = np.outer(*inside) / np.sqrt(1 + layer[-1].eps)
    assert_allclose(counts.detach(), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("shape", [(6, 8), (7, 9), (2, 3)])
def test_a_strided_block_is_every_other_place_of_the_whole_one(rng, kind, shape):
    whole, strided = BLOCKS[kind](3, 8).eval(), BLOCKS[kind](3, 8, stride=2).eval()
    with torch.no_grad():
        for p, q in zip(strided.parameters(), whole.parameters(), strict=True):
            p.copy_(q)
    x = maps(rng, 2, 3, *shape)
    expected = whole(x)[:, :, 1::2, 1::2].detach()
    assert_allclose(strided(x).detach(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_frames", [20, 21])
def test_a_strided_even_kernel_starts_as_the_whole_one_does(rng, n_frames):
    whole, strided = (
        convolution(1, 3, 10).eval(),
        convolution(1, 3, 10, stride=2).eval(),
    )
    strided[0].load_state_dict(whole[1].state_dict())  # needs no zero more on one side
    x = maps(rng, 2, 1, 12, n_frames)
    expected = whole(x)[:, :, :12:2, :20:2].detach()
    assert_allclose(strided(x).detach(), expected, rtol=1e-4, atol=1e-4)
