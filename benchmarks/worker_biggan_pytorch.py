"""The timed program of the peer: BigGAN-PyTorch's own networks and training function, from a checkout of it.

Runs under a Python that has torch; what the checkout imports for its data sets (torchvision, Pillow, h5py, tqdm) is
not needed. Started by compare.py.
"""

import argparse
import contextlib
import functools
import sys
import types
from collections.abc import Callable

import numpy as np
import torch
from frechet import COMPARED, batches
from rounds import resident_mb, serve

# The flags of the checkout's own scripts (launch_SAGAN_bs128x2_ema.sh, launch_BigGAN_bs256x8.sh) that shape the step.
FLAGS = {
    "sagan_128": "--G_attn 64 --D_attn 64 --G_nl relu --D_nl relu --SN_eps 1e-8 --BN_eps 1e-5 --adam_eps 1e-8 "
    "--G_init xavier --D_init xavier --G_lr 1e-4 --D_lr 4e-4 --G_eval_mode",
    "biggan_128": "--G_attn 64 --D_attn 64 --G_nl inplace_relu --D_nl inplace_relu --SN_eps 1e-6 --BN_eps 1e-5 "
    "--adam_eps 1e-6 --G_shared --G_init N02 --D_init N02 --hier --dim_z 120 --shared_dim 128 --G_ch 96 --D_ch 96 "
    "--ema --use_ema --G_lr 1e-4 --D_lr 4e-4 --G_eval_mode",
}


class _Absent(types.ModuleType):
    """Stands in for what only the checkout's data sets use: it names their classes at import, the step none of them."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def import_checkout(path: str):
    sys.path.insert(0, path)
    parts = ("transforms", "datasets", "datasets.utils", "models", "models.inception")
    names = ["torchvision", *(f"torchvision.{part}" for part in parts), "h5py", "PIL", "PIL.Image", "tqdm"]
    before = {name: sys.modules.get(name) for name in names}
    for name in names:
        sys.modules[name] = _Absent(name)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
    import BigGAN
    import train_fns
    import utils

    for name, module in before.items():  # torch looks for some of them later
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module
    return BigGAN, train_fns, utils


def build(flags: argparse.Namespace):
    model, train_fns, utils = import_checkout(flags.peer)
    config = vars(utils.prepare_parser().parse_args(FLAGS[flags.model].split()))
    config.update(
        batch_size=flags.batch_size, resolution=128, n_classes=1000, num_D_steps=1, num_D_accumulations=1,
        num_G_accumulations=1, G_activation=utils.activation_dict[config["G_nl"]],
        D_activation=utils.activation_dict[config["D_nl"]],
    )  # fmt: skip
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    layout = torch.channels_last if "channels_last" in flags.ways else torch.contiguous_format
    generator = model.Generator(**config).to(device, memory_format=layout)
    discriminator = model.Discriminator(**config).to(device, memory_format=layout)
    return types.SimpleNamespace(**locals())


def peak_mb() -> int:
    """The peak of the GPU's memory in use where there is one, otherwise of this process's."""
    return torch.cuda.max_memory_allocated() >> 20 if torch.cuda.is_available() else resident_mb()


def timed(flags: argparse.Namespace, call: Callable[[], object], **facts) -> None:
    serve(call, calls=flags.calls, peak_mb=peak_mb, **facts)


def precision(flags: argparse.Namespace, device: str):
    return torch.autocast(device, torch.bfloat16) if flags.precision == "bfloat16" else contextlib.nullcontext()


def compiled(module):
    """The module compiled; it is given plain tensors, since the compiler refuses the checkout's own subclass."""
    inner = torch.compile(module)
    plain = torch.Tensor

    def call(*tensors, **options):
        return inner(*(t.detach().clone().as_subclass(plain) for t in tensors), **options)

    return call


def step(flags: argparse.Namespace) -> None:
    b = build(flags)
    ema = None
    if b.config["ema"]:
        average = b.model.Generator(**{**b.config, "skip_init": True, "no_optim": True}).to(b.device)
        ema = b.utils.ema(b.generator, average, b.config["ema_decay"], b.config["ema_start"])
    both = b.model.G_D(b.generator, b.discriminator)
    both = compiled(both) if "compiled" in flags.ways else both
    z, y = b.utils.prepare_z_y(flags.batch_size, b.generator.dim_z, 1000, device=b.device)
    b.generator.train()
    b.discriminator.train()
    train = b.train_fns.GAN_training_function(b.generator, b.discriminator, both, z, y, ema, {"itr": 0}, b.config)
    x = torch.rand(flags.batch_size, 3, 128, 128, device=b.device).to(memory_format=b.layout) * 2 - 1
    labels = torch.randint(0, 1000, (flags.batch_size,), device=b.device)

    def call():
        with precision(flags, b.device):
            return train(x, labels)

    parameters = [sum(p.numel() for p in net.parameters()) for net in (b.generator, b.discriminator)]
    timed(flags, call, images=flags.batch_size, parameters=parameters)


def sampling(flags: argparse.Namespace) -> None:
    b = build(flags)
    b.generator.eval()
    generator = compiled(b.generator) if "compiled" in flags.ways else b.generator
    z, y = b.utils.prepare_z_y(flags.batch_size, b.generator.dim_z, 1000, device=b.device)

    def call():
        with torch.inference_mode(), precision(flags, b.device):
            z.sample_()
            y.sample_()
            images = generator(z, b.generator.shared(y)).float()
            return ((images + 1) * 127.5).round().clamp(0, 255).byte().cpu()

    timed(flags, call, images=flags.batch_size)


def attention(flags: argparse.Namespace) -> None:
    """One spectrally normalized attention layer, 64x64 of 64 channels, forward and backward."""
    b = build(flags)
    layers = sys.modules["layers"]
    conv = functools.partial(layers.SNConv2d, num_svs=1, num_itrs=1, eps=b.config["SN_eps"])
    layer = layers.Attention(64, conv).to(b.device).train()
    x = torch.randn(flags.batch_size, 64, 64, 64, device=b.device, requires_grad=True)

    def call():
        with precision(flags, b.device):
            out = layer(x)
        out.backward(out.detach())
        return [x.grad.sum().item(), *(p.grad.sum().item() for p in layer.parameters())]

    timed(flags, call, images=flags.batch_size)


def frechet(flags: argparse.Namespace) -> None:
    """The distance as the checkout's script takes it: its covariance, and its matrix root by Newton and Schulz."""
    import_checkout(flags.peer)
    import inception_utils

    def call():
        sides = []
        for seed in (0, 1):
            pool = torch.from_numpy(np.concatenate(list(batches(seed, **COMPARED))))
            sides += [pool.mean(0), inception_utils.torch_cov(pool, rowvar=False)]
        return float(inception_utils.torch_calculate_frechet_distance(*sides))

    timed(flags, call, images=COMPARED["images"])


PHASES = {"step": step, "sampling": sampling, "attention": attention, "frechet": frechet}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--phase", choices=list(PHASES), required=True)
    parser.add_argument("--model", choices=list(FLAGS), required=True)
    parser.add_argument("--batch_size", type=int, required=True)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--ways", default="", help="channels_last, compiled, or both")
    parser.add_argument("--calls", type=int, default=1, help="of a round")
    flags = parser.parse_args()
    # On GPUs float32 products are TF32's on both sides, as TensorFlow has it by default and PyTorch for convolutions.
    torch.backends.cuda.matmul.allow_tf32 = True
    PHASES[flags.phase](flags)
