"""Checks of the displays of workstations (AAPM TG18, IEC 62563-1): kept as acts in the audit, where the administrator finds them."""
