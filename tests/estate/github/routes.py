"""All routes of the pretend GitHub: importing the modules fills the table."""

from . import actions, code, deliveries
from .table import ROUTES

__all__ = ["ROUTES", "actions", "code", "deliveries"]
