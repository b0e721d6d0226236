"""The demo: hospitals, accounts, devices, examinations, phantoms. Everything in it is invented; nobody exists."""
