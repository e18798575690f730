"""Redaction: no secret gets into a log line, and nothing is touched on the way."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict, deque, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.test import RequestFactory, override_settings
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr
from pytest_django import DjangoAssertNumQueries
from rest_framework.authtoken.models import Token
from typing_extensions import override

from drf_commons.debug import ContextFilter, StructuredLogger, TextFormatter, build_json_formatter, redact
from drf_commons.debug.secrets import is_secret_name, scrub
from drf_commons.decorators import api_request_logger, log_exceptions, log_function_call

SECRET = "hunter2-Zq9/x+Yw="

NAMES = [
    "password",
    "newPassword",
    "PASSWORD_CONFIRM",
    "pass",
    "user-token",
    "accessToken",
    "X-Api-Key",
    "api key",
    "client_secret",
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "sessionid",
    "csrfmiddlewaretoken",
    "card_number",
    "CVV",
    "otp",
    "pin",
    "\N{FULLWIDTH LATIN SMALL LETTER P}assword",
    "privateKey",
    "jwt",
]
HARMLESS = ["author", "title", "pinned", "passenger", "compass", "opinion", "id", "keyboard", "authored_at", "session"]


class Lines:
    """Everything that is logged, in the words of every formatter."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.formatters = [
            logging.Formatter("%(levelname)s %(name)s %(message)s"),
            TextFormatter(),
            build_json_formatter(),
        ]

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


class LinesHandler(logging.Handler):
    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.lines = lines
        self.addFilter(ContextFilter())

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.texts += [formatter.format(record) for formatter in self.lines.formatters]
        # And what any other formatter could get at.
        self.lines.texts.append(str({**vars(record), "exc_info": None}))


@pytest.fixture(scope="module")
def handler() -> Iterator[LinesHandler]:
    """Listen to all loggers of this module."""
    handler = LinesHandler(Lines())
    logger = logging.getLogger(__name__)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


@pytest.fixture
def lines(handler: LinesHandler) -> Lines:
    """Return what is logged from now on."""
    handler.lines = Lines()
    return handler.lines


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets(name: str) -> None:
    """However it is spelt, in whatever case and punctuation."""
    assert is_secret_name(name)
    assert is_secret_name(name.upper().replace("-", "_"))


@pytest.mark.parametrize("name", HARMLESS)
def test_names_that_only_look_like_it(name: str) -> None:
    """A log without the author would be of little use."""
    assert not is_secret_name(name)


def test_a_project_names_its_own() -> None:
    """A part of a name is enough, and the spelling does not matter."""
    with override_settings(COMMON={"DEBUG_REDACTED_NAMES": ["date_of_birth"]}):
        assert redact({"DateOfBirth": "1815-12-10", "name": "Ada"}) == {"DateOfBirth": "[redacted]", "name": "Ada"}
    assert redact({"DateOfBirth": "1815-12-10"}) == {"DateOfBirth": "1815-12-10"}


# --- values ----------------------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


class Pair(NamedTuple):
    user: str
    password: str


@dataclass
class Credentials:
    user: str
    password: str
    parts: list[Any]


class Login(BaseModel):
    user: str
    token: str
    key: SecretStr


Old = namedtuple("Old", ["name", "secret"])  # noqa: PYI024  # code of others has them


class Rude:
    """Raises whenever anybody looks at it, and would tell a secret if it did not."""

    @override
    def __repr__(self) -> str:
        raise RuntimeError(SECRET)

    __str__ = __repr__

    @override
    def __eq__(self, other: object) -> bool:
        raise RuntimeError(SECRET)

    @override
    def __hash__(self) -> int:
        raise RuntimeError(SECRET)

    def __bool__(self) -> bool:
        raise RuntimeError(SECRET)

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(SECRET)


