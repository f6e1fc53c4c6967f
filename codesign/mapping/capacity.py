"""Check a plan against every limit of the chip that a program can exceed, with advice."""

from codesign.chip.layout import LOAD, STEP
from codesign.errors import CapacityError
from codesign.mapping.mapping import Plan, StepPlan
from codesign.mapping.parts import parts_of

MAX_BEATS = 65535  # a 16-bit counter in xb_stream_in.v


def needs(plan: Plan) -> dict[str, tuple[int, int]]:
    """(needed, available) of each resource of the chip, by its key in the chip file."""
    chip, steps, network = plan.chip, plan.steps, plan.outline
    memory = chip.memory
    bits = max([network.input.bits, *(n.out.bits for n in network.layers if not n.raw)])
    tiles = [t for s in steps for t in s.tiles]
    lanes, pooled = chip.adc.lanes, [s for s in steps if s.walk.window]
    added = [sum(load.operand for load in s.loads) for s in steps if not s.is_vector]  # they wait for the accumulators
    return {
        "memory.input_words": (-(-plan.beats * chip.bus.stream_bytes // chip.word), memory.input_words),
        "memory.steps": (len(steps), memory.steps),
        "memory.loads": (sum(len(s.loads) for s in steps), memory.loads),
        "memory.tiles": (sum(len(t.terms) + len(t.operands) for t in tiles), memory.tiles),
        "memory.constants": (sum(s.constants(lanes) for s in steps), memory.constants),
        "memory.walks": (1 + len(plan.walks), memory.walks),
        "memory.pools": (max((sum(-(-t.columns // lanes) for t in s.tiles) for s in pooled), default=0), memory.pools),
        "memory.operands": (max(added, default=0), memory.operands),
        "activation.bits": (bits, chip.activation.bits),
    }


def check_capacity(plan: Plan) -> None:
    """Raises CapacityError when the plan needs more of anything than the chip has."""
    uses, network, chip = needs(plan), plan.outline, plan.chip
    widest, takes = uses.pop("activation.bits")
    for key, (used, has) in uses.items():
        if used > has:
            raise CapacityError(
                f"network {network.name}: needs {key} >= {used}, chip {chip.name} has {has}"
                f"{_in_parts(plan) if key == 'memory.steps' else ''}; raise {key} or shrink the network"
            )
    for step in plan.steps:
        _check_picture(step)
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


def _in_parts(plan: Plan) -> str:
    """Which layers take several steps; empty if none does."""
    found = []
    for n in plan.outline.layers:
        first, *others = parts_of(n, plan.chip)
        if others:
            count, whole, what = (
                (first.outputs, n.outputs, "channels") if n.is_vector else (first.groups, n.groups, "groups")
            )
            each = f"every {count:,}" if count > 1 else "each"
            found.append(f"{n.name} takes {1 + len(others)}, one for {each} of its {whole:,} {what}")
    return f" ({', '.join(found)})" if found else ""


def _check_picture(step: StepPlan) -> None:
    """Raises CapacityError when a padded picture, or the window over it, has more than its entries count."""
    if not step.walk.bounded:
        return
    for what, has, most in (
        ("the picture has {} rows", step.walk.rows, STEP.field("rows").hi),
        ("a row of the picture has {} activations", step.walk.row_length, STEP.field("row_length").hi),
        ("the kernel has {} rows", 1 + max(load.row for load in step.loads), 1 + LOAD.field("row").hi),
        ("a row of the kernel has {} activations", max(load.column + load.count for load in step.loads), 1 << 15),
        ("{} activations of 0 lie left of a row", -step.walk.column, -STEP.field("column").lo),
        ("{} rows of 0 lie above it", -step.walk.row, -STEP.field("row").lo),
    ):
        if has > most:
            raise CapacityError(
                f"layer {step.layer}: pads a picture, and {what.format(has)}, a chip counts up to {most} there; "
                "make that smaller or do not pad"
            )
