from __future__ import annotations

import uuid

from django.db import models


class Level(models.IntegerChoices):
    LOW = 1, "low"
    HIGH = 2, "high"


class Keeper(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=20)
    age = models.IntegerField(null=True)

    @property
    def initials(self) -> tuple[str, str]:
        return self.name[:1], self.name[-1:]

    def get_badge(self) -> bytes:
        return b""


class Species(models.Model):
    class Diet(models.TextChoices):
        MEAT = "meat", "Meat"
        PLANTS = "plants", "Plants"

    name = models.CharField(max_length=20)
    diet = models.CharField(max_length=10, choices=Diet.choices, default=Diet.MEAT)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE)


class Animal(models.Model):
    code = models.CharField(max_length=5, primary_key=True)
    species = models.ForeignKey(Species, on_delete=models.CASCADE, related_name="animals")
    keeper = models.ForeignKey(Keeper, null=True, on_delete=models.SET_NULL)
    friends = models.ManyToManyField("self")
    weight = models.FloatField()
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    born = models.DateField(null=True)
    seen = models.DateTimeField()
    fed_at = models.TimeField()
    naps = models.DurationField()
    chip = models.UUIDField()
    photo = models.ImageField(null=True)
    notes = models.JSONField(default=dict)
    tame = models.BooleanField(null=True)
    level = models.IntegerField(choices=Level.choices)
    coat = models.CharField(max_length=3, choices=[("a", "A"), ("b", "B")], blank=True)
    website = models.URLField()
    created = models.DateTimeField(auto_now_add=True)

    @property
    def score(self) -> float:
        return 1.0

    def nicknames(self) -> list[str]:
        return []
