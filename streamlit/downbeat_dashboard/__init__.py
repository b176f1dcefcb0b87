"""What the dashboard's pages are made of: the lake, the queries over it and the charts; pages put them together."""
