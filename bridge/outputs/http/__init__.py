"""HTTP for people and programs: REST, WebSocket, metrics and the console (OUTPUTS.md sections 4, 5 and 8)."""
