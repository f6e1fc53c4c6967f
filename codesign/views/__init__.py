"""What reports and plots show, computed once as records: no drawing, no files."""
