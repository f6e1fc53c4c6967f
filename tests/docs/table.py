"""How each command and each Python block of the documents is tried. Edit this table with the documents.

A command that trains or measures needs a row in STAND_INS; any other runs as it stands, in a folder that holds what
`folder` in test_documents.py puts there. Inline code that only names a command (`codesign image verify`) needs nothing.
A row whose command no longer stands in a document fails a test.
"""

_FEW = "--set train.epochs=1 --set simulate.images=2"
_RUN = f"codesign run flows/digits_mlp.toml --out DIR --data . {_FEW}"
_PRESET = f"codesign run digits_mlp --out DIR {_FEW}"
_STUDY = "codesign study studies --out DIR --data . --quick"
_ASK = f"--quick {_FEW} --set search.rungs=[] --set search.trials=1 --set search.finalists=1 --set search.seeds=[1]"
_OPTIMIZE = f"codesign optimize digits --out kept/answer --data . {_ASK}"  # kept: what one trained, the next finds
_NARROW = _OPTIMIZE.replace("kept/answer", "kept/narrow")  # another question

# What a document says: what is run instead, with the same options (but for MAY_LACK). Equal stand-ins are run once.
STAND_INS = {
    # ./dev is tested in tests/test_dev.py.
    "./dev demo": _RUN,
    "./dev test": "./dev help",
    "./dev lint": "./dev help",
    "./dev slow": "./dev help",
    "./dev browser": "./dev help",
    # runs
    "codesign run FLOW --out DIR --data DATA": _RUN,
    "codesign run flows/NAME.toml --out DIR": _RUN,
    "codesign run mnist_mlp --out DIR --data DATA --set quantize.slices=free --set compile.objective=arrays "
    "--set simulate.images=10000 --set simulate.simulator=verilator": f"{_RUN} --set quantize.slices=free "
    "--set compile.objective=arrays --set simulate.simulator=icarus",
    "codesign run mnist_mlp --out DIR --data DATA --set simulate.images=10000 "
    "--set simulate.simulator=verilator": f"{_RUN} --set simulate.simulator=icarus",
    "codesign run digits_cnn": "codesign run digits_cnn --out DIR --set train.epochs=1 --until train",
    "codesign run digits_mlp --out DIR": _PRESET,
    "codesign run digits_mlp --out DIR --until train": f"{_PRESET} --until train",
    "codesign run digits_mlp --out DIR --set quantize.slices=free": f"{_PRESET} --set quantize.slices=free",
    "codesign run digits_mlp --out DIR --set quantize.slices.fc2=2": f"{_PRESET} --set quantize.slices.fc2=2",
    "codesign run digits_mlp --out DIR --set network.hidden=[128] --until train": f"{_PRESET} "
    "--set network.hidden=[12] --until train",
    "codesign run myflow.toml --out DIR --set train.epochs=5": _RUN,
    "codesign run myflow.toml --out DIR --set train.epochs=5 --from compile": f"{_RUN} --from train",
    "torchrun --nproc-per-node N -m codesign run FLOW --out DIR": _RUN,  # see tests/train/test_distributed.py
    "codesign run FLOW --out DIR --set quantize.stuck_map=stuck.safetensors": f"{_RUN} --until train "
    "--set quantize.stuck_map=stuck.safetensors",
    "codesign run digits_mlp --out build/digits": _PRESET,
    "codesign run digits_mlp --out build/wide --set network.hidden=[128]": f"{_PRESET} --set network.hidden=[12]",
    "codesign run digits_mlp --out build/free --set quantize.slices=free": f"{_PRESET} --set quantize.slices=free",
    # studies
    "codesign study flows/iscas2018 --out build/iscas2018 --data DATA --jobs 2": _STUDY,
    "codesign study flows/iscas2018 --out DIR --data DATA --jobs 2": _STUDY,
    "codesign study flows/iscas2018 --out DIR --quick": _STUDY,
    "codesign study flows/iscas2018 --out build/quick --quick": _STUDY,
    "codesign study flows/iscas2018/drop.toml ...": _STUDY,
    # searches
    "codesign optimize --new myquestion.toml": "codesign optimize --new myquestion.toml",
    "codesign optimize NAME --out DIR": _OPTIMIZE,
    "codesign optimize digits --out DIR": _OPTIMIZE,
    "codesign optimize digits --out DIR --quick": _OPTIMIZE,
    "codesign optimize digits --out DIR --screen": "codesign optimize digits --out DIR --screen",
    "codesign optimize mnist --out DIR --data DATA --screen": f"{_OPTIMIZE} --screen",
    "codesign optimize mnist --out DIR --data DATA --jobs 2": _OPTIMIZE,
    "codesign optimize mnist --out DIR --data DATA --jobs 2 --budgets 4,8,16,32,64": f"{_OPTIMIZE} --budgets 1,12",
    "codesign optimize mnist --out DIR --data DATA --budgets 4,8,16": f"{_OPTIMIZE} --budgets 1,12",
    "codesign optimize mnist --out DIR --data DATA --budgets 16 "
    "--set 'free.network.hidden=[[320,160],[240,272],[256,240],[208,320]]' --set 'free.data.downsample=[2]' "
    "--set 'free.quantize.slices=[1]' --set search.trials=4": f"{_NARROW} --budgets 12 "
    "--set 'free.network.hidden=[[8],[12]]' --set search.trials=2",
    "codesign optimize mnist --out DIR --data DATA --reach 98": f"{_OPTIMIZE} --reach 20",
    "codesign optimize mnist --out DIR --data DATA --front interval": f"{_OPTIMIZE} --front interval",
    "codesign optimize digits --out build/search": _OPTIMIZE,
    "codesign optimize digits --out build/search --screen": "codesign optimize digits --out DIR --screen",
    "codesign optimize digits --out build/search --budgets 4,8,12": f"{_OPTIMIZE} --budgets 1,12",
    "codesign optimize digits --out build/search --reach 90": f"{_OPTIMIZE} --reach 20",
    "codesign optimize digits --out build/search --front interval": f"{_OPTIMIZE} --front interval",
    "codesign optimize myquestion.toml --out build/mine --screen": "codesign optimize flows/questions/digits.toml "
    "--out DIR --screen",
    # chips and programs
    "codesign chip check mychip.toml": "codesign chip check flows/chips/tiny.toml",
    "codesign chip emit mychip.toml --out rtl/": "codesign chip emit flows/chips/tiny.toml --out rtl/",
    "codesign simulate PROGRAM": "codesign simulate build/mlp --inputs x.npy",
    "codesign simulate PROGRAM --inputs x.npy": "codesign simulate build/mlp --inputs x.npy",
    "codesign simulate PROGRAM --inputs x.npy --real --labels y.npy": "codesign simulate build/mlp "
    "--inputs x.npy --real --labels y.npy",
    "codesign image verify PROGRAM": "codesign image verify build/mlp",
    "codesign die import faults.csv --chip reference-128 --out my.die": "codesign die import flows/my_die.csv "
    "--chip reference-128 --out my.die",
    "codesign die info my.die": "codesign die info flows/my_die.csv --chip reference-128",
    "codesign die check my.die PROGRAM --inputs x.npy --labels y.npy --floor 95": "codesign die check flows/my_die.csv "
    "build/mlp --inputs x.npy --labels y.npy --floor 0",
    "codesign characterize reference-128 --cells PROGRAM --out CELLS": "codesign characterize reference-128 "
    "--cells build/mlp --out CELLS",
    "codesign simulate CELLS/array_0 --inputs CELLS/inputs.npy --die my.die": "codesign simulate measured/array_0 "
    "--inputs measured/inputs.npy --die flows/my_die.csv",
    "codesign die recover CELLS words.csv --out recovered.die --offsets offsets.csv": "codesign die recover measured "
    "measured/expected.csv --out recovered.die --offsets offsets.csv",
    "codesign simulate PROGRAM --inputs x.npy --die my.die": "codesign simulate build/mlp --inputs x.npy "
    "--die flows/my_die.csv",
    "codesign image cells PROGRAM --all --g-on 40 --out program.csv": "codesign image cells build/mlp --all --g-on 40 "
    "--out program.csv",
    "codesign image diff PROGRAM readback.csv": "codesign image diff build/mlp build/mlp/image/cells.csv",
    "codesign image delta PROGRAM --from OLD --out delta.ihex": "codesign image delta build/mlp --from build/mlp/image "
    "--out delta.ihex",
    "codesign image cells PROGRAM --from OLD --out delta.csv": "codesign image cells build/mlp --from build/mlp/image "
    "--out delta.csv",
    "codesign image verify delta.ihex": "codesign image verify build/mlp",
    "codesign where PROGRAM 'fc1[3,17]'": "codesign where build/mlp 'fc1[3,1]'",
    "codesign where PROGRAM --array 1 --wordline 1 --bitline 7": "codesign where build/mlp "
    "--array 1 --wordline 1 --bitline 7",
    "codesign image convert PROGRAM --out image.ihex": "codesign image convert build/mlp --out image.ihex",
    "codesign image convert image.ihex --out image.srec --address 0x8000000": "codesign image convert build/mlp "
    "--out image.srec --address 0x8000000",
    "codesign image diff PROGRAM image.srec": "codesign image diff build/mlp build/mlp/image",
    "codesign image verify image.srec": "codesign image verify build/mlp/image/image.hex",
    "codesign image info image.ihex --entries": "codesign image info build/mlp/image/image.bin --entries",
    "codesign image info DIR --entries": "codesign image info build/mlp --entries",
    "codesign image cells PROGRAM --out FILE": "codesign image cells build/mlp --out FILE.csv",
    "codesign compile model.onnx --chip mychip.toml --calibration x.npy --out PROGRAM": "codesign compile "
    "NETWORK.safetensors --chip reference-128 --calibration x.npy --out PROGRAM",
    "codesign compile NETWORK --chip mychip.toml --out PART --until conv2": "codesign compile NETWORK.safetensors "
    "--chip reference-128 --out PART --until fc1",
    "codesign vectors PROGRAM --images 4 --each-layer --out PACK": "codesign vectors build/mlp --images 4 --each-layer "
    "--out PACK",
    "codesign die check flows/my_die.csv build/digits/02_compile/program --inputs build/digits/01_train/inputs.npy "
    "--labels build/digits/01_train/labels.npy --floor 95": "codesign die check flows/my_die.csv "
    "build/digits/02_compile/program --inputs build/digits/01_train/inputs.npy "
    "--labels build/digits/01_train/labels.npy --floor 0",
    # reports
    "codesign report build/digits build/wide --out both.html": "codesign report build/mlp reference-128 "
    "--out both.html",
    "codesign report build/digits build/free --out both.html": "codesign report build/mlp reference-128 "
    "--out both.html",
    "codesign report mychip.toml tiny --out chips.html": "codesign report reference-128 tiny --out chips.html",
    "codesign report DIR": "codesign report done",
    "codesign report DIR --out page.html": "codesign report build/mlp --out page.html",
    "codesign report DIR OTHER --out both.html": "codesign report build/mlp reference-128 --out both.html",
    # measurements
    "python -m flows.benchmarks.chip --simulate": "python -m flows.benchmarks.chip --help",
    "python -m flows.benchmarks.search --data DATA": "python -m flows.benchmarks.search --data DATA --help",
}

# What a stand-in may leave out: processes of its own would only take time.
MAY_LACK = {"--jobs"}

# Commands that are also run as they stand, with ./dev slow.
SLOW = {"codesign study flows/iscas2018 --out build/quick --quick"}

# Blocks that are not complete by themselves, as document and number: Python that comes before, or None where the block
# needs what tests do not have (a cluster) and only has to be Python.
BEFORE: dict[tuple[str, int], str | None] = {
    ("docs/optimize.md", 0): None,
}
