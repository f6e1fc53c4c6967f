"""The command `codesign`: its options and commands, and what becomes of errors, warnings and interruptions."""

import io
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from codesign import __version__
from codesign.cli import chip, die, image, lists
from codesign.cli.characterize import characterize
from codesign.cli.common import RESUMES, RUN, example, tell
from codesign.cli.compile import compile_
from codesign.cli.doctor import doctor
from codesign.cli.optimize import optimize
from codesign.cli.output import guarded_output, show_error
from codesign.cli.report import report
from codesign.cli.run import run
from codesign.cli.signals import Ended, ending
from codesign.cli.simulate import simulate
from codesign.cli.study import study
from codesign.cli.vectors import vectors
from codesign.cli.where import where
from codesign.errors import CodesignError, CodesignWarning, OutputError, plain
from codesign.terminal import width

COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (  # name, function, end of its help
    ("run", run, example(RUN)),
    ("study", study, example("codesign study flows/iscas2018/drop.toml --quick --out build/study")),
    ("optimize", optimize, example("codesign optimize digits --quick --out build/optimize")),
    (
        "compile",
        compile_,
        example(
            "codesign compile build/digits/01_train/network.safetensors \\",
            "    --chip reference-128 --out build/mlp",
            after=RUN,
        ),
    ),
    (
        "simulate",
        simulate,
        example(
            "codesign simulate build/digits/02_compile/program --images 10 \\",
            "    --inputs build/digits/01_train/inputs.npy \\",
            "    --labels build/digits/01_train/labels.npy",
            after=RUN,
        ),
    ),
    (
        "where",
        where,
        example("codesign where build/digits/02_compile/program 'fc1[3,17]'", after=RUN),
    ),
    (
        "vectors",
        vectors,
        example(
            "codesign vectors build/digits/02_compile/program --images 4 \\",
            "    --out build/vectors",
            after=RUN,
        ),
    ),
    ("characterize", characterize, example(die.MEASURES)),
    ("report", report, example("codesign report build/digits", after=RUN)),
    ("doctor", doctor, example("codesign doctor")),
)

HELP = 52  # columns: click's help is not narrower by itself


class _Main(TyperGroup):
    """Turns a user's mistake into lines on stderr, and an interruption into one."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show(warnings.showwarning)
                return super().invoke(ctx)
        except CodesignError as e:
            if ctx.params.get("debug"):
                raise
            show_error(e)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo(f"interrupted; {RESUMES}", err=True)
            raise typer.Exit(130) from None


def _show(others: Callable[..., None]) -> Callable[..., None]:
    """Shows our own warnings as lines on stderr."""

    def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, CodesignWarning):
            tell(f"warning: {message}")
        else:
            others(message, category, *where)

    return show


app = typer.Typer(
    cls=_Main,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: without rich it takes 0.2 s instead of 0.3
    help="Neural networks from quantized training to ReRAM crossbar chips.",
    epilog=example(RUN),
)
for _name, _command, _epilog in COMMANDS:
    app.command(_name, epilog=_epilog)(_command)
lists.add_to(image.app)
app.add_typer(image.app, name="image")
app.add_typer(chip.app, name="chip")
app.add_typer(die.app, name="die")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. `--debug` may stand anywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what the terminal's locale cannot show
    args = list(sys.argv[1:] if argv is None else argv)
    for arg in args:
        text = "".join(c for c in arg if not "\udc80" <= c <= "\udcff")  # of a path that is not UTF-8, which may be
        if plain(text) != text:
            tell(f"error: argument {plain(arg)}: holds control characters; choose another name")
            return 2
    if "--debug" in args:
        args = ["--debug", *(a for a in args if a != "--debug")]
    try:
        with ending(), guarded_output():
            app(args, prog_name="codesign", terminal_width=_help_width())
    except Ended as e:
        with suppress(OSError):  # the terminal may be gone
            typer.echo(str(e), err=True)
        return e.status
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else int(e.code is not None)
    except OutputError as e:  # standard output failed outside any command, as in --help
        show_error(e)
        return 1
    return 0


def _help_width() -> int | None:
    """Of a terminal that is narrower than the help is at least; None: click's choice."""
    columns = width()
    return columns if columns is not None and columns < HELP else None


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"codesign {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    pass
