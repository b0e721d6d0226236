"""The front door: settings, secrets, process tree, JupyterHub configuration. The only place where the parts meet."""
