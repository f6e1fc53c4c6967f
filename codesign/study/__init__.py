"""Studies: one question, many trainings, several seeds; tables and plots of what came out."""

from codesign.study.describe import Study, load
from codesign.study.expand import check, jobs
from codesign.study.run import run

__all__ = ["Study", "check", "jobs", "load", "run"]
