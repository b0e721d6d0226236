"""What all desks share: `Desk` (the object in the kernel) and `services()` (clients with the desk's ticket)."""

from apps.desk.clients import Services, services
from apps.desk.desk import Desk

__all__ = ["Desk", "Services", "services"]
