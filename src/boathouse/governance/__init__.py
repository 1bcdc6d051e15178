"""The life cycle of registered models: who may change it, what was decided, and the trail of it all."""
