"""The version, where a checkout that was never installed has it too."""

VERSION = "0.1.0"
