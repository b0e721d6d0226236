"""Reports: drafts, versions, review, signing, the PDF."""
