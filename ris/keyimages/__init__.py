"""Key images: pictures of what a reader saw, with measurements on them, kept with author and version, for the report (R-10, V-9)."""
