"""The doctor's desk: worklist, images and report in one page (H-2, R-0)."""
