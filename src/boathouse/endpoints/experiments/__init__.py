"""Experiments: how many units they need, whether they were divided as planned, and what they show."""
