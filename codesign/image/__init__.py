"""The programming image: descriptors, words, files, and the register map the bus shows."""

from codesign.image.entries import entries, plain_entries, show_entries
from codesign.image.faults import faults
from codesign.image.files import BIN, LIST, cells_csv, info, levels, read_image, record, render
from codesign.image.header import NAME as HEADER
from codesign.image.verify import damages, verify
from codesign.image.words import Image, Section, assemble, parse, sections

__all__ = [
    "BIN",
    "HEADER",
    "LIST",
    "Image",
    "Section",
    "assemble",
    "cells_csv",
    "damages",
    "entries",
    "faults",
    "info",
    "levels",
    "parse",
    "plain_entries",
    "read_image",
    "record",
    "render",
    "sections",
    "show_entries",
    "verify",
]
