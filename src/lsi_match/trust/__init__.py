"""Keys, signatures, sealing and the Merkle log. The only room that touches cryptographic libraries."""
