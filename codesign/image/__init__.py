"""The programming image: descriptors, words, files, and the register map the bus shows."""

from codesign.image.files import BIN, LIST, cells_csv, info, levels, read_image, record, render
from codesign.image.tables import faults
from codesign.image.verify import damages, verify
from codesign.image.words import Image, Section, assemble, parse, sections

__all__ = [
    "BIN",
    "LIST",
    "Image",
    "Section",
    "assemble",
    "cells_csv",
    "damages",
    "faults",
    "info",
    "levels",
    "parse",
    "read_image",
    "record",
    "render",
    "sections",
    "verify",
]