class Talkative:
    """Tells its secret to whoever asks for its text."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    @override
    def __repr__(self) -> str:
        return f"Talkative {self.secret}"


class RudeMapping(dict[str, object]):
    @override
    def items(self) -> Any:
        raise RuntimeError(SECRET)


class RudeText(str):
    __slots__ = ()

    @override
    def __str__(self) -> str:
        raise RuntimeError(SECRET)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (10**400, "[a number of 1329 bits]"),
        (1.5, 1.5),
        (float("nan"), "nan"),
        ("text", "text"),
        (b"\xff\xfe", "[2 bytes]"),
        (bytearray(3), "[3 bytes]"),
        (memoryview(b"1234"), "[4 bytes]"),
        (Decimal("1.10"), "1.10"),
        (datetime(2026, 1, 15, tzinfo=UTC), "2026-01-15 00:00:00+00:00"),
        (PurePosixPath("a/b"), "a/b"),
        (Colour.RED, "Colour.RED"),
        (gettext_lazy("Yes"), "Yes"),
        (RudeText("still a text"), "still a text"),
        ((1, [2, {3}], deque([4])), [1, [2, [3]], [4]]),
        ({1: {"a": 2}, None: 3}, {"1": {"a": 2}, "None": 3}),
        ({"password": 1, b"token": 2}, {"password": "[redacted]", "token": "[redacted]"}),
        (("Authorization", "x"), ["Authorization", "[redacted]"]),
        ([["Cookie", "a=b"], ["Accept", "*/*"]], [["Cookie", "[redacted]"], ["Accept", "*/*"]]),
        (Pair("ada", SECRET), {"user": "ada", "password": "[redacted]"}),
        (Old("ada", SECRET), {"name": "ada", "secret": "[redacted]"}),
        (
            Credentials("ada", SECRET, [{"pin": 1234}]),
            {"user": "ada", "password": "[redacted]", "parts": [{"pin": "[redacted]"}]},
        ),
        (
            Login(user="ada", token=SECRET, key=SecretStr(SECRET)),
            {"user": "ada", "token": "[redacted]", "key": "[pydantic.types.SecretStr]"},
        ),
        (QueryDict("a=1&a=2&token=3"), {"a": ["1", "2"], "token": "[redacted]"}),
        (OrderedDict(a=1).values(), [1]),
        (ValueError("no such row"), "ValueError: no such row"),
        (len, "[function builtins.len]"),
        (Colour, f"[class {__name__}.Colour]"),
        (HttpRequest(), "[HttpRequest None]"),
        (HttpResponse(SECRET, status=201), "[HttpResponse 201]"),
        (object(), "[object]"),
        (Rude(), f"[{__name__}.Rude]"),
        (RudeMapping(a=1), f"[could not be logged: {__name__}.RudeMapping, RuntimeError]"),
        (User.objects.all(), "[QuerySet of auth.User]"),
        (User(pk=7, username="ada", password=SECRET), "[auth.User pk=7]"),
        (Token(key=SECRET), "[authtoken.Token]"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_shown_of_a_value(value: object, shown: object) -> None:
    """Every kind of value has a form that can be logged; an object that could say anything is named by its type."""
    clean = redact(value)
    assert clean == shown
    assert type(clean) is type(shown)
    json.dumps(clean, allow_nan=False)


def test_a_generator_is_not_consumed() -> None:
    """What the program is going to read is still there."""
    numbers = (number for number in range(3))
    assert str(redact([numbers])).startswith("['[generator ")
    assert [*numbers] == [0, 1, 2]


@pytest.mark.django_db
def test_nothing_is_loaded(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A lazy user and a queryset stay what they are."""
    user = SimpleLazyObject(lambda: User.objects.get(pk=1))
    with django_assert_num_queries(0):
        assert redact({"user": user, "rows": User.objects.all()}) == {
            "user": "[django.utils.functional.SimpleLazyObject, not loaded]",
            "rows": "[QuerySet of auth.User]",
        }


def test_a_loaded_lazy_object_is_what_it_stands_for() -> None:
    """Once somebody has asked, it costs nothing to tell."""
    user = SimpleLazyObject(lambda: User(pk=7))
    assert user.pk == 7
    assert redact(user) == "[auth.User pk=7]"


def test_what_never_ends_is_cut() -> None:
    """Circles, depth, width and sheer number all have an end."""
    circle: list[object] = []
    circle.append(circle)
    assert "too deep to log" in str(redact(circle))
    wide = redact([*range(1_000)])
    assert isinstance(wide, list)
    assert wide[-1] == "[more than can be logged]"
    assert len(json.dumps(redact({f"key {number}": 1 for number in range(1_000)}))) < 5_000
    assert len(json.dumps(redact([[["x" * 1_000] * 100] * 100] * 100))) < 2_000_000


def test_long_texts_are_cut() -> None:
    """The length that is missing is told."""
    with override_settings(COMMON={"DEBUG_TEXT_MAX_LENGTH": 20}):
        assert redact("x" * 1_000) == f"{'x' * 20}… (1000 characters)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the author: Ada", "the author: Ada"),
        ("password is wrong", "password is wrong"),
        (f"cannot sign in with password={SECRET}, or so", "cannot sign in with password=[redacted]"),
        (f'{{"a": 1, "token" : "{SECRET}"}}', '{"a": 1, "token" :[redacted]'),
        (f"API key: {SECRET}", "API key:[redacted]"),
        (f"got Bearer {SECRET}", "got Bearer [redacted]"),
        (f"Basic {SECRET}", "Basic [redacted]"),
        (f"postgres://ada:{SECRET.replace('/', '')}@db/x", "postgres://[redacted]@db/x"),
        ("http://localhost:8000/", "http://localhost:8000/"),
        ("see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "see [redacted]"),
        (f"/next?x=1&access_token={SECRET}", "/next?x=1&access_token=[redacted]"),
        (f"/next%3Faccess_token%3D{SECRET}", "/next%3Faccess_token%3D[redacted]"),
        (f"/next?%74oken={SECRET}", "[redacted]"),
    ],
)
def test_secrets_in_texts(text: str, shown: str) -> None:
    """Behind a name nothing is left, since nobody knows where the value ends."""
    assert scrub(text) == shown


