"""Tables that a narrow terminal shows as blocks."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from codesign import terminal

NOTE = 16  # characters that a column without a name, of notes, must have; it wraps


class Fitting:
    """A table as it is, or a block for each row on a terminal that is too narrow for its named columns."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = terminal.width(console.file)  # type: ignore[arg-type]
        if columns is None or self._needs(console, options) <= columns:
            yield self.table
            return
        heads = [str(c.header) for c in self.table.columns]
        rows = zip(*([_plain(cell) for cell in c.cells] for c in self.table.columns), strict=True)
        yield Text(terminal.folded("\n".join(terminal.blocks(heads, list(rows))), columns))

    def _needs(self, console: Console, options: ConsoleOptions) -> int:
        whole = Measurement.get(console, options.update(width=1 << 16), self.table).maximum
        *_, last = self.table.columns
        notes = max((len(_plain(cell)) for cell in last.cells), default=0)
        return whole if last.header else whole - max(0, notes - NOTE)


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
