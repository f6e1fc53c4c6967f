"""codesign doctor: which tools are there."""

from typing import Annotated

import typer

from codesign.brief import counted
from codesign.cli.common import Json, say


def doctor(
    clear_cache: Annotated[
        bool, typer.Option("--clear-cache", help="Remove all compiled simulators; they are compiled again when used.")
    ] = False,
    json: Json = False,
) -> None:
    """List the tools found and how to install what is missing."""
    from dataclasses import asdict

    from codesign.doctor import examine

    if clear_cache:
        _clear(json)
        return
    found = examine()
    lines = []
    for f in found:
        what = {"ok": f.version, "missing": "missing", "old": f"{f.version}, too old"}[f.state]
        lines.append(f"{f.tool:<10} {what}" + ("" if f.state == "ok" else f"  ({f.needed_for})"))
        if f.remedy:
            lines.append(f"{'':<10} {'' if f.required else 'optional: '}{f.remedy}")
    say(json, [asdict(f) for f in found], "\n".join(lines))
    if any(f.required and f.state != "ok" for f in found):
        raise typer.Exit(1)


def _clear(json: bool) -> None:
    from codesign.sim.simulators.cache import cache_folder, clear

    gone = clear()
    record = {"folder": str(cache_folder()), "removed": gone.entries, "bytes": gone.size, "busy": gone.busy}
    stays = f"; {counted(gone.busy, 'other', 'is', 'are')} being compiled and not removed" if gone.busy else ""
    removed = f"removed {counted(gone.entries, 'simulator')}, {gone.size / 1e6:,.1f} MB"
    say(json, record, f"{removed} from {cache_folder()}{stays}")
