"""Models of the personnel department, which gets its rows out of files."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from typing_extensions import override

from drf_commons.models import BaseModelMixin
from drf_commons.models.content import SlugMixin, VersionMixin


class Department(models.Model):
    """Where people work; a natural key, and nothing else of interest."""

    code = models.CharField(max_length=8, unique=True)
    name = models.CharField(max_length=40, blank=True)

    @override
    def __str__(self) -> str:
        return self.code


class Skill(models.Model):
    """What people can do."""

    name = models.CharField(max_length=20, unique=True)

    @override
    def __str__(self) -> str:
        return self.name


class Employee(BaseModelMixin):
    """A row with a field of every kind that files like to get wrong."""

    class Level(models.IntegerChoices):
        JUNIOR = 1
        SENIOR = 2
        LEAD = 3

    class Contract(models.TextChoices):
        FIXED = "f", "Fixed term"
        PERMANENT = "p", "Permanent"

    first_name = models.CharField(max_length=40)
    last_name = models.CharField(max_length=40)
    email = models.EmailField(unique=True)
    badge = models.CharField(
        max_length=12, unique=True, null=True, blank=True, validators=[RegexValidator(r"\A[0-9]+\Z", "Digits only.")]
    )
    phone = models.CharField(max_length=20, blank=True)
    age = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(16), MaxValueValidator(99)]
    )
    salary = models.DecimalField(max_digits=9, decimal_places=2)
    rating = models.FloatField(null=True, blank=True)
    hired = models.DateField()
    seen_at = models.DateTimeField(null=True, blank=True)
    is_remote = models.BooleanField(default=False)
    level = models.IntegerField(choices=Level, default=Level.JUNIOR)
    contract = models.CharField(max_length=1, choices=Contract, default=Contract.PERMANENT)
    website = models.URLField(blank=True)
    department = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="employees")
    manager = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="reports")
    skills = models.ManyToManyField(Skill, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(salary__gte=0), name="personnel_salary_not_negative"),
            models.UniqueConstraint(fields=("first_name", "last_name", "hired"), name="personnel_same_start"),
        )

    @override
    def __str__(self) -> str:
        return self.email


class Notice(SlugMixin, VersionMixin):
    """A row whose slug and version fill themselves in."""

    number = models.CharField(max_length=10, unique=True)
    title = models.CharField(max_length=40)

    @override
    def get_slug_source(self) -> str:
        return self.title


class Sheet(models.Model):
    """A row whose key stands in two columns."""

    employee = models.ForeignKey(Employee, on_delete=models.CASCADE)
    week = models.PositiveSmallIntegerField()
    hours = models.DecimalField(max_digits=5, decimal_places=2)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("employee", "week"), name="personnel_sheet_once"),)

    @override
    def __str__(self) -> str:
        return f"{self.employee} {self.week}"


class Desk(models.Model):
    """A row that only some of the others must differ from."""

    room = models.CharField(max_length=10)
    number = models.IntegerField(null=True)
    is_used = models.BooleanField(null=True)
    code = models.CharField(max_length=10, blank=True)
    department = models.ForeignKey(Department, on_delete=models.CASCADE, null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("room", "number"), condition=models.Q(is_used=True), name="personnel_desk_used_once"
            ),
            models.UniqueConstraint(fields=("code",), condition=~models.Q(code=""), name="personnel_desk_code"),
            models.UniqueConstraint(
                fields=("department",),
                condition=models.Q(number__gt=5, is_used=True),
                name="personnel_desk_of_department",
            ),
        )

    @override
    def __str__(self) -> str:
        return f"{self.room} {self.number}"
