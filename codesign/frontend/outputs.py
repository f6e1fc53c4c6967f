"""What a user's forward returns: the scores among it, and how they are wrapped."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch.utils import _pytree

from codesign.frontend.calls import Scores
from codesign.frontend.fold import Fold, RefusedError, Value
from codesign.frontend.graph import Matrix

END = "must end in a linear layer"
RAW = "the chip leaves raw accumulators"


def chosen(leaves: list[Any], spec: Any) -> tuple[Value, tuple[tuple[str, dict[str, Any]], ...], tuple[str | int, ...]]:
    """The scores of a model, what was dropped behind them, and the keys that lead to them.

    leaves: every result, flat, None for what does not depend on the inputs. Of several that stand for the same scores
    the one nearest to them counts. Raises RefusedError when there are none, or different ones.
    """
    tree = _pytree.tree_unflatten(list(range(len(leaves))), spec)
    paths: list[tuple[Any, ...]] = [()] * len(leaves)
    for keys, position in _pytree.tree_flatten_with_path(tree)[0]:
        paths[position] = tuple(_key(k) for k in keys)
    found = [
        (leaf if isinstance(leaf, Scores) else Scores(leaf, ()), path)
        for leaf, path in zip(leaves, paths, strict=True)
        if leaf is not None
    ]
    if not found:
        raise RefusedError("results do not depend on the inputs", "return the scores")
    first = found[0][0].value
    if any(not _same(first, s.value) for s, _ in found):
        names = ", ".join(".".join(map(str, path)) or "the result" for _, path in found)
        raise RefusedError(f"returns different results ({names})", "return the scores alone")
    scores, path = min(found, key=lambda f: (f[0].order, len(f[0].tail)))
    return scores.value, scores.tail, path


def ended(fold: Fold, value: Value) -> str:
    """Make the last operation a linear layer of (images, classes) without activation; its name.

    What ends in anything else but an activation gets a last layer that hands every score on.
    """
    if len(value.shape) != 1:
        raise RefusedError(
            f"outputs have the shape (images, {', '.join(map(str, value.shape))}), not (images, classes)",
            "flatten or pool them, and end in nn.Linear",
        )
    op = fold.ops.get(value.edge)
    if op is None or not any(isinstance(o, Matrix) for o in fold.ops.values()):
        raise RefusedError(f"{END}, got no linear layer", RAW)
    if op.act is not None:
        raise RefusedError(f"{END}, got a {'relu' if str(op.act) == 'ReLU' else 'clamp'}", RAW)
    read = any(value.edge in o.sources for o in fold.ops.values())
    if isinstance(op, Matrix) and value.plain and not read:
        if op.window is None:
            return op.name
        source = fold.shapes[op.source]
        if op.groups == 1 and op.window.size == source[1:] and op.window.padding == (0, 0):
            fold.ops[op.name] = replace(op, weight=op.weight.reshape(len(op.weight), -1), window=None)
            return op.name
    gain, offset = (np.array(np.broadcast_to(v, (value.shape[0], 1))[:, 0]) for v in (value.gain, value.offset))
    name = fold.name("outputs")
    fold.put(Matrix(name, "", value.edge, np.diag(gain), offset), value.shape)
    value.taken(name)
    return name


def _same(a: Value, b: Value) -> bool:
    return a.edge == b.edge and bool(np.array_equal(a.gain, b.gain) and np.array_equal(a.offset, b.offset))


def _key(key: Any) -> str | int:
    """A step into a dictionary, list or named tuple."""
    for name in ("key", "idx", "name"):
        if hasattr(key, name):
            found = getattr(key, name)
            return found if isinstance(found, str | int) else str(found)
    return str(key)
