"""Run stages in order, skip those that are up to date, resume after a kill.

Every stage has a numbered folder. In it, `inputs.json` records what the stage was started with, and `done.json` that it
finished, from which inputs, and which bytes it left; a stage whose inputs and bytes are unchanged is skipped.
"""

import hashlib
import json
import shutil
import time
from pathlib import Path

from codesign import page
from codesign.errors import ConfigError, InputError, OutputError
from codesign.files import RECORD, open_regular, read_bytes
from codesign.flow import stages
from codesign.flow.describe import Flow
from codesign.flow.stage import DONE, Context, Progress, Stage
from codesign.folders import atomic_write, claimed, writing
from codesign.records import sealed, unsealed
from codesign.report import SUMMARY
from codesign.train.ranks import rank, world

MOST = 1 << 40  # bytes of the largest file that a stage may leave


def run(
    flow: Flow | str | Path,
    out: str | Path,
    first: str | None = None,
    last: str | None = None,
    data: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Run the stages that are not up to date in folder `out`; returns their names.

    flow: a flow, its file, or a preset's name.
    first: rerun from this stage onwards; earlier stages must be up to date.
    last: stop after this stage. data: folder of data sets that are not embedded.
    Raises ConfigError on stages in a wrong order, InputError when an earlier stage or the data are missing,
    OutputError when `out` holds something else or another command is writing there, and whatever the stages raise.
    Under torchrun, the first process does all this; the others only take part in the training.

    Usage:

    >>> import codesign
    >>> small = ["chip=tiny", "network.hidden=[8]", "data.downsample=2", "train.epochs=2", "simulate.images=4"]
    >>> flow = codesign.Flow.load("digits_mlp", small)
    >>> codesign.run(flow, "build/digits")
    ('train', 'compile', 'reference', 'simulate', 'report')
    >>> codesign.Metrics.load("build/digits").mismatches
    0
    """
    if not isinstance(flow, Flow):
        flow = Flow.load(flow)
    steps = stages.STAGES
    names = [s.name for s in steps]
    for option, name in (("--from", first), ("--until", last)):
        if name is not None and name not in names:
            raise ConfigError(f"{option} {name}: no such stage; use one of {', '.join(names)}")
    begin, end = names.index(first or names[0]), names.index(last or names[-1])
    if begin > end:
        raise ConfigError(f"--from {first}: comes after --until {last}; the order is {', '.join(names)}")
    context = Context(
        flow,
        Path(out),
        None if data is None else Path(data).resolve(),
        progress or (lambda stage, done, of, note: None),
        tuple(names),
    )
    if rank() > 0:
        stages.help_to_train(context)
        return ()
    if first is not None or not all(_is_done(s, context) for s in steps[: end + 1]):
        stages.prepare(steps[begin : end + 1], flow)
    ran = []
    with claimed(out, "run"), writing(context.out):
        atomic_write(context.out / "flow.toml", flow.toml())
        for k, stage in enumerate(steps[: end + 1]):
            if k < begin:
                if not _is_done(stage, context):
                    where = context.folder(stage.name)
                    raise InputError(f"{where}: stage {stage.name} is not finished for this flow; run without --from")
            elif first is not None or not _is_done(stage, context):
                _do(stage, context)
                ran.append(stage.name)
            if stage.name == "train" and world() > 1 and "train" not in ran:
                stages.excuse_helpers(context)
        if end == len(steps) - 1:
            shown = context.folder(steps[-1].name) / SUMMARY
            atomic_write(context.out / SUMMARY, read_bytes(shown, RECORD))
    return tuple(ran)


def _do(stage: Stage, context: Context) -> None:
    folder, inputs = context.folder(stage.name), _inputs(stage, context)
    started = folder / "inputs.json"
    half = (
        stage.resumes
        and not (folder / DONE).exists()
        and started.is_file()
        and read_bytes(started, RECORD) == inputs.encode()
    )
    if not half:
        _clear(folder)
        atomic_write(started, inputs)
    context.progress(stage.name, 0, 0, "")
    for name in (SUMMARY, page.NAME):  # they describe what is being replaced
        (context.out / name).unlink(missing_ok=True)
    begin = time.perf_counter()
    stage.work(context, folder)
    seconds = round(time.perf_counter() - begin, 3)
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p not in {started, folder / DONE})
    files = {p.relative_to(folder).as_posix(): _sha256(p) for p in paths}
    done = {"files": files, "inputs": hashlib.sha256(inputs.encode()).hexdigest(), "time_s": seconds}
    atomic_write(folder / DONE, sealed(done))


def _clear(folder: Path) -> None:
    """Replace a stage's folder by an empty one. Raises OutputError."""
    try:
        if folder.is_symlink() or folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
    except OSError as e:
        what = "is a link" if folder.is_symlink() else "is not a folder" if folder.is_file() else e.strerror
        raise OutputError(f"{folder}: cannot be replaced ({what}); remove it, or choose another folder") from None


def _is_done(stage: Stage, context: Context) -> bool:
    """Whether the stage finished from these inputs, and its files are as it left them."""
    folder = context.folder(stage.name)
    try:
        done = unsealed(folder / DONE)
        files = done["files"]
        if done["inputs"] != hashlib.sha256(_inputs(stage, context).encode()).hexdigest():
            return False
        return all(_sha256(folder / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _inputs(stage: Stage, context: Context) -> str:
    """Everything the stage's result depends on, as text: its settings, and the files of earlier stages."""
    before = {s: unsealed(context.folder(s) / DONE)["files"] for s in stage.after}
    return json.dumps({"settings": stage.inputs(context), "after": before}, indent=1, sort_keys=True) + "\n"


def _sha256(path: Path) -> str:
    with open_regular(path, MOST) as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
