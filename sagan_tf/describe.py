"""`python -m sagan_tf.describe`: prints a configuration's networks stage by stage, and what a training step costs."""

import json
from collections.abc import Sequence

from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.runs import flags as shared


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the description and returns the exit code."""
    parser = Parser(prog="python -m sagan_tf.describe", description=__doc__)
    shared.add_configuration(parser)
    parser.add_argument("--run_dir", metavar="RUN", help="describe this run instead of a configuration")
    parser.add_argument(
        "--replicas", type=int, default=1, metavar="N", help="devices that share the batch; 1 by default"
    )
    parser.add_argument("--chip", metavar="CHIP", help="what a step needs on v3, v4, v5e, v5p, v6e, A100 or H100")
    parser.add_argument("--json", action="store_true", help="print JSON")
    flags = parser.parse_args(arguments)

    def work() -> None:
        # Here, since flags are answered before TensorFlow is imported.
        from sagan_tf.models.summary import table
        from sagan_tf.runs.description import as_json, chip_text, described, on_chip, step_costs, step_text

        settings, spec = described(flags)
        if flags.replicas < 1 or settings.batch_size % (flags.replicas * settings.accumulation):
            raise ValueError(
                f"--replicas must divide the batch of {settings.batch_size} in its {settings.accumulation} part(s); "
                f"received --replicas={flags.replicas}."
            )
        chip = on_chip(settings, spec, flags.chip, flags.replicas) if flags.chip else None
        if flags.json:
            found = as_json(settings, spec, flags.replicas)
            print(json.dumps(found | ({"on_chip": chip} if chip else {}), indent=1))
            return
        print(table(spec, settings.numerics), step_text(step_costs(settings, spec, flags.replicas)), sep="\n\n")
        if chip:
            print(chip_text(chip, settings.batch_size))

    return answered(work)


if __name__ == "__main__":
    start(main)
