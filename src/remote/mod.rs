//! Remote protocols: the remote-write receiver.
