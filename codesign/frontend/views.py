"""Operations that keep every value where it is, and those that may only stand at the end of a model."""

from collections.abc import Callable
from typing import Any

from codesign.frontend.advice import INSIDE, advice
from codesign.frontend.calls import Call, Scores
from codesign.frontend.fold import RefusedError, Value, reshaped

SAME = (
    "clone contiguous alias detach to type_as _to_copy lift_fresh_copy expand_as requires_grad positive _unsafe_view "
    "flatten unflatten view reshape view_as reshape_as unsqueeze squeeze ravel"
)


def _view(call: Call) -> Any:
    value = call.args[0]
    if isinstance(value, Scores):
        if _size(value.value.shape) == _size(call.shape) or value.order:
            call.dropped("keeps every value")
            return value
        raise RefusedError(*INSIDE)
    why = "changes only the shape" if value.shape != call.shape else "keeps every value"
    result = reshaped(value, call.shape)
    call.dropped(why)
    return result


def _dropout(call: Call) -> Value:
    if call.arg(2, "train") is True:
        raise RefusedError("it stays on in eval mode", "pass training=self.training")
    call.dropped("off outside training")
    return call.value


def _part(call: Call) -> Value:
    """A part of a tensor that is all of it."""
    value = call.value
    if _size(value.shape) != _size(call.shape):
        raise RefusedError(*advice(call.operation))
    return _view(call)  # type: ignore[no-any-return]


def _moved(call: Call) -> Value:
    """A change of axes that moves no value, since all but one of those that change places have size 1."""
    value, dims = call.value, len(call.value.shape) + 1
    order = list(range(dims))
    if call.operation == "permute":
        order = [d % dims for d in call.args[1]]
    else:
        a, b = (call.args[1] % dims, call.args[2] % dims) if len(call.args) > 2 else (dims - 2, dims - 1)
        order[a], order[b] = order[b], order[a]
    long = [d for d in order if d == 0 or value.shape[d - 1] > 1]
    if long != sorted(long):
        raise RefusedError(*advice("permute"))
    return _view(call)  # type: ignore[no-any-return]


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _softmax(call: Call) -> Scores:
    found = call.args[0]
    if isinstance(found, Scores):
        raise RefusedError("it follows another one", "keep one of them")
    dims = len(found.shape) + 1
    dim = call.args[1] % dims
    if dim == 0:
        raise RefusedError("it runs over the images", "use dim=1")
    if dims != 2:
        raise RefusedError(*advice("softmax"))
    call.dropped("the chip leaves scores in the same order")
    return Scores(found, ((call.operation.lstrip("_"), {"dim": 1}),), call=call)


def _log(call: Call) -> Scores:
    found = call.args[0]
    if not isinstance(found, Scores) or found.order or found.tail[-1][0] != "softmax":
        raise RefusedError(*advice("log"))
    call.dropped("the chip leaves scores in the same order")
    return Scores(found.value, (("log_softmax", {"dim": 1}),), call=found.call)


def _argmax(call: Call) -> Any:
    """The class, from argmax or as the second result of max."""
    found = call.args[0]
    value, tail = (found.value, found.tail) if isinstance(found, Scores) else (found, ())
    dim = call.arg(1, "dim")
    if len(value.shape) != 1 or (isinstance(found, Scores) and found.order):
        raise RefusedError(*advice("argmax"))
    if dim is None or dim % 2 != 1:
        raise RefusedError("it runs over the images", "use dim=1")
    call.dropped("the chip leaves scores; the largest of them is the class")
    keep = {"keepdim": True} if call.arg(2, "keepdim") else {}
    return Scores(value, (*tail, ("argmax", {"dim": 1, **keep})), order=True, call=call)


VIEWS: dict[str, Callable[[Call], Any]] = {
    **{f"{name}.{kind}": _view for name in SAME.split() for kind in ("default", "int", "dim", "dims", "using_ints")},
    **dict.fromkeys(("to.dtype", "to.dtype_layout", "to.device", "to.other"), _view),
    **dict.fromkeys(("dropout.default", "feature_dropout.default", "alpha_dropout.default"), _dropout),
    "feature_alpha_dropout.default": _dropout,
    **dict.fromkeys(("slice.Tensor", "select.int", "expand.default", "narrow.default"), _part),
    **dict.fromkeys(("permute.default", "transpose.int", "t.default", "numpy_T.default", "mT.default"), _moved),
    **dict.fromkeys(("softmax.int", "log_softmax.int", "_softmax.default", "_log_softmax.default"), _softmax),
    "log.default": _log,
    "argmax.default": _argmax,
}
TAILS = {  # what may read a softmax
    "log.default",
    "argmax.default",
    "max.dim",
    *(k for k, handler in VIEWS.items() if handler in (_view, _softmax)),
}
