"""Slugs: what they are made of, what happens when they are taken, and what finding one costs."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext, isolate_apps
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from drf_commons.models import SlugMixin
from tests.archive.models import Category, Chapter, NamelessSlug, Page, Section, Shelf

pytestmark = pytest.mark.django_db


def get_slugs(name: str) -> list[str]:
    """Return the slugs of the categories with *name*, oldest first."""
    return [*Category.objects.filter(name=name).order_by("created_at").values_list("slug", flat=True)]


def test_equal_names_are_numbered() -> None:
    """The first has no number, the next has 1, then 2."""
    for _ in range(3):
        Category.objects.create(name="Product Category")
    assert get_slugs("Product Category") == ["product-category", "product-category-1", "product-category-2"]


def test_the_lowest_free_number_is_taken() -> None:
    """A gap that a deleted row leaves is filled."""
    categories = [Category.objects.create(name="gap") for _ in range(4)]
    categories[1].delete()
    categories[3].delete()
    assert Category.objects.create(name="gap").slug == "gap-1"
    assert Category.objects.create(name="gap").slug == "gap-3"


def test_other_slugs_with_the_same_start_do_not_count() -> None:
    """``name-of`` and ``named`` leave ``name`` free, and ``name-2024`` takes only its own number."""
    for name in ("name of", "named", "name 2024"):
        Category.objects.create(name=name)
    assert Category.objects.create(name="name").slug == "name"
    assert Category.objects.create(name="name").slug == "name-1"


def test_a_save_keeps_the_slug() -> None:
    """Saving again, and renaming, changes no slug, and costs no query beside the save."""
    category = Category.objects.create(name="before")
    category.name = "after"
    category.save()
    category.refresh_from_db()
    assert category.slug == "before"


def test_an_emptied_slug_is_made_anew() -> None:
    """Emptying the slug of a stored row gives it the slug of its present name, and its own is free for it."""
    category = Category.objects.create(name="before")
    Category.objects.create(name="after")
    category.name, category.slug = "after", ""
    category.save()
    assert category.slug == "after-1"
    category.slug = ""
    category.save(update_fields=["slug"])
    category.refresh_from_db()
    assert category.slug == "after-1"


def test_a_save_of_other_columns_makes_no_slug() -> None:
    """``save(update_fields=["name"])`` leaves the slug alone, empty or not."""
    category = Category.objects.create(name="before")
    category.slug = ""
    category.save(update_fields=["name"])
    assert Category.objects.get().slug == "before"


def test_a_deferred_slug_is_not_read(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Saving an instance that was read without its slug reads and changes none."""
    Category.objects.create(name="before")
    category = Category.objects.only("name").get()
    with django_assert_num_queries(1):
        category.save()
    assert Category.objects.get().slug == "before"


def test_a_slug_set_by_hand_wins() -> None:
    """A given slug is kept, and when it is taken the database says so."""
    assert Category.objects.create(name="name", slug="by-hand").slug == "by-hand"
    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.create(name="name", slug="by-hand")


def test_a_soft_deleted_row_holds_its_slug() -> None:
    """What may be restored keeps its place."""
    Category.objects.create(name="name").soft_delete()
    assert Category.objects.create(name="name").slug == "name-1"


@pytest.mark.parametrize(("name", "slug"), [("", "category"), ("!?", "category"), ("日本", "category")])
def test_a_source_without_letters_falls_back(name: str, slug: str) -> None:
    """What slugifies to nothing gets the name of the model, numbered like any other."""
    assert Category.objects.create(name=name).slug == slug
    assert Category.objects.create(name=name).slug == f"{slug}-1"


def test_the_fallback_can_be_chosen() -> None:
    """``slug_fallback`` stands in for the name of the model."""
    assert Section.objects.create(name="?").slug == "untitled"


def test_a_long_name_is_cut_to_the_column() -> None:
    """The slug fits with its number, and is cut at no hyphen."""
    shelf = Shelf.objects.create(name="A")
    slugs = [Section.objects.create(name="a long section name", shelf=shelf).slug for _ in range(12)]
    assert slugs[0] == "a-long-secti"
    assert slugs[1] == "a-long-sec-1"
    assert slugs[9:] == ["a-long-sec-9", "a-long-se-10", "a-long-se-11"]
    assert Section.objects.create(name="a long sect ion", shelf=shelf).slug == "a-long-sect"


def test_a_number_takes_no_part_of_a_shorter_slug() -> None:
    """Cutting for a number leaves no hyphen before it."""
    slugs = [Section.objects.create(name="two words ab").slug for _ in range(2)]
    assert slugs == ["two-words-ab", "two-words-1"]


def test_unicode_is_kept_where_the_field_allows_it() -> None:
    """``allow_unicode=True`` on the field makes slugs that the field accepts."""
    section = Section.objects.create(name="Größe 日本")
    assert section.slug == "größe-日本"
    section.clean_fields()
    assert Category.objects.create(name="Größe").slug == "groe"


