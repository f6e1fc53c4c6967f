"""Check a plan against every limit of the chip that a program can exceed, with advice."""

from codesign.errors import CapacityError
from codesign.mapping.mapping import Plan

MAX_BEATS = 65535  # a 16-bit counter in xb_stream_in.v


def needs(plan: Plan) -> dict[str, tuple[int, int]]:
    """(needed, available) of each resource of the chip, by its key in the chip file."""
    chip, steps, network = plan.chip, plan.steps, plan.outline
    memory = chip.memory
    bits = max([network.input.bits, *(n.out.bits for n in network.layers if not n.raw)])
    tiles = [t for s in steps for t in s.tiles]
    return {
        "memory.input_words": (-(-plan.beats * chip.bus.stream_bytes // chip.word), memory.input_words),
        "memory.steps": (len(steps), memory.steps),
        "memory.loads": (sum(len(s.loads) for s in steps), memory.loads),
        "memory.tiles": (sum(len(t.terms) for t in tiles), memory.tiles),
        "memory.constants": (sum(len(t.terms) * -(-t.columns // chip.adc.lanes) for t in tiles), memory.constants),
        "activation.bits": (bits, chip.activation.bits),
    }


def check_capacity(plan: Plan) -> None:
    """Raises CapacityError when the plan needs more of anything than the chip has."""
    uses, network, chip = needs(plan), plan.outline, plan.chip
    widest, takes = uses.pop("activation.bits")
    for key, (used, has) in uses.items():
        if used > has:
            raise CapacityError(
                f"network {network.name}: needs {key} >= {used}, chip {chip.name} has {has}; "
                f"raise {key} or shrink the network"
            )
    if plan.beats > MAX_BEATS:
        raise CapacityError(
            f"network {network.name}: an image takes {plan.beats} input beats, the chip counts up to {MAX_BEATS}; "
            "raise bus.stream_bytes or shrink the input"
        )
    if widest > takes:
        raise CapacityError(
            f"network {network.name}: has {widest}-bit activations, chip {chip.name} takes {takes}; "
            "train with fewer bits or raise activation.bits"
        )
