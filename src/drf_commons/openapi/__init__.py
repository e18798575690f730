"""Exact OpenAPI for drf-spectacular: envelopes, relation fields, and everything else the library adds to a view.

With ``"drf_spectacular"`` among the installed apps this is loaded at startup; nothing has to be configured, and the
schema of views that are not ours stays as it is. :class:`EnvelopeSchema` is for views of one's own that answer with
the envelope: ``schema = EnvelopeSchema()``.
"""

from importlib.util import find_spec

from drf_commons.errors import MissingExtraError

if find_spec("drf_spectacular") is None:
    msg = "drf_commons.openapi needs drf-spectacular: pip install 'drf-commons[openapi]'"
    raise MissingExtraError(msg)

from drf_commons.openapi.jobs import ReportFieldExtension
from drf_commons.openapi.relations import RelationFieldExtension
from drf_commons.openapi.schema import EnvelopeSchema
from drf_commons.openapi.views import EnvelopeViewExtension

__all__ = ["EnvelopeSchema", "EnvelopeViewExtension", "RelationFieldExtension", "ReportFieldExtension"]
