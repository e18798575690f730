"""What only the database sees, since it happened after every rule was asked: bad input, and no server error."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import signals
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from drf_commons.serializers import BaseModelSerializer
from drf_commons.views import BaseViewSet
from tests.ledger.models import Invoice, LineItem, Payment
from tests.personnel.models import Department, Desk, Employee, Sheet
from tests.personnel.serializers import EmployeeSerializer

pytestmark = pytest.mark.django_db

ADA: dict[str, Any] = {
    "email": "a@example.org",
    "first_name": "Ada",
    "last_name": "L",
    "salary": 1,
    "hired": "2024-01-01",
}


class PaymentSerializer(BaseModelSerializer[Payment]):
    class Meta:
        model = Payment
        fields: ClassVar = ["reference", "amount"]


class TidySerializer(PaymentSerializer):
    def validate_reference(self, value: str) -> str:
        return value.replace("-", "")


class PositionSerializer(BaseModelSerializer[LineItem]):
    """Knows nothing of the invoice its position is unique in."""

    place = serializers.IntegerField(source="position")

    class Meta:
        model = LineItem
        fields: ClassVar = ["place", "text"]


def refuse(serializer: BaseModelSerializer[Any], **kwargs: Any) -> Any:
    """Return what *serializer* says of valid data that it cannot save, as codes."""
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.save(**kwargs)
    assert isinstance(caught.value.__cause__, IntegrityError)
    return caught.value.get_codes()


def check(serializer: BaseModelSerializer[Any]) -> BaseModelSerializer[Any]:
    serializer.is_valid(raise_exception=True)
    return serializer


def test_a_value_that_was_taken_meanwhile_is_told_as_one_that_was_taken_before() -> None:
    """The answer is the one of the serializer's own rule, word for word."""
    late = check(PaymentSerializer(data={"reference": "r", "amount": "1"}))
    Payment.objects.create(reference="r", amount=1)
    early = PaymentSerializer(data={"reference": "r", "amount": "1"})
    assert not early.is_valid()
    with pytest.raises(serializers.ValidationError) as caught:
        late.save()
    assert caught.value.detail == early.errors
    assert Payment.objects.count() == 1


def test_an_update_is_told_the_same() -> None:
    """The row itself is not what is in its way."""
    mine = Payment.objects.create(reference="mine", amount=1)
    late = check(PaymentSerializer(mine, data={"reference": "r"}, partial=True))
    Payment.objects.create(reference="r", amount=1)
    assert refuse(late) == {"reference": ["unique"]}
    mine.refresh_from_db()
    assert mine.reference == "mine"


def test_a_method_that_makes_two_values_one_is_no_server_error() -> None:
    """DRF asks what is unique before ``validate_…()`` is called, and not again."""
    Payment.objects.create(reference="r1", amount=1)
    assert refuse(check(TidySerializer(data={"reference": "r-1", "amount": "1"}))) == {"reference": ["unique"]}


def test_rules_over_several_fields_are_asked_too() -> None:
    """With the message and the place they have in a serializer."""
    department = Department.objects.create(code="d")
    late = check(EmployeeSerializer(data={**ADA, "department": department.pk}))
    Employee.objects.create(**{**ADA, "email": "b@example.org"}, department=department)
    assert refuse(late) == {"non_field_errors": ["unique"]}


def test_a_column_that_no_client_sets_counts() -> None:
    """A rule of the model is asked where the serializer lacks one of its columns."""
    invoice = Invoice.objects.create(number="1")
    LineItem.objects.create(invoice=invoice, position=1)
    late = check(PositionSerializer(data={"place": 1}))
    assert refuse(late, invoice=invoice) == {"non_field_errors": ["unique_together"]}


def test_the_model_names_columns_as_the_client_does() -> None:
    """A unique column whose validator was taken away is still told at the field the client knows it by."""

    class Serializer(BaseModelSerializer[Payment]):
        number = serializers.CharField(source="reference")

        class Meta:
            model = Payment
            fields: ClassVar = ["number", "amount"]

    Payment.objects.create(reference="r", amount=1)
    assert refuse(check(Serializer(data={"number": "r", "amount": "1"}))) == {"number": ["unique"]}


@pytest.mark.skipif(not connection.features.supports_partial_indexes, reason="the database has no such indexes")
def test_rules_about_some_rows_are_rules_of_the_model() -> None:
    """A conditional constraint is told by its own message and code."""

    class Serializer(BaseModelSerializer[Desk]):
        class Meta:
            model = Desk
            fields: ClassVar = ["room", "number"]
            validators: ClassVar[list[object]] = []

    Desk.objects.create(room="a", number=1, is_used=True)
    assert refuse(check(Serializer(data={"room": "a", "number": 1})), is_used=True) == {"non_field_errors": ["invalid"]}


def test_a_check_of_the_table_is_bad_input() -> None:
    """No field knows that a salary is never below zero."""
    department = Department.objects.create(code="d")
    assert refuse(check(EmployeeSerializer(data={**ADA, "salary": -5, "department": department.pk}))) == {
        "non_field_errors": ["invalid"]
    }


def test_what_is_no_fault_of_the_input_stays_a_server_error() -> None:
    """A column that the project forgot to fill is the project's to mend."""

    class Serializer(BaseModelSerializer[Sheet]):
        class Meta:
            model = Sheet
            fields: ClassVar = ["week", "hours"]

    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        check(Serializer(data={"week": 1, "hours": "2"})).save()
    assert not isinstance(caught.value, serializers.ValidationError)


def test_what_another_table_refuses_is_a_conflict() -> None:
    """A row that a signal writes is in nobody's rules, but the driver says that its value is taken."""
    Payment.objects.create(reference="r", amount=1)

    def write(**_kwargs: Any) -> None:
        Payment.objects.create(reference="r", amount=1)

    signals.post_save.connect(write, sender=Department)
    try:

        class Serializer(BaseModelSerializer[Department]):
            class Meta:
                model = Department
                fields: ClassVar = ["code"]

        assert refuse(check(Serializer(data={"code": "d"}))) == {"non_field_errors": ["conflict"]}
    finally:
        signals.post_save.disconnect(write, sender=Department)
    assert not Department.objects.exists()


@pytest.mark.parametrize("is_atomic", [False, True])
def test_a_view_answers_400_and_can_go_on(*, is_atomic: bool) -> None:
    """The envelope, the field, and a connection that works, within a transaction of the request and without."""

    class PaymentViewSet(BaseViewSet[Payment]):
        queryset = Payment.objects.all()
        serializer_class = TidySerializer

    Payment.objects.create(reference="r1", amount=1)
    request = APIRequestFactory().post("/", {"reference": "r-1", "amount": "1"}, format="json")
    before = connection.settings_dict["ATOMIC_REQUESTS"]
    connection.settings_dict["ATOMIC_REQUESTS"] = is_atomic
    try:
        with transaction.atomic():
            response = PaymentViewSet.as_view({"post": "create"})(request)
            transaction.set_rollback(False)
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = before
    assert response.status_code == 400
    assert response.data["errors"] == {"reference": ["payment with this reference already exists."]}
    assert Payment.objects.count() == 1
