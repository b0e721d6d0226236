"""Markings: measurements and annotations on images, kept with author and version (V-8 … V-18, C-6)."""
