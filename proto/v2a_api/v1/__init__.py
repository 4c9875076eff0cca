"""Generated stubs of `v2a.v1`; the comments are in the `.proto` files beside them."""
