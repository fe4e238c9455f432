"""Pages on one's own machine, over one's own folder: what asks for attention, what was agreed, and what the log says.

Nobody else's screen has to be believed: what a page shows is worked out here, from what is signed. No rule stands in this
room: a page is a template over what the rooms below give. Needs `lsi-match[desk]`.
"""
