"""Keys, signatures, sealing, block cipher, MACs and pseudonyms. The only room that touches cryptographic libraries."""
