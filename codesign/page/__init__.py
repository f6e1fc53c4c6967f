"""report.html: what a run, a study or a search found, and comparisons, as one page that needs nothing else."""

from codesign.page.write import NAME, page_of, write, write_comparison, write_run

__all__ = ["NAME", "page_of", "write", "write_comparison", "write_run"]
