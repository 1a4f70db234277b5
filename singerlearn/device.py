"""What the machine offers a network: a device, a precision, processes, seeds."""

import threading
from contextlib import ExitStack, contextmanager

import torch
from joblib import cpu_count
from torch.overrides import TorchFunctionMode

# Processes that sing for a GPU: with so many, a fit keeps most of its pace there.
MOST_PROCESSES = 16

_seeding = threading.RLock()


def check_device(device):
    """Return the torch device that "auto", "cpu", "cuda", ... stands for here."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch has no common type
        raise ValueError(
            f"torch cannot use device={device!r} here "
            f"({str(error).splitlines()[0]}); set device='auto' to use a GPU only "
            "where there is one"
        ) from error
    return device


def check_precision(precision, device):
    """Return the precision that "auto", "float32" or "bfloat16" stands for here.

    A processor without units for it computes bfloat16 several times slower than
    float32: "auto" takes it only where it is fast.
    """
    if precision != "auto":
        return precision
    kind = torch.device(device).type
    if kind == "cuda":
        with torch.cuda.device(device):
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = getattr(torch.cpu, "get_capabilities", dict)()
        units = ("avx512_bf16", "amx_bf16", "bf16")  # the last of ARM's
        fast = kind == "cpu" and any(able.get(unit) for unit in units)
    return "bfloat16" if fast else "float32"


def count_processes(n_jobs, device):
    """Return in how many processes synthetic singers sing, once "auto" is decided.

    Parameters
    ----------
    n_jobs : "auto", int or None
    device : str
        Where the network trains.

    Returns
    -------
    int or None
        As joblib takes it.
    """
    if n_jobs != "auto":
        return n_jobs
    on_gpu = torch.device(device).type != "cpu"
    return min(cpu_count(), MOST_PROCESSES) if on_gpu else None


@contextmanager
def undisturbed():
    """Compute as if the caller had set nothing: no autocast, no mode of inference."""
    with ExitStack() as settings:
        settings.enter_context(torch.inference_mode(False))
        settings.enter_context(torch.enable_grad())
        for kind in filter(torch.is_autocast_enabled, ("cpu", "cuda")):
            # Without its cache, which outlives our own inside of it: weights of a step
            # before would be taken for those of now.
            off = torch.autocast(kind, enabled=False, cache_enabled=False)
            settings.enter_context(off)
        yield


class Undrawn(TorchFunctionMode):
    """Makes networks whose weights are zero, or as memory is, for who will load them.

    It holds for its own thread, and touches no generator: nobody has to wait until
    `seeded_torch` has trained elsewhere.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Draw nothing; call what else there is."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name.endswith(("uniform_", "normal_")):  # torch's, and those of nn.init
            return args[0] if args else kwargs["tensor"]
        if name == "randn":
            func = torch.zeros
        return func(*args, **kwargs)


@contextmanager
def seeded_torch(seed, device):
    """Seed torch for weights and dropout, and give the caller's state back after.

    Its state is the whole process's: who trains in another thread waits. Devices that
    do not train keep theirs, which `torch.manual_seed` would seed as well.
    """
    device = torch.device(device)
    on_gpu = device.type == "cuda"
    with _seeding, torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type != "cpu":  # of others torch has no state to give back
            torch.get_device_module(device).manual_seed(seed)
        yield
