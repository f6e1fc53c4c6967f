"""A question file to edit: commented, and ready to run on embedded data."""

from pathlib import Path

from codesign.errors import ConfigError, OutputError
from codesign.folders import atomic_write
from codesign.search.describe import Question
from codesign.settings import parsed, validate_data

TEXT = """\
# A question: which network for this chip, or which chip for this network? Every key: docs/question.md.
#
# codesign optimize FILE --out DIR --screen       what fits; nothing is trained
# codesign optimize FILE --out DIR --quick        the quick form: seconds, and not meaningful
# codesign optimize FILE --out DIR                the best within the limits; run it again to resume
# codesign optimize FILE --out DIR --reach 90     the smallest chip for 90 % of the held-out images
#
# A line such as `#: latency = 60` is a setting that is off; remove `#: ` to use it.

name = "NAME"                    # names the output files
question = "Digits on crossbars of 16 x 16 four-level cells: which layer sizes?"
chip = "tiny"                    # a preset, or a chip file beside this one: codesign chip new mychip.toml

# What all candidates share. These tables have the keys of a flow: docs/flow.md.

[data]
dataset = "digits"               # digits, wine, breast_cancer, mnist, cifar10, or your own .csv, .npz or image folder

[quantize]
input_bits = 4                   # of an input, on the chip's wordlines
activation_bits = 4              # of an activation between layers

[train]
epochs = 30                      # of the full training
lr = 1e-2
baseline_lr = 1e-2

# What may be chosen: a list of values for any key of the flow or its chip.

[free]
"network.hidden" = { depth = [1, 2], widths = "edges", most = 24 }    # widths: where a layer takes another array
"data.downsample" = [1, 2]                                            # 64 or 16 inputs
#: "quantize.slices" = [1, "free"]                                    # free: as many as columns are left
# A name without a dot is your own; its tables set several keys together.
#: cell = [
#:   { "chip.device.levels" = 2, "chip.device.code_bits" = 1 },
#:   { "chip.device.levels" = 4, "chip.device.code_bits" = 6 },
#: ]

# What a candidate may cost.

[limits]
arrays = 12                      # crossbars; --budgets 4,8,12 asks for several numbers in turn
#: interval = 40                 # cycles between images
#: latency = 60                  # cycles for one image
#: energy_nj = 5.0               # of an image, the higher estimate

# How much to search.

[search]
trials = 8                       # networks to train
rungs = [10]                     # a cheaper training of 10 epochs comes first; most candidates end there
validation = 300                 # training images held out to compare candidates on
finalists = 2                    # best candidates, trained again with every seed
seeds = [1, 2, 3]                # fewer than three give no interval

#: [evaluate]                    # on imperfect dies instead of the ideal one
#: cells = { variation = 0.1 }   # share of a cell's full conductance
#: draws = 4                     # dies

# What you would try first; its layers are scaled until the chip is full, and the winner is compared with it.

[uniform]
hidden = [16]                    # one hidden layer

# The winner's proof in Verilog.

[simulate]
images = 20                      # test images, from the first

[quick]                          # what --quick changes
"train.epochs" = 4
"search.rungs" = [2]
"search.trials" = 4
"search.seeds" = [1, 2]
"simulate.images" = 5
"""


def new(file: Path) -> None:
    """Write a question file to edit, whose name becomes the question's.

    Raises OutputError when it is there already or cannot be written, ConfigError when its name names no question.
    """
    if file.exists():
        raise OutputError(f"{file}: already exists; choose another name or remove it")
    if file.suffix != ".toml":
        raise ConfigError(f"question file {file}: must be named NAME.toml")
    text = TEXT.replace("NAME", file.stem).replace("FILE", file.name)
    validate_data(Question, parsed(text, str(file)), str(file))
    try:
        atomic_write(file, text)
    except OSError as e:
        raise OutputError(f"{file}: cannot be written ({e.strerror}); choose another place") from None
