"""A database by its URL: the driver that is used, the password, and the URL as it may be shown."""

from __future__ import annotations

import os

from sqlalchemy.engine import URL, make_url

_DRIVERS = {"postgresql": "postgresql+pg8000"}


def address(url: str | URL) -> str:
    """The URL with the driver that is used, and the password of the environment.

    Raises sqlalchemy's ArgumentError for what is no URL.
    """
    said: URL = make_url(url)
    said = said.set(drivername=_DRIVERS.get(said.drivername, said.drivername))
    password = os.environ.get("PGPASSWORD")
    if said.drivername in _DRIVERS.values() and password and said.password is None:
        said = said.set(password=password)
    return said.render_as_string(hide_password=False)


def shown(url: str | URL) -> str:
    """The URL without its password."""
    return make_url(url).render_as_string(hide_password=True)
