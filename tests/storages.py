"""A disk that is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from typing_extensions import override


class NarrowStorage(FileSystemStorage):
    """Has room for so many bytes of a file as the file ``room`` beside its files says, and for all where none does."""

    @override
    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        room = Path(self.location, "room")
        if not room.exists() or content.size <= int(room.read_text()):
            return super().save(name, content, max_length)
        # What fits is there, as on a disk.
        super().save(name, ContentFile(content.read(int(room.read_text()))), max_length)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