def test_half_a_password_is_none() -> None:
    """A text may be cut within an address; what is left of its password is not shown."""
    with override_settings(COMMON={"DEBUG_TEXT_MAX_LENGTH": 20}):
        assert "hunter2" not in scrub("db://ada:hunter2" + "x" * 1_000)


# --- the law ---------------------------------------------------------------------------------------------------------

secrets = st.text(alphabet="abcdefXYZ0123456789-_./+=", min_size=4, max_size=12).map(lambda text: f"Zq9{text}9qZ")
names = st.sampled_from(NAMES)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)


def plant(secret: str) -> st.SearchStrategy[Any]:
    """Return payloads with *secret* somewhere below a name that tells it, at any depth."""
    hidden = st.one_of(
        st.just(secret),
        st.just([secret, {"x": secret}]),
        st.just({"value": secret}),
        st.just(secret.encode()),
        st.just(f"Token {secret}"),
    )
    holders = st.one_of(
        st.dictionaries(names, hidden, min_size=1, max_size=2),
        st.tuples(names, hidden),
        st.tuples(names, hidden).map(list),
        st.builds(Pair, st.text(max_size=3), hidden),
        st.builds(Credentials, st.text(max_size=3), hidden, st.just([])),
        st.just(f"password={secret}"),
        st.just(f'{{"token": "{secret}"}}'),
        st.just(f"Bearer {secret}"),
        st.just(Talkative(secret)),
    )
    return st.recursive(
        holders,
        lambda inner: st.one_of(
            st.lists(inner | plain, min_size=1, max_size=3),
            st.dictionaries(st.sampled_from(HARMLESS), inner | plain, min_size=1, max_size=3),
            st.tuples(inner, plain),
        ),
        max_leaves=6,
    )


payloads = secrets.flatmap(lambda secret: st.tuples(st.just(secret), plant(secret)))


def to_json(value: Any) -> Any:
    """Return what a client would send of *value*: JSON has no named tuples."""
    match value:
        case Pair():
            return to_json(value._asdict())
        case Credentials():
            return to_json(vars(value))
        case dict():
            return {key: to_json(item) for key, item in value.items()}
        case list() | tuple():
            return [to_json(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return None


def is_told(secret: str, text: str) -> bool:
    """Tell whether *secret* stands in *text*, also as JSON, a URL or Python would spell it."""
    return any(form in text for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]))


@given(payloads)
def test_no_secret_in_the_fields_of_a_line(handler: LinesHandler, payload: tuple[str, Any]) -> None:
    """Wherever it is planted, it does not come up."""
    secret, value = payload
    handler.lines = Lines()
    StructuredLogger(__name__).log_performance("import", 0.1, {"value": value})
    StructuredLogger(__name__).log_user_action(User(pk=1), "UPDATE", "Article", {"details": [value]})
    assert len(handler.lines.texts) == 8
    assert not is_told(secret, handler.lines.text)


@given(payloads, st.sampled_from(["password", "api_key", "token"]))
def test_no_secret_in_the_arguments_and_results_of_a_call(
    handler: LinesHandler, payload: tuple[str, Any], name: str
) -> None:
    """By position, by name, in a result, and in the message of an error that repeats it."""
    secret, value = payload
    handler.lines = Lines()

    @log_exceptions(__name__, reraise=False)
    @log_function_call(__name__)
    def fail(user: object, password: str, **rest: object) -> None:
        message = f"wrong: {password}"
        raise ValueError(message)

    @log_function_call(__name__)
    def echo(user: object, password: str, **rest: object) -> object:
        return [password, rest]

    fail(value, secret, **{name if name != "password" else "pin": secret})
    echo(value, password=secret)
    assert len(handler.lines.texts) == 12
    assert not is_told(secret, handler.lines.text)


@given(payloads, names.filter(str.isascii).filter(lambda name: " " not in name))
def test_no_secret_in_a_logged_request(handler: LinesHandler, payload: tuple[str, Any], name: str) -> None:
    """In the body at any depth, in a form, in the headers and in the query."""
    secret, value = payload
    handler.lines = Lines()
    factory = RequestFactory()

    @api_request_logger(log_body=True, log_headers=True)
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(secret)

    query = f"{urlencode({name: secret})}&page=1"
    headers = {
        "Authorization": f"Bearer {secret}",
        "Cookie": f"sessionid={secret}",
        "X-Api-Key": secret,
        "Referer": f"http://testserver/?{query}",
    }
    body = json.dumps(to_json(value))
    view(factory.post(f"/login/?{query}", body, content_type="application/json", headers=headers))
    view(factory.post("/login/", query, content_type="application/x-www-form-urlencoded", headers=headers))
    view(factory.post("/login/", {name: secret}, headers=headers))
    view(factory.post("/login/", body + secret, content_type="application/json", headers=headers))
    assert len(handler.lines.texts) == 16
    assert not is_told(secret, handler.lines.text)
