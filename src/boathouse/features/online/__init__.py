"""The online store: the newest features of each key in a database, published in one step and looked up in one."""
