"""The bone-age atlas that a centre has put into its own folder: such works are copyrighted, so none comes with the hub."""
