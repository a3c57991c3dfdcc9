//! Azurite, the Azure Blob Storage emulator.
