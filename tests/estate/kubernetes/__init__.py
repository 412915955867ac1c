"""The Kubernetes half: an API server over a small store, and just enough controllers to make a rollout real."""
