"""The one place that knows where the Verilog templates lie."""

from pathlib import Path

from codesign import resources

SYNTHESIZABLE = (
    "xb_crc32",
    "xb_table",
    "xb_memory",
    "xb_registers",
    "xb_loader",
    "xb_stream_in",
    "xb_fetch",
    "xb_wordlines",
    "xb_convert",
    "xb_scan",
    "xb_reduce",
    "xb_accumulate",
    "xb_drain",
    "xb_requant",
    "xb_stream_out",
    "xb_core",
    "xb_chip",
)
HEADERS = ("xb_registers.vh",)
MODELS = ("xb_array",)  # of macros, each with its black box
CHECKS = ("xb_check_stream", "xb_checks")  # for simulation alone


def folder() -> Path:
    """The hdl_templates folder of this installation."""
    return resources.folder("hdl_templates")


def text(name: str) -> str:
    """Contents of a template, by its path inside hdl_templates."""
    return (folder() / name).read_text(encoding="utf-8")
