"""`make docs`: the pages of this folder as HTML in docs/_build, readable without network and without script."""

project = "lsi-match"
extensions = ["myst_parser"]
root_doc = "README"
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Privacy-preserving matching for casustafels", "nosidebar": True}
myst_heading_anchors = 4
# The pages link to each other in their text; there is no separate tree of contents.
suppress_warnings = ["toc.not_included"]
