"""How numbers are written in texts, wherever a text is read as one: delivered files, requests, keys, outcomes.

Regular expressions that Java, Rust and Python read alike, without anchors and without spaces around the number. Each is
read in one pass: no part of a text can be matched in two ways.
"""

WHOLE = r"[+-]?[0-9]+"
NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
