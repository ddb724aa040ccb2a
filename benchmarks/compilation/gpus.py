"""What XLA must know about a GPU that is not present, in the text form of its GpuTargetConfigProto."""

# SMs, float32 units and bytes of shared memory of each, bytes of memory and of L2, bytes/s, GHz, and the name.
GPUS = {
    "A100": {
        "core_count": 108,
        "fpus_per_core": 64,
        "shared_memory_per_core": 167936,
        "shared_memory_per_block_optin": 166912,
        "device_memory_size": 85100068864,
        "l2_cache_size": 41943040,
        "memory_bandwidth": 2039040000000,
        "clock_rate_ghz": 1.41,
        "cuda_compute_capability": "{ major: 8 }",
        "name": '"NVIDIA A100-SXM4-80GB"',
    },
    "H100": {
        "core_count": 132,
        "fpus_per_core": 128,
        "shared_memory_per_core": 233472,
        "shared_memory_per_block_optin": 232448,
        "device_memory_size": 84942979072,
        "l2_cache_size": 52428800,
        "memory_bandwidth": 3352320000000,
        "clock_rate_ghz": 1.98,
        "cuda_compute_capability": "{ major: 9 }",
        "name": '"NVIDIA H100 80GB HBM3"',
    },
}
OF_ALL = {
    "threads_per_block_limit": 1024,
    "threads_per_warp": 32,
    "threads_per_core_limit": 2048,
    "shared_memory_per_block": 49152,
    "registers_per_core_limit": 65536,
    "registers_per_block_limit": 65536,
    "block_dim_limit_x": 2147483647,
    "block_dim_limit_y": 65535,
    "block_dim_limit_z": 65535,
    "thread_dim_limit_x": 1024,
    "thread_dim_limit_y": 1024,
    "thread_dim_limit_z": 64,
    "device_vendor": '"NVIDIA Corporation"',
    "device_address_bits": 64,
    "pcie_bandwidth": 34359738368,
    "ecc_enabled": "true",
    "driver_version": '"12.9.0"',
    "runtime_version": '"12.9.0"',
    "compile_time_toolkit_version": '"12.9.0"',
    "dnn_version": '"9.10.0"',
}


def target_config(name: str) -> str:
    """The text of the GPU of that name."""
    device = "\n".join(f"  {field}: {value}" for field, value in {**GPUS[name], **OF_ALL}.items())
    return (
        f'gpu_device_info {{\n{device}\n}}\nplatform_name: "CUDA"\n'
        f"dnn_version_info {{ major: 9 minor: 10 }}\ndevice_description_str: {GPUS[name]['name']}\n"
    )
