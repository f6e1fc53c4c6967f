"""Co-optimization: the best network for a chip, or the smallest chip for an accuracy, with a certificate.

question file -> space of candidates -> cost of each by the compiler's plan -> search -> answer, certificate, curve
"""

from codesign.search.answer import Point, Reached
from codesign.search.describe import Question, load
from codesign.search.front import Front, front, front_record, front_table
from codesign.search.new import new
from codesign.search.reached import missed_table, missed_text, reached_record, reached_text
from codesign.search.rendering import text
from codesign.search.screen import Screened, screen, screen_record, screen_table
from codesign.search.sweep import optimize, reach
from codesign.search.write import record, text_table

__all__ = [
    "Front",
    "Point",
    "Question",
    "Reached",
    "Screened",
    "front",
    "front_record",
    "front_table",
    "load",
    "missed_table",
    "missed_text",
    "new",
    "optimize",
    "reach",
    "reached_record",
    "reached_text",
    "record",
    "screen",
    "screen_record",
    "screen_table",
    "text",
    "text_table",
]
