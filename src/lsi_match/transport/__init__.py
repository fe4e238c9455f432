"""Where files change hands: endpoints (folder, SFTP, S3) and what was seen of them."""
