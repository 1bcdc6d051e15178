"""The one room that knows credit cards: schemas, cleaning, features, label."""
