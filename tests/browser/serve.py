"""``python -m tests.browser.serve``: a site with a few rows, on a free port of this machine.

It prints the port, and the token of its one user.
"""

from __future__ import annotations

import os
import socket

import django
import uvicorn
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.core.management import call_command

PLACES = {"BIRK": "Reykjavik", "BIKF": "Keflavik", "BIAR": "Akureyri"}


def prepare() -> str:
    """Make the tables and the rows, and somebody who may do everything; return the token of that user."""
    from django.contrib.auth.models import User  # noqa: PLC0415  # there are no models before setup()
    from rest_framework.authtoken.models import Token  # noqa: PLC0415  # same

    from aviation.models import Airline, Airport, Country, Route  # noqa: PLC0415  # same

    call_command("migrate", verbosity=0, interactive=False)
    ada = User.objects.create_superuser("ada", password="lovelace")
    iceland = Country.objects.create(code="IS", alpha3="ISL", name="Iceland")
    Country.objects.create(code="NO", alpha3="NOR", name="Norway")
    place = {
        "country": iceland,
        "latitude": 64.1,
        "longitude": -21.9,
        "elevation": 45,
        "timezone": "Atlantic/Reykjavik",
    }
    airports = [Airport.objects.create(icao=icao, name=name, city=name, **place) for icao, name in PLACES.items()]
    airline = Airline.objects.create(code="FI", name="Icelandair", country=iceland, hub=airports[1])
    Route.objects.create(airline=airline, origin=airports[1], destination=airports[2])
    return str(Token.objects.create(user=ada).key)


def main() -> None:
    """Serve until the process is ended."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"  # the example's
    settings.ROOT_URLCONF = "tests.browser.urls"
    # Two countries are listed, more airports are searched.
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "HTML_SELECT_CUTOFF": 2}
    django.setup()
    token = prepare()
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], token, flush=True)  # noqa: T201  # whoever started it reads this
    application = ASGIStaticFilesHandler(get_asgi_application())
    config = uvicorn.Config(application, lifespan="off", log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
