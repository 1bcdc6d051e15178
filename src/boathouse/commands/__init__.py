"""The commands besides ``run`` and ``doctor``, a module each; imported when one is called."""
