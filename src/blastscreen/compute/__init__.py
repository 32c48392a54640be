"""Work over cores or a cluster: how it is spread, resumed, shown and described."""
