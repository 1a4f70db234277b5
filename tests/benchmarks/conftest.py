"""Benchmarks are imported from their folder, and run in the tests' own process."""

import importlib
import sys
from itertools import product
from pathlib import Path

import pytest
import soundfile as sf

from singerlearn.datasets import make_singers


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    """Import from the benchmarks' folder, as a script there does."""
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "benchmarks")


@pytest.fixture
def performances(tmp_path):
    """A folder of three singers, each with two lyrics in two melodies, as RAVDESS's."""
    folder = tmp_path / "performances"
    folder.mkdir()
    X = make_singers(3, 4, duration=9.0, random_state=0).recordings
    takes = product(("01", "02", "03"), ("03", "04"), ("01", "02"))
    for (actor, emotion, statement), waveform in zip(takes, X, strict=True):
        name = f"03-02-{emotion}-01-{statement}-01-{actor}.wav"
        sf.write(folder / name, waveform, 22_050)
    return folder


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command of a name with options; returns what it printed."""

    def run(name, *options):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, options)])
        importlib.import_module(name).main()
        return capsys.readouterr().out

    return run
