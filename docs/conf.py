"""How Sphinx builds the documentation; ``make docs`` does it with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# The reference imports the library, and its models need installed apps to be imported.
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_commons"],
    MIDDLEWARE=["drf_commons.middlewares.CurrentUserMiddleware"],
)
django.setup()

from docs.settings_list import build_settings_list  # noqa: E402  # it imports what the lines above make possible
from drf_commons import __version__  # noqa: E402  # same

project = "drf-commons"
author = "The drf-commons maintainers"
copyright = f"2026, {author}"
release = __version__
version = ".".join(release.split(".")[:2])

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
templates_path: list[str] = []

myst_enable_extensions = ["attrs_inline", "deflist", "substitution"]
myst_heading_anchors = 3
myst_substitutions = {"settings": build_settings_list()}
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
add_module_names = False

html_theme = "furo"
html_title = f"drf-commons {version}"
html_copy_source = False
html_show_sourcelink = False


def setup(app: Sphinx) -> None:
    """Leave out signatures that say nothing, and see to those who read with a keyboard or a screen reader."""
    app.connect("autodoc-process-signature", drop_empty_signature)
    app.connect("html-page-context", help_readers_without_a_mouse, priority=900)  # after the theme's own


def drop_empty_signature(*event: object) -> tuple[str, None] | None:
    """Return no signature for a class that takes whatever its base in Django or DRF takes."""
    _, what, _, _, _, signature, _ = event
    return ("", None) if what == "class" and signature in {"(*args, **kwargs)", "(**kwargs)"} else None


#: By part of a page: what Sphinx leaves out for those who read without a mouse, or without seeing.
_HELP = {
    "body": ("<pre>", '<pre tabindex="0">'),  # the keyboard scrolls it
    "furo_navigation_tree": (' role="heading"', ' role="heading" aria-level="2"'),
}


def help_readers_without_a_mouse(*event: object) -> None:
    """Let the keyboard reach wide examples, and screen readers place the captions of the menu."""
    *_, context, _ = event
    if isinstance(context, dict):
        context.update({part: str(context[part]).replace(*_HELP[part]) for part in _HELP.keys() & context.keys()})
