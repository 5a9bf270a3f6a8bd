"""The kill campaign: daemons that are killed, and a ledger of what they had promised."""
