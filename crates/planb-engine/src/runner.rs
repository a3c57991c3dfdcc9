//! Carries out a runbook.
