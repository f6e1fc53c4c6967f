"""The one place that knows where the Verilog templates lie."""

from pathlib import Path

from codesign import resources

CORE = (
    "xb_table",
    "xb_memory",
    "xb_window",
    "xb_planes",
    "xb_stream_in",
    "xb_walk",
    "xb_fetch",
    "xb_operand",
    "xb_wordlines",
    "xb_convert",
    "xb_scan",
    "xb_reduce",
    "xb_join",
    "xb_accumulate",
    "xb_block",
    "xb_sums",
    "xb_drain",
    "xb_requant",
    "xb_pool",
    "xb_stream_out",
    "xb_front",
    "xb_back",
    "xb_core",
)
BUS = ("xb_crc32", "xb_apb", "xb_registers", "xb_loader", "xb_chip")
SYNTHESIZABLE = (*CORE, *BUS)
HEADERS = ("xb_layout.vh", "xb_registers.vh")
MODELS = ("xb_array",)  # of macros, each with its black box
INNER = ("xb_array_packed",)  # inside the models
CHECKS = ("xb_check_stream", "xb_check_sums", "xb_checks")  # for simulation alone

BLOCK = 4  # arrays that xb_sums moves together

ROOMS = ("core", "bus", "model", "generated")
# Where a file of the rtl folder lies, if in another place: there sources and headers stand side by side.
_PLACES = {
    **{f"{m}.v": f"core/{m}.v" for m in CORE},
    **{f"{m}.v": f"bus/{m}.v" for m in BUS},
    **{name: f"generated/{name}" for name in HEADERS},
    **{f"stub/{m}.v": f"model/stub/{m}.v" for m in MODELS},
}


def folder() -> Path:
    """The hdl_templates folder of this installation."""
    return resources.folder("hdl_templates")


def place(name: str) -> Path:
    """Path of a template, by its name in the rtl folder of a chip or by its path inside hdl_templates."""
    return folder() / _PLACES.get(name, name)


def text(name: str) -> str:
    """Contents of a template, named as `place` takes it."""
    return place(name).read_text(encoding="utf-8")
