//! Service discovery: target groups and the manager that merges them.
