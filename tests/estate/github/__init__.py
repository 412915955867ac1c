"""The GitHub half: the REST API's shapes over a small model whose workflow runs live by the clock."""
