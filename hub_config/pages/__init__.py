"""The pages service: one shared Voilà for all desks, with its own routes, kernel pool and identity.

`zygote` forks warm kernels, `kernels` owns them, `opening` answers `desk/<name>`, `channels` guards the kernel websocket.
"""
