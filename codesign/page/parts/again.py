"""How to get the same again: commands, versions, and the files that say everything."""

from collections.abc import Sequence

from codesign.page.blocks import Code, Column, Section, section, table
from codesign.page.folder import Run


def again(run: Run) -> Section | None:
    """The commands and versions of a run."""
    m = run.metrics
    if run.flow is None or run.program is None:
        return None
    dataset = str(run.settings.get("data", {}).get("dataset", ""))
    data = "" if dataset in ("digits", "wine", "breast_cancer") else " --data DATA"
    commands = (
        "# in the folder of this page: everything, from the data on",
        f"codesign run flow.toml --out again{data}",
        "# the Verilog alone",
        "codesign simulate 02_compile/program --inputs 01_train/inputs.npy \\",
        f"    --labels 01_train/labels.npy --images {m.accuracy.rtl.images} --simulator {m.simulator}",
        "# this page",
        "codesign report .",
    )
    facts = [*run.versions.items(), ("chip id", m.chip_id)]
    facts += [("data, crc32", run.data_crc)] if run.data_crc else []
    return reproduce("\n".join(commands), facts, run.flow)


def reproduce(
    commands: str, facts: Sequence[tuple[str, str]], flow: str = "", name: str = "flow.toml"
) -> Section | None:
    """Commands, versions, and a file in full."""
    return section(
        "reproduce",
        "Reproduce",
        Code("Commands", commands),
        table("versions", "Versions and identities", ("what", Column("value", is_text=True)), facts, as_listed=True)
        if facts
        else None,
        Code(f"{name}, every default written out", flow, folded=True) if flow else None,
    )
