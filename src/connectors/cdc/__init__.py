"""Change data capture: findings and their history as files in object storage, one layout for every database."""
