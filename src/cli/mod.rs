//! The command line: flags, their help, and the subcommands.
