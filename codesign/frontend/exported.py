"""A user's module as torch.export sees it: its raw graph, one node per operation as it is written in forward."""

import io
import logging
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Node

from codesign.arrays import first_line
from codesign.errors import InputError, UnsupportedError
from codesign.frontend.unwrap import plain_copy

TORCH = str(Path(torch.__file__).parent)


def export(module: nn.Module, sample: Tensor) -> ExportedProgram:
    """`module` in eval mode and float32, exported for inputs like `sample` (images, ...). The module does not change.

    Raises InputError when it does not take the inputs, UnsupportedError when torch cannot export it.
    """
    owner, kind = plain_copy(module), type(module).__name__
    shape = ", ".join(map(str, sample.shape[1:]))
    try:
        with torch.no_grad(), quiet():
            owner(sample.float())
    except Exception as e:  # the user's forward may raise anything
        raise InputError(
            f"calibration: model {kind} does not take inputs of shape (images, {shape}): {first_line(e)}"
        ) from e
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(owner, (sample.float(),))
    except Exception as e:  # torch raises many types
        line = _raised_at(e.__traceback__)
        raise UnsupportedError(
            f"model {kind}{f' (line {line})' if line else ''}: torch.export cannot read it ({type(e).__name__}: "
            f"{first_line(e)}); remove Python branches that depend on tensor values"
        ) from e


def line_of(node: Node) -> str:
    """FILE:LINE of the user's innermost line that made a node; "" if torch does not know it."""
    found = ""
    for text in str(node.meta.get("stack_trace") or "").splitlines():
        head, _, rest = text.strip().partition('File "')
        path, _, tail = rest.partition('", line ')
        if not head and tail and not path.startswith(TORCH):
            found = place(path, tail.partition(",")[0])
    return found


def place(path: str, line: object) -> str:
    """FILE:LINE; cell:LINE of a notebook, whose cells lie in files of changing names."""
    file = Path(path)
    return f"{'cell' if file.parent.name.startswith('ipykernel_') else file.name}:{line}"


def module_of(node: Node) -> tuple[str, str]:
    """Path and type of the innermost module that a node belongs to; ("", "") for the model itself."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1][:2] if stack else ("", "")
    name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    return str(path), name if path else ""


def where(node: Node) -> str:
    """The module of a node, for messages."""
    path, _ = module_of(node)
    return f"module {path}" if path else f"module (top), {node.name}"


def _raised_at(trace: TracebackType | None) -> str:
    """FILE:LINE of the last line outside torch that led to an error, this file aside."""
    frames = [f for f in traceback.extract_tb(trace) if not f.filename.startswith(TORCH) and f.filename != __file__]
    frames = [f for f in frames if Path(f.filename).is_file() and "contextlib" not in f.filename]
    return place(frames[-1].filename, frames[-1].lineno) if frames else ""


@contextmanager
def quiet() -> Iterator[None]:
    """Silences logs, warnings and prints: the exception repeats what torch says when it fails."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
