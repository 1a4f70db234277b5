"""Benchmarks are imported from their folder, and run in the tests' own process."""

import importlib
import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    """Import from the benchmarks' folder, as a script there does."""
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "benchmarks")


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command of a name with options; returns what it printed."""

    def run(name, *options):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, options)])
        importlib.import_module(name).main()
        return capsys.readouterr().out

    return run
