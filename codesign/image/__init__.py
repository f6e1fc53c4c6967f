"""The programming image: descriptors, words, files, and the register map the bus shows."""

from codesign.image.cell_list import held_by
from codesign.image.compare import Change, changes
from codesign.image.delta import cell_levels, changed_cells, compared, delta, level_changes, merged, read_levels
from codesign.image.entries import entries, plain_entries, show_entries
from codesign.image.faults import faults
from codesign.image.files import (
    BIN,
    LIST,
    cells_csv,
    info,
    levels,
    read_image,
    read_manifest,
    read_words,
    record,
    render,
)
from codesign.image.formats import SUFFIXES, encode, format_of
from codesign.image.header import NAME as HEADER
from codesign.image.locate import MOST
from codesign.image.lone import single, verify_file
from codesign.image.outputs import constants, offsets, plain_outputs, show_outputs
from codesign.image.targets import target_list, targets, whole_chip
from codesign.image.verify import damages, verify
from codesign.image.where import cell_at, find, title
from codesign.image.words import Image, Section, assemble, examine, parse, sections, stream

__all__ = [
    "BIN",
    "HEADER",
    "LIST",
    "MOST",
    "SUFFIXES",
    "Change",
    "Image",
    "Section",
    "assemble",
    "cell_at",
    "cell_levels",
    "cells_csv",
    "changed_cells",
    "changes",
    "compared",
    "constants",
    "damages",
    "delta",
    "encode",
    "entries",
    "examine",
    "faults",
    "find",
    "format_of",
    "held_by",
    "info",
    "level_changes",
    "levels",
    "merged",
    "offsets",
    "parse",
    "plain_entries",
    "plain_outputs",
    "read_image",
    "read_levels",
    "read_manifest",
    "read_words",
    "record",
    "render",
    "sections",
    "show_entries",
    "show_outputs",
    "single",
    "stream",
    "target_list",
    "targets",
    "title",
    "verify",
    "verify_file",
    "whole_chip",
]
