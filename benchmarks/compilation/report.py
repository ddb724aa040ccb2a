"""What a compilation says about a training run, as plain data and as text."""

from typing import Any

from compilation.targets import Target
from sagan_tf.experiment import Experiment
from sagan_tf.models.cost import step_flops
from sagan_tf.models.summary import algorithms_of

NOT_RUN = "Nothing was run: the program was compiled for a device that is not here."
WHOSE = "Times are the compiler's own estimates of cycles ({}), without what goes over the network between chips."
GIGA = 1e9


def record(settings: Experiment, target: Target, share: int, found: dict, *, state_bytes: int, effort: str) -> dict:
    """All that is reported, as plain data: the configuration, the compilation's result, and the plan of the run."""
    batch, chip = share * target.replicas, target.chip
    flops = step_flops(
        settings.sized(),
        algorithms_of(settings.numerics, settings.spec.resolution),
        batch_size=share,
        discriminator_steps=settings.discriminator_steps,
    )
    facts: dict[str, Any] = {
        "target": target.name,
        "replicas": target.replicas,
        "images_per_replica": share,
        "batch": batch,
        "discriminator_steps": settings.discriminator_steps,
        "precision": settings.numerics.precision,
        "effort": effort,
        "state_bytes": state_bytes,
        "chip_memory_bytes": chip.memory,
        "product_flops": flops,
        **found,
    }
    program = found.get("program")
    if program:
        facts["roofline_milliseconds"] = 1e3 * max(flops / chip.flops, program["bytes"] / chip.bandwidth)
    if program and "milliseconds" in program:
        facts |= plan(settings, target, share, program["milliseconds"])
    return facts


def plan(settings: Experiment, target: Target, share: int, milliseconds: float) -> dict:
    """Images per second of one device, and what the whole run of the gin file takes at this share of its batch.

    The run's batch is divided among as many devices as its shares make; None where it is not a multiple of the share.
    """
    found: dict[str, Any] = {"images_per_second_per_device": share / milliseconds * 1e3}
    devices, rest = divmod(settings.batch_size, share)
    if rest:
        return {**found, "run": None}
    hours = settings.total_steps * milliseconds / 3.6e6
    run = {"steps": settings.total_steps, "batch": settings.batch_size, "devices": devices, "hours": hours}
    return {**found, "run": {**run, "chip_hours": hours * devices / target.chip.devices_per_chip}}


def text(facts: dict) -> str:
    """The record for people."""
    if "refusal" in facts:
        return "\n".join([_heading(facts), *_refusal(facts), NOT_RUN])
    lines = [_heading(facts), *_memory(facts), *_program(facts)]
    if facts["program"].get("milliseconds") is None:
        why = "estimates of time need --effort=default" if facts["effort"] == "fast" else "it gives no estimate of time"
        return "\n".join([*lines, f"{NOT_RUN} The GPU's or TPU's compiler was used; {why}."])
    return "\n".join([*lines, *_time(facts), f"{NOT_RUN} {WHOSE.format('libtpu')}"])


def _heading(facts: dict) -> str:
    what = "compiles" if facts["fits"] else "does not fit" if "memory" in facts else "is refused"
    replicas = "one replica" if facts["replicas"] == 1 else f"one of {facts['replicas']} replicas"
    return (
        f"The step of {replicas} with {facts['images_per_replica']} images, {facts['discriminator_steps']} update(s) "
        f"of D, {facts['precision']}, {what} for {facts['target']} (effort {facts['effort']}, "
        f"{facts['compile_cpu_seconds']:.0f} CPU seconds)."
    )


def _refusal(facts: dict) -> list[str]:
    words = [f"  {line}" for line in facts["refusal"].splitlines()]
    return ["The compiler says:", *words, *_largest(facts)]


def _largest(facts: dict) -> list[str]:
    found = facts.get("largest")
    if "largest" not in facts:
        return []
    if found is None:
        return ["No batch fits."]
    return [
        f"The largest that fits, in steps of {found['in_steps_of']}: {found['images_per_replica']} images per replica, "
        f"which need {found['memory']['total'] / GIGA:.2f} GB."
    ]


def _memory(facts: dict) -> list[str]:
    memory, state = facts["memory"], facts["state_bytes"]
    sizes = {
        "state (weights, moments, average)": state,
        "images, labels, and filling of tiles": memory["argument"] - state,
        "results beside the state": memory["output"] - memory["alias"],
        "temporaries": memory["temp"],
        "program": memory["generated_code"],
        "all": memory["total"],
    }
    share = memory["total"] / facts["chip_memory_bytes"]
    lines = [f"  {name:<38}{size / GIGA:>9.3f} GB" for name, size in sizes.items()]
    lines[-1] += f"  of {facts['chip_memory_bytes'] / GIGA:.1f} GB: {share:.0%}"
    if not facts["fits"]:
        lines += _largest(facts)
    return ["Memory of a device", *lines]


def _program(facts: dict) -> list[str]:
    program = facts["program"]
    products = ", ".join(f"{n} {kind}" for kind, n in program["products"].items())
    return [
        "Program of a step",
        f"  {facts['product_flops'] / 1e9:,.0f} GFLOP in products, {program['bytes'] / GIGA:.1f} GB moved: at least "
        f"{facts['roofline_milliseconds']:.1f} ms by the chip's published rates (roofline)",
        f"  {program['operations']:,} operations; {products}; {program['all_reduces']} all-reduces; "
        f"{program['host_operations']} host operations; {program['dynamic_dimensions']} dynamic dimensions",
    ]


def _time(facts: dict) -> list[str]:
    program, run = facts["program"], facts["run"]
    lines = [f"Estimated time of a step: {program['milliseconds']:.1f} ms"]
    for name, part in sorted(program["parts"].items(), key=lambda item: -item[1]):
        lines.append(f"  {name:<38}{part:>9.2f} ms{part / program['milliseconds']:>7.1%}")
    if missing := program.get("without_estimate"):
        lines.append(f"  {missing} calls of kernels have no estimate and are left out: the step takes longer")
    lines.append(f"  {facts['images_per_second_per_device']:,.0f} images/s per device")
    if run is None:
        return [*lines, "The gin file's batch is not a multiple of this share, so that its run is not planned."]
    return [
        *lines,
        f"The gin file's run: {run['steps']:,} steps of batch {run['batch']} on {run['devices']} device(s) take "
        f"{run['hours']:,.1f} hours, {run['chip_hours']:,.0f} chip-hours",
    ]
