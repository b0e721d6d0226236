"""The archive of images: DICOM services, DICOMweb, files, the header index in DuckDB, the images feed. Runs alone."""
