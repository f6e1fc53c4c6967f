"""The programming image: descriptors, words, files, and the register map the bus shows."""

from codesign.image.cell_list import held_by
from codesign.image.compare import Change, changes
from codesign.image.delta import cell_levels, changed_cells, delta, level_changes, merged, read_levels
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
    "parse",
    "plain_entries",
    "read_image",
    "read_levels",
    "read_manifest",
    "read_words",
    "record",
    "render",
    "sections",
    "show_entries",
    "stream",
    "target_list",
    "targets",
    "title",
    "verify",
    "whole_chip",
]
