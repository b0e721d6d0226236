"""HTTP: DICOMweb, series streams, images feed, annotations."""
