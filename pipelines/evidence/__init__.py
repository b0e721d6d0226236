"""Evidence objects (IHE): what was drawn here leaves as DICOM SR and GSPS, what others drew is shown as overlays on the images."""
