CREATE EXTERNAL CONNECTION IF NOT EXISTS connectors_lake_eu AS 's3://eu-lake/dlp?AUTH=implicit&partition_format=daily&file_size=16MB';
CREATE CHANGEFEED INTO 'external://connectors_lake_eu'
  WITH format = 'json', envelope = 'wrapped', updated, compression = 'gzip', resolved = '30s', min_checkpoint_frequency = '30s', on_error = 'pause', gc_protect_expires_after = '24h', execution_locality = 'region=europe-west1'
  AS SELECT "residency", "id", "tenant", "connection", "app", "resource_key", "resource_id", "resource_kind", "container", "container_name", "label", "url", "author_id", "author", "author_email", "visibility", "part", "detector", "family", "confidence", "severity", "policies", "fingerprint", "preview", "places", "count", "state", "revision", "version", "validity", "validity_checked_at", "validity_evidence", "first_seen", "last_seen", "resolved_at", "updated_at"
  FROM "finding" WHERE residency = 'eu' AND event_op() != 'delete';

CREATE EXTERNAL CONNECTION IF NOT EXISTS connectors_lake_eu AS 's3://eu-lake/dlp?AUTH=implicit&partition_format=daily&file_size=16MB';
CREATE CHANGEFEED INTO 'external://connectors_lake_eu'
  WITH format = 'json', envelope = 'wrapped', updated, compression = 'gzip', resolved = '30s', min_checkpoint_frequency = '30s', on_error = 'pause', gc_protect_expires_after = '24h', execution_locality = 'region=europe-west1'
  AS SELECT "residency", "id", "tenant", "finding_id", "at", "actor", "before", "after", "revision", "comment"
  FROM "finding_change" WHERE residency = 'eu' AND event_op() != 'delete';

CREATE EXTERNAL CONNECTION IF NOT EXISTS connectors_lake_us AS 'gs://us-lake/dlp?partition_format=daily&file_size=16MB';
CREATE CHANGEFEED INTO 'external://connectors_lake_us'
  WITH format = 'json', envelope = 'wrapped', updated, compression = 'gzip', resolved = '30s', min_checkpoint_frequency = '30s', on_error = 'pause', gc_protect_expires_after = '24h'
  AS SELECT "residency", "id", "tenant", "connection", "app", "resource_key", "resource_id", "resource_kind", "container", "container_name", "label", "url", "author_id", "author", "author_email", "visibility", "part", "detector", "family", "confidence", "severity", "policies", "fingerprint", "preview", "places", "count", "state", "revision", "version", "validity", "validity_checked_at", "validity_evidence", "first_seen", "last_seen", "resolved_at", "updated_at"
  FROM "finding" WHERE residency = 'us' AND event_op() != 'delete';

CREATE EXTERNAL CONNECTION IF NOT EXISTS connectors_lake_us AS 'gs://us-lake/dlp?partition_format=daily&file_size=16MB';
CREATE CHANGEFEED INTO 'external://connectors_lake_us'
  WITH format = 'json', envelope = 'wrapped', updated, compression = 'gzip', resolved = '30s', min_checkpoint_frequency = '30s', on_error = 'pause', gc_protect_expires_after = '24h'
  AS SELECT "residency", "id", "tenant", "finding_id", "at", "actor", "before", "after", "revision", "comment"
  FROM "finding_change" WHERE residency = 'us' AND event_op() != 'delete';
