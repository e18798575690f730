"""The types of relation fields: model, input and output, for every checker that reads annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, assert_type

from django.db.models import QuerySet
from typing_extensions import override

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    Accept,
    ConfigurableRelatedFieldMixin,
    CustomOutputField,
    DataToDataField,
    DataToIdField,
    DataToStrField,
    FlexibleField,
    IdOnlyField,
    IdToDataField,
    IdToStrField,
    ManyCustomOutputField,
    ManyDataToDataField,
    ManyDataToIdField,
    ManyIdOnlyField,
    ManyIdToDataField,
    ManyReadOnlyDataField,
    ManyStrOnlyField,
    ReadOnlyCustomField,
    ReadOnlyDataField,
    ReadOnlyStrField,
    StrOnlyField,
    StrToDataField,
    StrToIdField,
    WriteOnlyRelatedField,
)
from drf_commons.types import Pk
from tests.ledger.models import Customer, Invoice, Tag


class CustomerData(TypedDict):
    """What the serializer below returns."""

    id: int
    name: str


class ValidCustomer(TypedDict):
    """What it takes."""

    name: str


class CustomerSerializer(BaseModelSerializer[Customer, CustomerData, ValidCustomer]):
    class Meta:
        model = Customer
        fields = ("id", "name")


class TagSerializer(BaseModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ("id", "name")


def count_letters(customer: Customer) -> int:
    return len(customer.name)


def select_customers(context: Mapping[str, Any]) -> QuerySet[Customer]:
    return Customer.objects.filter(pk=context["pk"])


rows = Customer.objects.all()
customer = Customer()

# The model follows from the queryset: a queryset, a manager, or a callable.
assert_type(IdOnlyField(queryset=rows), IdOnlyField[Customer])
assert_type(IdOnlyField(queryset=Customer.objects), IdOnlyField[Customer])
assert_type(IdOnlyField(queryset=select_customers), IdOnlyField[Customer])

# The value is the row.
assert_type(IdOnlyField(queryset=rows).to_internal_value(7), Customer)
assert_type(StrOnlyField(queryset=rows).to_internal_value("ada"), Customer)
assert_type(ManyIdOnlyField(queryset=rows).to_internal_value([7]), list[Customer])

# The output is what the name says.
assert_type(IdOnlyField(queryset=rows).to_representation(customer), Pk)
assert_type(StrToIdField(queryset=rows).to_representation(customer), Pk)
assert_type(IdToStrField(queryset=rows).to_representation(customer), str)
assert_type(StrOnlyField(queryset=rows).to_representation(customer), str)
assert_type(ReadOnlyStrField[Customer]().to_representation(customer), str)
assert_type(WriteOnlyRelatedField(queryset=rows), WriteOnlyRelatedField[Customer])
assert_type(ManyIdOnlyField(queryset=rows).to_representation([customer]), list[Pk])
assert_type(ManyStrOnlyField(queryset=rows).to_representation([customer]), list[str])

# Nested output is what the serializer says it returns, in one field or the other.
id_to_data = IdToDataField(queryset=rows, serializer=CustomerSerializer)
assert_type(id_to_data, IdToDataField[Customer, CustomerData])
assert_type(id_to_data.to_representation(customer)["name"], str)
assert_type(StrToDataField(queryset=rows, serializer_class=CustomerSerializer), StrToDataField[Customer, CustomerData])
assert_type(FlexibleField(queryset=rows, serializer=CustomerSerializer), FlexibleField[Customer, CustomerData])
assert_type(
    ManyIdToDataField(queryset=rows, serializer=CustomerSerializer).to_representation([customer]), list[CustomerData]
)
# A shape that nobody wrote down is a dict at least; the mypy plugin knows more.
plain: dict[str, Any] = IdToDataField(queryset=Tag.objects.all(), serializer=lambda: TagSerializer).represent(Tag())

# A callable's return type is the type of the output.
assert_type(CustomOutputField(queryset=rows, output=count_letters), CustomOutputField[Customer, int])
assert_type(CustomOutputField(queryset=rows, output=count_letters).represent(customer), int)
assert_type(ReadOnlyCustomField(output=count_letters), ReadOnlyCustomField[Customer, int])
assert_type(ManyCustomOutputField(queryset=rows, output=count_letters).to_representation([customer]), list[int])

# Fields that need no queryset are told their model, or take any.
data_to_id: DataToIdField[Customer] = DataToIdField(serializer=CustomerSerializer)
assert_type(data_to_id.represent(customer), Pk)
data_to_str: DataToStrField[Customer] = DataToStrField(serializer=CustomerSerializer)
assert_type(data_to_str.represent(customer), str)
data_to_data: DataToDataField[Customer, CustomerData] = DataToDataField(serializer=CustomerSerializer)
assert_type(data_to_data.represent(customer), CustomerData)
shown: ReadOnlyDataField[Customer, CustomerData] = ReadOnlyDataField(serializer=CustomerSerializer)
assert_type(shown.represent(customer), CustomerData)
many_shown: ManyReadOnlyDataField[Customer, CustomerData] = ManyReadOnlyDataField(serializer=CustomerSerializer)
assert_type(many_shown.to_representation([customer]), list[CustomerData])
many_in: ManyDataToIdField[Tag] = ManyDataToIdField(serializer=TagSerializer, relation_write={"sync_mode": "sync"})
many_both: ManyDataToDataField[Tag] = ManyDataToDataField(serializer="tests.ledger.serializers.TagSerializer")
assert_type(many_both.to_representation([Tag()]), list[dict[str, Any]])


# A field of one's own names all three.
class InitialField(ConfigurableRelatedFieldMixin[Customer, Pk, str]):
    """Shows the first letter."""

    accepts = Accept.PK

    @override
    def represent(self, instance: Customer) -> str:
        return instance.name[0]


assert_type(InitialField(queryset=rows).to_representation(customer), str)


# The serializer's own arguments.
class InvoiceSerializer(BaseModelSerializer[Invoice]):
    customer = id_to_data
    tags = TagSerializer(many=True, relation_write={"sync_mode": "replace", "write_order": "dependency_first"})

    class Meta:
        model = Invoice
        fields = ("customer", "tags")


assert_type(InvoiceSerializer(Invoice()).save(), Invoice)
plain = InvoiceSerializer(Invoice()).data
assert_type(CustomerSerializer(customer).data, CustomerData)
assert_type(CustomerSerializer(customer).validated_data, ValidCustomer)


def refused() -> None:
    """Say what checkers refuse; each line is an error that has to be there."""
    IdToDataField(queryset=rows)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    DataToIdField()  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    CustomOutputField(queryset=rows)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    IdOnlyField(queryset=rows, requird=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    IdOnlyField(queryset=rows, relation_write={"sync_mode": "delete"})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    CustomOutputField(queryset=Tag.objects.all(), output=count_letters)  # type: ignore[misc] # pyright: ignore[reportArgumentType]
    StrOnlyField(queryset=rows).to_internal_value(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    CustomerSerializer(customer).data["nme"]  # type: ignore[typeddict-item] # pyright: ignore[reportGeneralTypeIssues]
    InvoiceSerializer(customer)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    InvoiceSerializer(dta={})  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
