"""Compiles an HLO file for TPUs or GPUs that are not present. It runs in the compilers' environment (environment.py).

    python compiler.py STEP.hlo --topology=v5e:2x2 [--replicas=8] [--level=19] [--optimized=FILE]
    python compiler.py STEP.hlo --gpu_config=FILE

Its last line of standard output is JSON: what the compiler reports about the program's memory, or why it rejects the
program.
"""

import argparse
import json
import os
import time

os.environ |= {"JAX_PLATFORMS": "cpu", "TPU_SKIP_MDS_QUERY": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
# No TPU is opened, so that another process's lock on one does not matter; environment.py has a lock of its own.
os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"

import numpy as np
from jax._src.interpreters import mlir as jax_mlir
from jax.experimental import topologies
from jax.extend import mlir
from jaxlib import _jax, xla_client
from jaxlib.mlir import ir


def devices_of(flags) -> list:
    if flags.gpu_config:
        with open(flags.gpu_config) as file:
            config = file.read()
        options = {"target_config": config, "topology": "1x1x1"}
        return topologies.get_topology_desc(platform="cuda", topology_name="", **options).devices
    options = {"chip_config_name": flags.chip_config} if flags.chip_config else {}
    return topologies.get_topology_desc(platform="tpu", topology_name=flags.topology, **options).devices


def without_copies(module: ir.Module) -> ir.Module:
    """Leaves out the copies that TensorFlow makes of state which is returned as it came; StableHLO has no such op."""
    copies = []

    def look(operation) -> None:
        for region in operation.regions:
            for block in region:
                for inner in block:
                    if inner.operation.name == "mhlo.copy":
                        copies.append(inner.operation)
                    look(inner.operation)

    look(module.operation)
    for copy in copies:
        copy.results[0].replace_all_uses_with(copy.operands[0])
        copy.erase()
    return module


def options_for(devices: list, level: int | None) -> xla_client.CompileOptions:
    options = xla_client.CompileOptions()
    build = options.executable_build_options
    options.num_replicas = build.num_replicas = len(devices)
    options.num_partitions = build.num_partitions = 1
    build.device_assignment = xla_client.DeviceAssignment.create(np.array([[device.id] for device in devices]))
    if level is not None:
        build.optimization_level = level
    return options


def compiled(flags) -> dict:
    with open(flags.hlo, "rb") as file:
        text = mlir.hlo_to_stablehlo(file.read())
    devices = devices_of(flags)
    if len(devices) < flags.replicas:
        return {"error": f"{flags.topology} has {len(devices)} devices, too few for {flags.replicas} replicas"}
    devices = devices[: flags.replicas]
    with jax_mlir.make_ir_context():
        module = without_copies(ir.Module.parse(text))
        executable = devices[0].client.compile(
            module,
            executable_devices=_jax.DeviceList(tuple(devices)),
            compile_options=options_for(devices, flags.level),
        )
    if flags.optimized:
        with open(flags.optimized, "w") as file:
            file.write(executable.hlo_modules()[0].to_string())
    memory = executable.get_compiled_memory_stats()
    names = ("argument", "output", "alias", "temp", "generated_code")
    sizes = {name: getattr(memory, f"{name}_size_in_bytes") for name in names}
    return {"device": devices[0].device_kind, "memory": {**sizes, "peak": memory.peak_memory_in_bytes}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hlo")
    parser.add_argument("--topology")
    parser.add_argument("--chip_config", help="libtpu's name of how a chip's cores are used, such as megacore")
    parser.add_argument("--gpu_config", metavar="FILE")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--level", type=int, help="the compiler's effort: 9 is O0, 19 O1, 29 O2; none: its default")
    parser.add_argument("--optimized", metavar="FILE", help="write the optimized program's text here")
    flags = parser.parse_args()
    start = time.perf_counter()
    try:
        found = compiled(flags)
    except Exception as error:
        found = {"error": str(error)[:20000]}
    clock = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time()}
    print("\n" + json.dumps({**found, **clock}), flush=True)


if __name__ == "__main__":
    main()
