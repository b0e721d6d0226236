"""What is scheduled (Modality Worklist, PS3.4 K) and what became of it (performed procedure steps, PS3.4 F)."""
