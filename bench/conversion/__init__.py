"""One generated zoo of layouts, converted by this tool and by its peers: `python -m bench.conversion`."""