def test_slugs_are_unique_within_their_scope() -> None:
    """The same name on another shelf has the same slug; without a shelf is a scope too."""
    first, second = Shelf.objects.create(name="A"), Shelf.objects.create(name="B")
    slugs = [Section.objects.create(name="new", shelf=shelf).slug for shelf in (first, second, first, None, None)]
    assert slugs == ["new", "new", "new-1", "new", "new-1"]


def test_a_missing_source_is_named() -> None:
    """A model that does not say what its slug is made of is told so by name."""
    with pytest.raises(NotImplementedError, match=r"NamelessSlug\.get_slug_source\(\) must return"):
        NamelessSlug.objects.create()


def test_another_refusal_is_not_retried() -> None:
    """When another unique column is what the database refuses, its error is raised, and the slug is empty again."""
    Section.objects.create(name="new", code="taken")
    section = Section(name="new", code="taken")
    with pytest.raises(IntegrityError), transaction.atomic():
        section.save()
    assert section.slug == ""
    section.code = "free"
    section.save()
    assert section.slug == "new-1"


def test_finding_a_slug_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """With 2,000 rows of the same name, a new one takes one read and one write."""
    Category.objects.bulk_create([Category(name="crowd", slug=f"crowd-{number}") for number in range(1, 2_000)])
    Category.objects.create(name="crowd")
    with CaptureQueriesContext(connection) as queries:
        category = Category.objects.create(name="crowd")
    assert category.slug == "crowd-2000"
    statements = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert statements == ["SELECT", "INSERT"]


def test_a_child_of_a_model_with_slugs_shares_its_slugs() -> None:
    """With multi-table inheritance slugs are looked up where they are stored."""
    Page.objects.create(title="name")
    assert Chapter.objects.create(title="name").slug == "name-1"
    assert Page.objects.create(title="name").slug == "name-2"


def test_a_slug_goes_with_a_version() -> None:
    """Both mixins on one model do their work, in one write."""
    page = Page.objects.create(title="name")
    page.slug = ""
    page.save()
    page.refresh_from_db()
    assert (page.slug, page.version) == ("name", 2)


def test_bulk_create_gives_slugs() -> None:
    """The managers of the library fill slugs in before a ``bulk_create``."""
    Category.objects.create(name="name")
    created = Category.objects.bulk_create(
        [Category(name="name"), Category(name="other"), Category(name="name", slug="mine"), Category(name="name")]
    )
    assert [category.slug for category in created] == ["name-1", "other", "mine", "name-2"]


def test_prepare_slugs_takes_two_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A hundred rows of ten names, some of them taken, take two reads."""
    for number in range(5):
        Category.objects.create(name=f"name {number}")
    rows = [Category(name=f"name {number % 10}") for number in range(100)]
    with django_assert_num_queries(2):
        Category.prepare_slugs(rows)
    assert len({row.slug for row in rows}) == 100
    assert rows[0].slug == "name-0-1"
    assert rows[9].slug == "name-9"


def test_prepare_slugs_of_nothing_asks_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Without a row that needs one there is no query."""
    with django_assert_num_queries(0):
        Category.prepare_slugs([])
        Category.prepare_slugs([Category(slug="has-one")])


def test_prepare_slugs_keeps_to_the_scope() -> None:
    """Within one list, rows of different scopes may share a slug."""
    first, second = Shelf.objects.create(name="A"), Shelf.objects.create(name="B")
    Section.objects.create(name="new", shelf=first)
    rows = [Section(name="new", shelf=shelf) for shelf in (first, second, first, None)]
    Section.prepare_slugs(rows)
    assert [row.slug for row in rows] == ["new-1", "new", "new-2", "new"]


names = st.lists(
    st.sampled_from(["a", "a b", "a 1", "a-1", "a1", "abcdefghijkl", "abcdefghijklm", "?", "-"]), max_size=12
)


@given(names)
def test_saving_and_preparing_agree(texts: list[str]) -> None:
    """Rows saved one by one and rows prepared together get distinct slugs, and the same ones."""
    with transaction.atomic():
        saved = [Section.objects.create(name=text).slug for text in texts]
        transaction.set_rollback(True)
    prepared = [Section(name=text) for text in texts]
    Section.prepare_slugs(prepared)
    assert len(set(saved)) == len(saved)
    assert all(len(slug) <= 12 for slug in saved)
    assert {row.slug for row in prepared} == set(saved)


@isolate_apps("tests.archive")
def test_a_scope_that_cannot_be_kept_is_an_error() -> None:
    """``slug_unique_with`` needs fields of the model, and a slug that is not unique without them."""

    class Misspelt(SlugMixin):
        slug_unique_with = ("shlef",)

        class Meta:
            app_label = "archive"

    assert [(error.id, error.msg) for error in Misspelt.check()] == [
        ("drf_commons.E005", "slug_unique_with names 'shlef', which is no field of Misspelt."),
        ("drf_commons.E005", "slug_unique_with has no effect: the slug is unique in the whole table."),
    ]
    assert Section.check() == []
