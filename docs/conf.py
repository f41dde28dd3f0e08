"""Sphinx settings: the guide is Markdown, built offline."""

project = "django_taskq"
author = "django_taskq contributors"
extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
