"""How each command and each Python block of the documents is tried. Edit this table with the documents.

A command that trains or measures needs a row in STAND_INS; any other runs as it stands, in a folder that holds what
`folder` in test_documents.py puts there. Inline code that only names a command (`codesign image verify`) needs nothing.
A row whose command no longer stands in a document fails a test.
"""

_FEW = "--set train.epochs=1 --set simulate.images=2"
_RUN = f"codesign run flows/digits_mlp.toml --out DIR --data . {_FEW}"
_TRAIN = f"{_RUN} --until train"
_STUDY = "codesign study studies --out DIR --data . --quick"
_ASK = f"--quick {_FEW} --set search.rungs=[] --set search.trials=1 --set search.finalists=1 --set search.seeds=[1]"
_OPTIMIZE = (
    f"codesign optimize optimize_digits --out kept/answer --data . {_ASK}"  # kept: what one trained, the next finds
)

# What a document says: what is run instead, with the same options (but for MAY_LACK). Equal stand-ins are run once.
STAND_INS = {
    # ./dev is tested in tests/test_dev.py.
    "./dev demo": _RUN,
    "./dev test": "./dev help",
    "./dev lint": "./dev help",
    "./dev slow": "./dev help",
    # runs
    "codesign run FLOW --out DIR": _RUN,
    "codesign run FLOW --out DIR --data DATA": _RUN,
    "codesign run flows/NAME.toml --out DIR": _RUN,
    "torchrun --nproc-per-node N -m codesign run FLOW --out DIR": _RUN,  # see tests/train/test_distributed.py
    "codesign run FLOW --until train": _TRAIN,
    "codesign run FLOW --out DIR --set train.stuck_map=stuck.safetensors": f"{_TRAIN} "
    "--set train.stuck_map=stuck.safetensors",
    # studies
    "codesign study flows/iscas2018 --out build/iscas2018 --data DATA --jobs 2": _STUDY,
    "codesign study flows/iscas2018 --out DIR": _STUDY,
    "codesign study flows/iscas2018 --out build/quick --quick": _STUDY,
    "codesign study flows/iscas2018/drop.toml ...": _STUDY,
    "codesign study FILE|FOLDER --out DIR [--quick] [--jobs N]": _STUDY,
    # searches
    "codesign optimize flows/NAME.toml --out DIR": _OPTIMIZE,
    "codesign optimize optimize_mnist --out DIR --data DATA --jobs 2 --budgets 4,8,16,32,64": f"{_OPTIMIZE} "
    "--budgets 1,12",
    "codesign optimize optimize_mnist --out DIR --data DATA --budgets 4,8,16,32,64": f"{_OPTIMIZE} --budgets 1,12",
    "codesign optimize flows/optimize_mnist.toml --out DIR --data DATA --jobs 2": _OPTIMIZE,
    "codesign optimize flows/optimize_mnist.toml --out DIR --data DATA --jobs 2 --budgets 4,8,16,32,64": f"{_OPTIMIZE} "
    "--budgets 1,12",
    "codesign optimize flows/optimize_mnist.toml --out DIR --data DATA --reach 98": f"{_OPTIMIZE} --reach 20",
    "codesign optimize flows/optimize_mnist.toml --out DIR --data DATA --screen": f"{_OPTIMIZE} --screen",
    "codesign optimize flows/optimize_mnist.toml --out DIR --data DATA --front interval": f"{_OPTIMIZE} "
    "--front interval",
    # programs
    "codesign simulate build/mlp --inputs x.npy --images 100 [--out DIR --waves]": "codesign simulate build/mlp "
    "--inputs x.npy --images 3 --out DIR --waves",
    "codesign image cells PROGRAM --out FILE": "codesign image cells build/mlp --out FILE.csv",
    # measurements
    "python -m flows.benchmarks.search --data DATA": "python -m flows.benchmarks.search --data DATA --help",
}

# What a stand-in may leave out: processes of its own would only take time.
MAY_LACK = {"--jobs"}

# Commands that are also run as they stand, with ./dev slow.
SLOW = {"codesign study flows/iscas2018 --out build/quick --quick"}

# Blocks that are not complete by themselves, as document and number: Python that comes before, or None where the block
# needs what tests do not have (a cluster) and only has to be Python.
BEFORE: dict[tuple[str, int], str | None] = {
    ("README.md", 0): """
import torch
from codesign.data import digits
calibration = digits().x_train / 255
model = torch.nn.Sequential(torch.nn.Linear(64, 12), torch.nn.ReLU(), torch.nn.Linear(12, 10)).double()
import numpy as np
x = np.arange(3 * 64).reshape(3, 64) % 256
""",
    ("docs/optimize.md", 0): None,
}
