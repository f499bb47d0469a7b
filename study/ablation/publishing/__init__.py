"""From the store to tables: exported, published, and trained anew to compare."""
