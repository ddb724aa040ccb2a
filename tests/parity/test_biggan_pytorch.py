"""Our networks with BigGAN-PyTorch's weights against what BigGAN-PyTorch computed.

biggan32_ch8.npz was made with BigGAN-PyTorch's classes in torch 2.13 from random weights: 32 px, width 8, batch 4, 10
classes, shared embedding 16, hierarchical z in chunks of 8, attention in G with gamma 0.7. Images are NCHW.
"""

from sagan_tf.interop import biggan_pytorch
from sagan_tf.models.spec import GANSpec
from tests.closeness import NETWORK
from tests.parity.golden import BigGANPyTorchParity

SPEC = GANSpec(
    resolution=32,
    generator_ladder=(4, 4, 4, 4),
    discriminator_ladder=(4, 4, 4, 4),
    pools=2,
    width=8,
    n_classes=10,
    z_dim=32,
    conditioning="shared",
    shared_dim=16,
    hierarchical=True,
    attention_g=(16,),
    norm_decay=0.9,
    final_norm_decay=0.9,
    norm_epsilon=1e-4,
    final_norm_epsilon=1e-5,  # theirs for the last norm, whatever is asked for
    spectral_norm_epsilon=1e-6,
)


# Inputs of ReLU, by shape and place, that lie so near its kink (8e-6) that rounding decides: the sides they had there.
NEAR_THE_KINK = {
    (4, 16, 16, 32): {6390: 1, 15374: 1},
    (4, 32, 32, 32): {130427: 1, 102463: -1, 8261: -1, 117626: 1},
    (8, 16, 16, 32): {24933: -1, 48142: 1, 15473: -1, 15926: 1},
    (8, 32, 32, 32): {64565: 1, 78876: 1, 97378: 1, 101424: -1, 139333: -1, 248698: 1},
}


class TestBigGAN(BigGANPyTorchParity):
    spec, file, relative, batch, near_the_kink = SPEC, "biggan32_ch8.npz", NETWORK, 4, NEAR_THE_KINK


def test_names_there():
    for ours, theirs in (
        ("blocks.2.norm_1.gain.layer.kernel", "blocks.2.0.bn1.gain.weight"),
        ("blocks.2.norm_1.bias.u", "blocks.2.0.bn1.bias.u0"),
        ("long_range.3.query.layer.kernel", "blocks.3.1.theta.weight"),
        ("long_range.3.gamma", "blocks.3.1.gamma"),
        ("final_norm.gain", "output_layer.0.gain"),
        ("head.embedding.layer.kernel", "embed.weight"),
    ):
        assert biggan_pytorch.name_there(ours) == theirs
