"""Files that wait between a preview and its confirmation, out of everybody's reach."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from django.core import signing
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.uploadedfile import UploadedFile

from drf_commons.services.importing import ImportMode

__all__ = ["ClaimedUpload", "KeptUpload", "UploadShelf", "build_private_storage"]

_SALT: Final = "drf_commons.admin.import"
#: Seconds for which a preview can be confirmed.
_MAX_AGE: Final = 3_600
_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptUpload:
    """What is known of a file that waits; it travels through the page, signed."""

    #: Where it is.
    key: str
    #: What the person calls it.
    name: str
    digest: str
    #: Who sent it, and to which admin: nobody else confirms it, and nowhere else.
    owner: str
    purpose: str
    mode: ImportMode
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedUpload:
    """A file that was taken off the shelf, to be imported once."""

    kept: KeptUpload
    file: IO[bytes]


class UploadShelf:
    """Keeps files for an hour at most, and gives each of them away once."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def keep(self, upload: UploadedFile[bytes], *, owner: str, purpose: str, mode: ImportMode, total: int) -> str:
        """Put *upload* on the shelf; return the token that takes it down again."""
        self.sweep()
        digest = hashlib.sha256()
        upload.seek(0)
        for block in upload.chunks():
            digest.update(block)
        upload.seek(0)
        key = self.storage.save(secrets.token_hex(16), upload)
        kept = KeptUpload(
            key=key,
            name=str(upload.name),
            digest=digest.hexdigest(),
            owner=owner,
            purpose=purpose,
            mode=mode,
            total=total,
        )
        return signing.dumps(asdict(kept), salt=_SALT)

    def claim(self, token: str, *, owner: str, purpose: str) -> ClaimedUpload | None:
        """Take the file of *token* down; ``None`` if that is not for this person, too late, or done already."""
        kept = self._read(token, owner, purpose)
        # Of two clicks at once one wins: adding to a cache that all processes share is atomic.
        if kept is None or not cache.add(f"{_SALT}:{kept.key}", value=True, timeout=_MAX_AGE):
            return None
        copy = tempfile.TemporaryFile()  # noqa: SIM115  # closed by whoever takes it
        digest = hashlib.sha256()
        try:
            with self.storage.open(kept.key) as source:
                while block := cast("bytes", source.read(_BLOCK)):
                    digest.update(block)
                    copy.write(block)
        except FileNotFoundError:
            copy.close()
            return None
        self.storage.delete(kept.key)
        if digest.hexdigest() != kept.digest:  # somebody has changed what was previewed
            copy.close()
            return None
        copy.seek(0)
        return ClaimedUpload(kept=kept, file=copy)

    def discard(self, token: str, *, owner: str, purpose: str) -> None:
        """Throw the file of *token* away."""
        kept = self._read(token, owner, purpose)
        if kept is not None:
            self.storage.delete(kept.key)

    def sweep(self) -> None:
        """Throw away what nobody came back for."""
        with suppress(FileNotFoundError):  # the folder is made with the first file
            for name in self.storage.listdir("")[1]:
                with suppress(FileNotFoundError):  # somebody else sweeps, too
                    if self.storage.get_modified_time(name).timestamp() < time.time() - _MAX_AGE:
                        self.storage.delete(name)

    def _read(self, token: str, owner: str, purpose: str) -> KeptUpload | None:
        try:
            said = cast("Mapping[str, Any]", signing.loads(token, salt=_SALT, max_age=_MAX_AGE))
        except signing.BadSignature:
            return None
        kept = KeptUpload(**said)
        return kept if (kept.owner, kept.purpose) == (owner, purpose) else None


def build_private_storage() -> Storage:
    """Return a folder of this machine that only this server's user can open, and that no URL leads to."""
    user = getattr(os, "getuid", str)()
    folder = Path(tempfile.gettempdir()) / f"drf_commons_imports_{user}"
    return FileSystemStorage(location=folder, file_permissions_mode=0o600, directory_permissions_mode=0o700)
