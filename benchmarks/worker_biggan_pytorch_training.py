"""Trains the peer: BigGAN-PyTorch's own networks and training function, from a checkout of it, on images in an .npz.

Runs under a Python that has torch. Started by peer_learning.py. At each of --steps it writes 5,000 samples, classes in
turn, in the layout of `sagan_tf.sample --npz`, drawn by the generator in evaluation mode, as in the checkout.
"""

import argparse
import types
from pathlib import Path

import numpy as np
import torch
from worker_biggan_pytorch import import_checkout

# peer_learning.py has the same settings for sagan_tf.
FLAGS = (
    "--G_attn 16 --D_attn 0 --G_nl relu --D_nl relu --SN_eps 1e-8 --BN_eps 1e-5 --adam_eps 1e-8 --G_init xavier "
    "--D_init xavier --G_lr 2e-4 --D_lr 4e-4 --G_B1 0.0 --D_B1 0.0 --G_B2 0.9 --D_B2 0.9 --G_ch 16 --D_ch 16 "
    "--dim_z 128 --G_eval_mode"
)
N_CLASSES = 10


def build(checkout: str, batch_size: int) -> types.SimpleNamespace:
    """The checkout's networks and its training function, on the GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, train_fns, utils = import_checkout(checkout)
    config = vars(utils.prepare_parser().parse_args(FLAGS.split()))
    config.update(
        batch_size=batch_size, resolution=32, n_classes=N_CLASSES, num_D_steps=1, num_D_accumulations=1,
        num_G_accumulations=1, G_activation=utils.activation_dict[config["G_nl"]],
        D_activation=utils.activation_dict[config["D_nl"]],
    )  # fmt: skip
    generator, discriminator = model.Generator(**config).to(device), model.Discriminator(**config).to(device)
    z, y = utils.prepare_z_y(batch_size, generator.dim_z, N_CLASSES, device=device)
    both = model.G_D(generator, discriminator)
    train = train_fns.GAN_training_function(generator, discriminator, both, z, y, None, {"itr": 0}, config)
    return types.SimpleNamespace(generator=generator, discriminator=discriminator, train=train, device=device)


@torch.no_grad()
def write_samples(generator: torch.nn.Module, device: str, path: Path, *, count: int, seed: int) -> None:
    """Writes `count` samples as uint8 (count, 32, 32, 3) and their labels."""
    noise = torch.Generator().manual_seed(seed + 10_000)
    labels = torch.arange(count) % N_CLASSES
    generator.eval()
    images = []
    for part in labels.split(100):
        z = torch.randn(len(part), generator.dim_z, generator=noise).to(device)
        drawn = generator(z, generator.shared(part.to(device)))
        images.append(((drawn + 1) * 127.5).round().clamp(0, 255).byte().cpu())
    generator.train()
    np.savez(path, arr_0=torch.cat(images).permute(0, 2, 3, 1).numpy(), labels=labels.numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="a checkout of BigGAN-PyTorch")
    parser.add_argument("--images", required=True, help=".npz of images uint8 (N, 32, 32, 3) and labels (N,)")
    parser.add_argument("--out", required=True, type=Path, help="folder of step-STEP.npz")
    parser.add_argument("--steps", required=True, type=lambda text: [int(step) for step in text.split(",")])
    parser.add_argument("--batch_size", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--samples", type=int, required=True)
    flags = parser.parse_args()
    torch.manual_seed(flags.seed)
    with np.load(flags.images) as file:
        images, labels = torch.from_numpy(file["images"]), torch.from_numpy(file["labels"]).long()
    peer = build(flags.peer, flags.batch_size)
    print("parameters", *(sum(p.numel() for p in net.parameters()) for net in (peer.generator, peer.discriminator)))
    peer.generator.train()
    peer.discriminator.train()
    order = torch.randperm(len(images))
    for step in range(1, max(flags.steps) + 1):
        at = (step - 1) * flags.batch_size % (len(images) - flags.batch_size)
        chosen = order[at : at + flags.batch_size]
        batch = images[chosen].permute(0, 3, 1, 2).float() / 127.5 - 1
        losses = peer.train(batch.to(peer.device), labels[chosen].to(peer.device))
        if step % 20 == 0:
            print(step, losses, flush=True)
        if step in flags.steps:
            write_samples(
                peer.generator, peer.device, flags.out / f"step-{step}.npz", count=flags.samples, seed=flags.seed
            )


if __name__ == "__main__":
    main()
