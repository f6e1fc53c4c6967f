"""codesign doctor: which tools are there."""

import typer

from codesign.cli.common import Json, say


def doctor(json: Json = False) -> None:
    """List the tools found and how to install what is missing."""
    from dataclasses import asdict

    from codesign.doctor import examine

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
