"""HTTP over the arms that a `Host` holds: a bounded queue, batches, deadlines, one page for people.

Nothing is imported here: what is wrong with a port or a key is said without waiting for torch.
"""
