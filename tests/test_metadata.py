"""Free-form metadata, tags and notes."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from tests.archive.models import Sample

pytestmark = pytest.mark.django_db


def test_a_row_starts_without_metadata() -> None:
    """Each row has an object, a list and a text of its own."""
    first, second = Sample(), Sample()
    first.set_metadata_value("a", 1)
    first.add_tag("x")
    assert (second.metadata, second.tags, second.notes) == ({}, [], "")


def test_metadata_is_read_and_written_by_key() -> None:
    """Values are set, read with a default, and removed; what is saved is read back."""
    sample = Sample()
    sample.set_metadata_value("source", {"name": "import", "rows": [1, 2]})
    sample.set_metadata_value("empty", None)
    sample.save()
    sample = Sample.objects.get(pk=sample.pk)
    assert sample.get_metadata_value("source") == {"name": "import", "rows": [1, 2]}
    assert sample.get_metadata_value("empty", "default") is None
    assert sample.get_metadata_value("missing", "default") == "default"
    assert sample.remove_metadata_value("source") is True
    assert sample.remove_metadata_value("source") is False
    assert sample.metadata == {"empty": None}


def test_tags_are_a_list_without_repetition() -> None:
    """Tags keep their order, are the same whatever spaces surround them, and are removed by name."""
    sample = Sample()
    assert [sample.add_tag(tag) for tag in (" b ", "a", "b")] == [True, True, False]
    sample.save()
    sample = Sample.objects.get(pk=sample.pk)
    assert sample.tags == ["b", "a"]
    assert sample.has_tag(" a")
    assert sample.remove_tag("b ") is True
    assert sample.remove_tag("b") is False
    assert sample.tags == ["a"]


def test_a_blank_tag_is_refused() -> None:
    """There is no tag without a letter."""
    with pytest.raises(ValueError, match="must not be blank"):
        Sample().add_tag("  ")


@pytest.mark.parametrize("tags", ["a,b", ["a", ""], ["a", 1], ["a", "a"], {"a": 1}, [["a"]]])
def test_tags_from_outside_are_validated(tags: object) -> None:
    """A client can send only a list of different texts."""
    sample = Sample()
    vars(sample)["tags"] = tags
    with pytest.raises(ValidationError) as caught:
        sample.clean_fields()
    assert "tags" in caught.value.message_dict


@pytest.mark.parametrize("metadata", [["a"], "a", 1, True])
def test_metadata_from_outside_is_validated(metadata: object) -> None:
    """A client can send only an object."""
    sample = Sample()
    vars(sample)["metadata"] = metadata
    with pytest.raises(ValidationError) as caught:
        sample.clean_fields()
    assert "metadata" in caught.value.message_dict
