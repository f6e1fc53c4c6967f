"""The programming image: descriptors, words, files, and the register map the bus shows."""

from codesign.image.files import info, levels, render, verify
from codesign.image.words import Image, Section, assemble, parse, sections

__all__ = ["Image", "Section", "assemble", "info", "levels", "parse", "render", "sections", "verify"]
