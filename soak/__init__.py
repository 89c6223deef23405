"""What a server has to stand: overload, slow sockets, hostile requests, endless use, being stopped. See
docs/reliability.md."""
