"""Tells secrets by the names they go under, and takes them out of free text."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from drf_commons.conf import get_settings

__all__ = ["REDACTED", "cut", "is_secret_name", "scrub"]

#: What stands in a log line where a secret was.
REDACTED: Final = "[redacted]"

#: Secret wherever they are part of a name, without regard to case, spaces and punctuation.
_PARTS: Final = (
    "accesskey",
    "apikey",
    "authentication",
    "authorization",
    "cardnumber",
    "clientkey",
    "cookie",
    "creditcard",
    "credential",
    "csrf",
    "encryptionkey",
    "jwt",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "privatekey",
    "secret",
    "sessionid",
    "sessionkey",
    "signature",
    "signingkey",
    "token",
    "xsrf",
)
#: Secret where they are a word of their own: an author is no secret.
_WORDS: Final = frozenset({"auth", "bearer", "cvc", "cvv", "jwt", "otp", "pass", "passwd", "pin", "pw", "pwd", "sid"})

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SEPARATOR: Final = re.compile(r"[:=]|%3[ad]", re.IGNORECASE)
#: What stands before a separator, read backwards: quotes and brackets, then a name of one or two words.
_NAME_BACKWARDS: Final = re.compile(r"[\"'\])\s]{0,4}([\w.\-]+(?: [\w.\-]+)?)")
_MAX_NAME: Final = 120
_SCHEME: Final = re.compile(
    r"\b(?:bearer|digest|negotiate)\s+(?=\S)|\b(?:basic|token|apikey)\s+(?=[\w+/=.~-]{8})", re.IGNORECASE
)
_WEB_TOKEN: Final = re.compile(r"\beyJ[\w-]{8,}[\w.-]*")
_USER_INFO: Final = re.compile(r"(?<=://)[^/?#\s@]*(?:@|\Z)")


def is_secret_name(name: str) -> bool:
    """Tell whether what is called *name* is kept out of the logs: ``X-Api-Key``, ``newPassword``, ``card_number``."""
    return _is_secret(name, get_settings().DEBUG_REDACTED_NAMES)


@lru_cache(maxsize=4096)
def _is_secret(name: str, more: tuple[str, ...]) -> bool:
    plain = unicodedata.normalize("NFKC", name)
    compact = _squeeze(plain)
    if any(part in compact for part in (*_PARTS, *filter(None, map(_squeeze, more)))):
        return True
    return not _WORDS.isdisjoint(word.lower() for word in _WORD.findall(plain))


def _squeeze(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def scrub(text: str) -> str:
    """Return *text* without what looks like a secret in it, and no longer than the logs take.

    Nobody knows where the value ends that a name in free text is followed by, so everything after it goes.
    """
    limit = get_settings().DEBUG_TEXT_MAX_LENGTH
    # A name stands before its value: where both are not in the piece, the value is not either.
    head = text if len(text) <= limit else text[: 2 * limit]
    clean = _scrub(head)
    if "%" in head and clean == head and _scrub(plain := unquote(head)) != plain:
        return REDACTED
    return cut(clean, limit, len(text))


def cut(text: str, limit: int, length: int) -> str:
    """Return the first *limit* characters of *text*, saying how long the whole was."""
    return text if len(text) <= limit else f"{text[:limit]}… ({length} characters)"


def _scrub(text: str) -> str:
    if "://" in text:
        text = _USER_INFO.sub(_hide_user_info, text)
    if "eyJ" in text:
        text = _WEB_TOKEN.sub(REDACTED, text)
    ends = [found.end() for found in _SEPARATOR.finditer(text) if _ends_in_secret_name(text, found.start())]
    ends += [found.end() for found in _SCHEME.finditer(text)]
    end = min(ends, default=len(text))
    return text if not text[end:].strip() else text[:end] + REDACTED


def _ends_in_secret_name(text: str, end: int) -> bool:
    found = _NAME_BACKWARDS.match(text[max(0, end - _MAX_NAME) : end][::-1])
    return found is not None and is_secret_name(found[1][::-1])


def _hide_user_info(found: re.Match[str]) -> str:
    # Without its end it may be a host and a port, or half of a password.
    text = found[0]
    if text.endswith("@"):
        return f"{REDACTED}@"
    return REDACTED if ":" in text else text
