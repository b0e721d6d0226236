"""The researcher's room: JupyterLab of one person in a sandbox without network, and the two doors of it (docs/research.md)."""
