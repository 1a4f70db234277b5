"""The machine and the versions that a benchmark ran on, in one line."""

import os
import platform
from pathlib import Path

import sklearn
import torch

import singerlearn
from singerlearn.device import check_device, check_precision


def describe():
    """Return processor, cores, threads, GPU, what "auto" computes in, and versions."""
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [
            line.split(":")[1]
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        if cpuinfo.exists()
        else []
    )
    processor = names[0].strip() if names else platform.processor() or "unknown CPU"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{processor}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"{gpu}, {check_precision('auto', check_device('auto'))}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}, singerlearn {singerlearn.__version__}"
    )
