"""The sections of a page, each from the records that it shows; None where there is nothing to show."""
