from django.contrib.auth.models import User
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import IdToDataField

from .models import Article

class UserSerializer(BaseModelSerializer):
    class Meta:
        model = User
        fields = ['id', 'username']

class ArticleSerializer(BaseModelSerializer):
    author = IdToDataField(queryset=User.objects.all(), serializer=UserSerializer)

    class Meta:
        model = Article
        fields = ['id', 'title', 'content', 'published', 'author', 'created_at']
