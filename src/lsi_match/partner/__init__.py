"""What runs at a partner: select, pseudonymise, seal; open a release. Sees its own records only."""
