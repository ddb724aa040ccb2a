"""sagan_tf: SAGAN and BigGAN on TensorFlow 2 and Keras."""

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent

# TensorFlow comes by extra, because the wheels of CPU/GPU and TPU are different distributions that overwrite
# each other. TF-GAN, TF-Hub and tf-keras depend on the one named `tensorflow`, so that a TPU VM installs them
# with `--no-deps` beside the [tpu] extra (README, "TPU").
AROUND_TENSORFLOW = [
    "setuptools<81",  # TensorFlow Hub 0.16 imports its pkg_resources, gone since
    "tensorflow-gan>=2.1,<3",
    "tensorflow-hub>=0.16",
    "tensorflow-probability>=0.24",
    "tf-keras>=2.19,<2.22",
]
ONNX = ["onnxruntime>=1.20", "tf2onnx>=1.17"]
EXPLORE = ["nicegui>=3.0,<4"]
CPU = ["tensorflow>=2.19,<2.22", *AROUND_TENSORFLOW]


def description() -> str:
    """The README for a package index, which knows no other file: pictures and their captions left out, relative links
    as plain text."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"^!\[[^]]*\]\([^)]*\)\n\n(\*[^*].*?\*\n\n)?", "", text, flags=re.M | re.S)
    return re.sub(r"\[([^]]+)\]\((?!https?://)[^)]*\)", r"\1", text)


setup(
    name="sagan_tf",
    version="0.1.0",
    description="SAGAN and BigGAN, the reference implementation on TensorFlow 2 and Keras",
    long_description=description(),
    long_description_content_type="text/markdown",
    author="The sagan_tf authors",
    license="Apache-2.0",
    keywords="gan sagan biggan self-attention spectral-normalization image-generation fid tensorflow keras tpu",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Environment :: GPU :: NVIDIA CUDA",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Processing",
        "Topic :: Software Development :: Libraries :: Python Modules",
        "Typing :: Typed",
    ],
    python_requires=">=3.10,<3.14",
    # The gin files are found beside a checkout, and in an installed package below sagan_tf/shipped/gin.
    packages=[*find_packages(include=["sagan_tf", "sagan_tf.*"]), "sagan_tf.shipped.gin"],
    package_dir={"sagan_tf.shipped.gin": "gin"},
    package_data={
        "sagan_tf": ["py.typed"],
        "sagan_tf.shipped.gin": ["*.gin", "**/*.gin"],
        "sagan_tf.data": ["imagenet_classes.tsv"],
        "sagan_tf.figures": ["page.css"],
    },
    entry_points={"console_scripts": ["sagan_tf=sagan_tf.__main__:main"]},
    install_requires=[
        "absl-py>=2.1",
        "gin-config==0.5.0",
        "importlib-resources>=5",  # TFDS uses it undeclared
        "matplotlib>=3.8",
        "numpy>=1.26",
        "pillow>=10.0",
        "tensorboard>=2.19",
        "tensorflow-datasets>=4.9.6",
        "tqdm>=4.66",
    ],
    extras_require={
        "cpu": CPU,
        "gpu": ["tensorflow[and-cuda]==2.20.*", *AROUND_TENSORFLOW],
        "explore": EXPLORE,
        "onnx": ONNX,
        # beside TensorFlow's, what the packages installed with --no-deps need
        "tpu": [
            "tensorflow-tpu==2.19.1",
            "cloudpickle>=1.3",
            "decorator",
            "setuptools<81",
            "six",
            "tensorflow-metadata<1.18",  # TFDS needs it; later ones need a newer protobuf than this TensorFlow allows
        ],
        "test": [
            *CPU,
            *EXPLORE,
            *ONNX,
            "pytest>=8",
            "pytest-xdist>=3.5",
            "ruff>=0.6",
            "scipy>=1.11",
            "selenium>=4.20",
            "tensorflow-serving-api",
        ],
    },
)
