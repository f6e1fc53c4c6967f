"""Write a chip's Verilog: the templates, the generated top and header, file lists, firmware header."""

from functools import cache
from pathlib import Path

import jinja2

from codesign.chip.description import Chip
from codesign.chip.layout import PEEK
from codesign.chip.memory_map import memory_map
from codesign.chip.texts import c_header
from codesign.rtl.library import BLOCK, CHECKS, HEADERS, INNER, MODELS, SYNTHESIZABLE, folder, text
from codesign.rtl.plan import Plan, plan

HOME = "$(CODESIGN_RTL)"  # the rtl folder, in lists for any folder; Icarus Verilog and Verilator put the variable in


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder() / "generated"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Verilog, not HTML
    )


def _generated(name: str, p: Plan) -> str:
    chip = p.chip
    return (
        _templates()
        .get_template(name)
        .render(
            chip=chip,
            peek=PEEK,
            memory_map=memory_map(chip),
            module=p.module,
            name=p.name,
            ports=p.ports,
            parameters=p.parameters,
            array=p.array,
            n=chip.arrays.count,
            rows=chip.arrays.rows,
            code=chip.adc.lanes * chip.adc.bits,
            block=BLOCK,
            group_bits=p.group_bits,
            write_bits=p.parameters["WRITE_BITS"],
            field=chip.acc_bits + 1,
            codes_width=chip.device.code_bits << chip.device.level_bits,
        )
    )


def emit(chip: Chip | str | Path) -> dict[str, str]:
    """Every file of the rtl folder by name. Same chip (a preset's name or a chip file will do), same text.

    `NAME.f` lists the sources for synthesis (with the macro's black box), `NAME_sim.f` for simulation; `NAME_any.f` and
    `NAME_sim_any.f` do so for tools that are started in another folder. README.md says how to use them.
    """
    chip = Chip.of(chip)
    p = plan(chip)
    files = {f"{m}.v": text(f"{m}.v") for m in SYNTHESIZABLE}
    files |= {name: text(name) for name in HEADERS}
    files |= {f"model/{m}.v": text(f"model/{m}.v") for m in (*INNER, *MODELS, *CHECKS)}
    files |= {f"stub/{m}.v": text(f"stub/{m}.v") for m in MODELS}
    files[f"{p.module}_params.vh"] = _generated("params.vh.j2", p)
    files[f"{p.module}.v"] = _generated("top.v.j2", p)
    files[f"sim/{p.module}_sim.v"] = _generated("sim.v.j2", p)
    files[f"{p.name}_regs.h"] = c_header()
    files[f"{p.name}_driver.h"] = _generated("driver.h.j2", p)
    files["README.md"] = _generated("rtl.md.j2", p)
    sources = [*(f"{m}.v" for m in SYNTHESIZABLE), f"{p.module}.v"]
    models = [f"model/{m}.v" for m in (*INNER, *MODELS, *CHECKS)]
    return files | {
        **_lists(p.module, [*sources, *(f"stub/{m}.v" for m in MODELS)]),
        **_lists(f"{p.module}_sim", [*sources, *models, f"sim/{p.module}_sim.v"]),
    }


def _lists(name: str, sources: list[str]) -> dict[str, str]:
    """A file list for use in the rtl folder, and one for any folder: Icarus takes paths from where it is started."""
    anywhere = [f"+incdir+{HOME}", *(f"{HOME}/{source}" for source in sources)]
    return {f"{name}.f": "\n".join(["+incdir+.", *sources]) + "\n", f"{name}_any.f": "\n".join(anywhere) + "\n"}
