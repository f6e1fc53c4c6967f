"""Studies: one question, many trainings over several seeds, and the tables and plots of their results."""

from codesign.study.describe import Study, load
from codesign.study.expand import check, jobs
from codesign.study.run import run

__all__ = ["Study", "check", "jobs", "load", "run"]
