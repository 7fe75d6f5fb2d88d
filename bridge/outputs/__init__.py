"""Everything that looks at the bridge: FIX reports on the engine's side, all others tail the journal (OUTPUTS.md)."""
