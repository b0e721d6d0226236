"""DICOM objects without whom they are of: PS3.15 Basic Application Level Confidentiality Profile and options, under a project's pseudonyms."""
