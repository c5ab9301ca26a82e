CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, 
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE IF NOT EXISTS action_run (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    finding_id UUID NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    action VARCHAR(64) NOT NULL, 
    actor VARCHAR(255) NOT NULL, 
    why VARCHAR(2000) NOT NULL, 
    dry_run BOOLEAN NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    message VARCHAR(2000) NOT NULL, 
    before_hash VARCHAR(64) NOT NULL, 
    remaining VARCHAR(500) NOT NULL, 
    batch UUID, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    ended_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_action_run PRIMARY KEY (residency, id), 
    CONSTRAINT ck_action_run_state CHECK (state IN ('pending', 'done', 'nothing_to_do', 'changed_meanwhile', 'refused', 'dry_run', 'failed', 'cancelled'))
);

CREATE INDEX IF NOT EXISTS ix_action_run_batch ON action_run (residency, batch);

CREATE INDEX IF NOT EXISTS ix_action_run_finding ON action_run (residency, finding_id);

CREATE TABLE IF NOT EXISTS alert (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    policy VARCHAR(128) NOT NULL, 
    destination VARCHAR(128) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    resource_key UUID NOT NULL, 
    label VARCHAR(500) NOT NULL, 
    severity SMALLINT NOT NULL, 
    findings JSONB NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    delivered_at TIMESTAMP WITH TIME ZONE, 
    summary VARCHAR(64), 
    resolved_at TIMESTAMP WITH TIME ZONE, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_alert PRIMARY KEY (residency, id), 
    CONSTRAINT ck_alert_state CHECK (state IN ('pending', 'held', 'delivered', 'failed', 'summarized'))
);

COMMENT ON COLUMN alert.findings IS 'ids';

COMMENT ON COLUMN alert.summary IS 'id of the alert that told it together with others';

COMMENT ON COLUMN alert.resolved_at IS 'when nothing of it was open any more, and its destination knew';

CREATE INDEX IF NOT EXISTS ix_alert_destination ON alert (residency, destination, created_at);

CREATE INDEX IF NOT EXISTS ix_alert_expiry ON alert (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_alert_resource ON alert (residency, resource_key);

CREATE INDEX IF NOT EXISTS ix_alert_summary ON alert (residency, summary);

CREATE TABLE IF NOT EXISTS api_key (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    name VARCHAR(128) NOT NULL, 
    hash VARCHAR(64) NOT NULL, 
    hint VARCHAR(16) NOT NULL, 
    scopes JSONB NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    created_by VARCHAR(255) NOT NULL, 
    valid_until TIMESTAMP WITH TIME ZONE, 
    revoked_at TIMESTAMP WITH TIME ZONE, 
    used_on VARCHAR(10) NOT NULL, 
    CONSTRAINT pk_api_key PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN api_key.hash IS 'SHA-256 of the key, which is never stored';

COMMENT ON COLUMN api_key.hint IS 'its last characters';

COMMENT ON COLUMN api_key.used_on IS 'the last day it was used';

CREATE INDEX IF NOT EXISTS ix_api_key_tenant ON api_key (residency, tenant);

CREATE TABLE IF NOT EXISTS audit (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    actor VARCHAR(255) NOT NULL, 
    act VARCHAR(64) NOT NULL, 
    subject VARCHAR(255) NOT NULL, 
    result VARCHAR(64) NOT NULL, 
    detail JSONB NOT NULL, 
    CONSTRAINT pk_audit PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN audit.act IS 'what was done: action, reveal, sign-in, replay ...';

COMMENT ON COLUMN audit.subject IS 'what it was done to: a finding, a connection ...';

CREATE INDEX IF NOT EXISTS ix_audit_at ON audit (residency, tenant, at);

CREATE INDEX IF NOT EXISTS ix_audit_subject ON audit (residency, subject, at);

CREATE TABLE IF NOT EXISTS bulk (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    actor VARCHAR(255) NOT NULL, 
    query VARCHAR(1000) NOT NULL, 
    connections JSONB NOT NULL, 
    chosen JSONB NOT NULL, 
    kind VARCHAR(32) NOT NULL, 
    what VARCHAR(64) NOT NULL, 
    dry_run BOOLEAN NOT NULL, 
    comment VARCHAR(2000) NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    total INTEGER NOT NULL, 
    looked INTEGER NOT NULL, 
    changed INTEGER NOT NULL, 
    conflicts INTEGER NOT NULL, 
    cursor UUID, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    ended_at TIMESTAMP WITH TIME ZONE, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_bulk PRIMARY KEY (residency, id), 
    CONSTRAINT ck_bulk_kind CHECK (kind IN ('state', 'action', 'undo')), 
    CONSTRAINT ck_bulk_state CHECK (state IN ('waiting', 'running', 'done', 'stopped'))
);

COMMENT ON COLUMN bulk.connections IS 'those the actor sees; null is all';

COMMENT ON COLUMN bulk.chosen IS 'ids of findings, instead of all that fit; empty is all';

COMMENT ON COLUMN bulk.what IS 'the state, the action, or the bulk that is undone';

COMMENT ON COLUMN bulk.total IS 'as counted when it was asked for';

COMMENT ON COLUMN bulk.cursor IS 'the last finding that was worked on, in the order of ids';

CREATE INDEX IF NOT EXISTS ix_bulk_at ON bulk (residency, tenant, created_at);

CREATE INDEX IF NOT EXISTS ix_bulk_expiry ON bulk (residency, expires_at);

CREATE TABLE IF NOT EXISTS bulk_item (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    bulk_id UUID NOT NULL, 
    finding_id UUID NOT NULL, 
    before VARCHAR(32) NOT NULL, 
    revision INTEGER NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_bulk_item PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN bulk_item.revision IS 'of the finding after the change';

CREATE INDEX IF NOT EXISTS ix_bulk_item_bulk ON bulk_item (residency, bulk_id, finding_id);

CREATE INDEX IF NOT EXISTS ix_bulk_item_expiry ON bulk_item (residency, expires_at);

CREATE TABLE IF NOT EXISTS connection (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    name VARCHAR(128) NOT NULL, 
    app VARCHAR(64) NOT NULL, 
    status VARCHAR(32) NOT NULL, 
    reason VARCHAR(500) NOT NULL, 
    hint VARCHAR(500) NOT NULL, 
    since TIMESTAMP WITH TIME ZONE NOT NULL, 
    subscription BYTEA, 
    subscription_ends TIMESTAMP WITH TIME ZONE, 
    last_delivery TIMESTAMP WITH TIME ZONE, 
    last_sync TIMESTAMP WITH TIME ZONE, 
    last_error VARCHAR(500) NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_connection PRIMARY KEY (residency, id), 
    CONSTRAINT ck_connection_status CHECK (status IN ('ok', 'broken'))
);

COMMENT ON COLUMN connection.subscription IS 'the push channel, encrypted';

CREATE TABLE IF NOT EXISTS connection_value (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    key VARCHAR(255) NOT NULL, 
    value BYTEA NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_connection_value PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN connection_value.value IS 'encrypted';

CREATE TABLE IF NOT EXISTS container (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    container VARCHAR(255) NOT NULL, 
    name VARCHAR(255) NOT NULL, 
    visibility VARCHAR(32) NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_container PRIMARY KEY (residency, id), 
    CONSTRAINT ck_container_visibility CHECK (visibility IN ('private', 'internal', 'external', 'link', 'public', 'unknown'))
);

CREATE TABLE IF NOT EXISTS dashboard_session (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    user_id UUID NOT NULL, 
    chosen_tenant VARCHAR(64) NOT NULL, 
    complete BOOLEAN NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_dashboard_session PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN dashboard_session.complete IS 'false until the second factor is given';

CREATE INDEX IF NOT EXISTS ix_dashboard_session_expiry ON dashboard_session (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_dashboard_session_user ON dashboard_session (residency, user_id);

CREATE TABLE IF NOT EXISTS dashboard_user (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    name VARCHAR(255) NOT NULL, 
    password VARCHAR(255) NOT NULL, 
    totp BYTEA, 
    totp_step BIGINT NOT NULL, 
    "role" VARCHAR(32) NOT NULL, 
    may_reveal BOOLEAN NOT NULL, 
    connections JSONB NOT NULL, 
    tenants JSONB NOT NULL, 
    disabled BOOLEAN NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    last_sign_in TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_dashboard_user PRIMARY KEY (residency, id), 
    CONSTRAINT ck_dashboard_user_role CHECK (role IN ('viewer', 'analyst', 'admin'))
);

COMMENT ON COLUMN dashboard_user.name IS 'as written at sign-in, lower case';

COMMENT ON COLUMN dashboard_user.password IS 'argon2id; empty for users of an identity provider';

COMMENT ON COLUMN dashboard_user.totp IS 'secret of the second factor, encrypted';

COMMENT ON COLUMN dashboard_user.totp_step IS 'last time step used: a code counts once';

COMMENT ON COLUMN dashboard_user.connections IS 'wildcards of the connections that are seen';

COMMENT ON COLUMN dashboard_user.tenants IS 'wildcards of the tenants that are seen';

CREATE TABLE IF NOT EXISTS delivery (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    delivery_id VARCHAR(255) NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    reason VARCHAR(500) NOT NULL, 
    events INTEGER NOT NULL, 
    size INTEGER NOT NULL, 
    body BYTEA, 
    received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_delivery PRIMARY KEY (residency, id), 
    CONSTRAINT ck_delivery_state CHECK (state IN ('accepted', 'failed', 'replayed'))
);

COMMENT ON COLUMN delivery.body IS 'encrypted; kept for failed deliveries only';

CREATE INDEX IF NOT EXISTS ix_delivery_connection ON delivery (residency, connection, received_at);

CREATE INDEX IF NOT EXISTS ix_delivery_expiry ON delivery (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_delivery_failed ON delivery (residency, received_at, id) WHERE state = 'failed';

CREATE TABLE IF NOT EXISTS finding (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    app VARCHAR(64) NOT NULL, 
    resource_key UUID NOT NULL, 
    resource_id VARCHAR(1024) NOT NULL, 
    resource_kind VARCHAR(64) NOT NULL, 
    container VARCHAR(255) NOT NULL, 
    container_name VARCHAR(255) NOT NULL, 
    label VARCHAR(500) NOT NULL, 
    url VARCHAR(2048) NOT NULL, 
    author_id VARCHAR(255) NOT NULL, 
    author VARCHAR(255) NOT NULL, 
    author_email VARCHAR(320) NOT NULL, 
    visibility VARCHAR(32) NOT NULL, 
    part VARCHAR(500) NOT NULL, 
    detector VARCHAR(128) NOT NULL, 
    family VARCHAR(64) NOT NULL, 
    confidence SMALLINT NOT NULL, 
    severity SMALLINT NOT NULL, 
    policies JSONB NOT NULL, 
    fingerprint VARCHAR(64) NOT NULL, 
    preview VARCHAR(255) NOT NULL, 
    places JSONB NOT NULL, 
    count INTEGER NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    revision INTEGER NOT NULL, 
    version BIGINT NOT NULL, 
    note VARCHAR(2000) NOT NULL, 
    validity VARCHAR(32), 
    validity_checked_at TIMESTAMP WITH TIME ZONE, 
    validity_evidence JSONB, 
    first_seen TIMESTAMP WITH TIME ZONE NOT NULL, 
    last_seen TIMESTAMP WITH TIME ZONE NOT NULL, 
    resolved_at TIMESTAMP WITH TIME ZONE, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_finding PRIMARY KEY (residency, id), 
    CONSTRAINT ck_finding_state CHECK (state IN ('open', 'acknowledged', 'resolved', 'ignored', 'false_positive')), 
    CONSTRAINT ck_finding_validity CHECK (validity IN ('active', 'expired', 'unverified')), 
    CONSTRAINT ck_finding_visibility CHECK (visibility IN ('private', 'internal', 'external', 'link', 'public', 'unknown'))
);

COMMENT ON COLUMN finding.fingerprint IS 'keyed; equal values have equal ones';

COMMENT ON COLUMN finding.revision IS 'grows with each change of state';

COMMENT ON COLUMN finding.version IS 'of the resource, when last seen';

COMMENT ON COLUMN finding.validity IS 'what the vendor said; empty when nobody was asked';

COMMENT ON COLUMN finding.validity_evidence IS 'vendor, endpoint, status, reason, version of the check';

CREATE INDEX IF NOT EXISTS ix_finding_connection ON finding (residency, tenant, connection, last_seen, id);

CREATE INDEX IF NOT EXISTS ix_finding_container ON finding (residency, tenant, container_name, last_seen, id);

CREATE INDEX IF NOT EXISTS ix_finding_detector ON finding (residency, tenant, detector, last_seen, id);

CREATE INDEX IF NOT EXISTS ix_finding_expiry ON finding (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_finding_fingerprint ON finding (residency, tenant, fingerprint);

CREATE INDEX IF NOT EXISTS ix_finding_first ON finding (residency, tenant, first_seen, id);

CREATE INDEX IF NOT EXISTS ix_finding_recent ON finding (residency, tenant, last_seen, id);

CREATE INDEX IF NOT EXISTS ix_finding_resource ON finding (residency, resource_key);

CREATE INDEX IF NOT EXISTS ix_finding_severity ON finding (residency, tenant, severity, last_seen, id);

CREATE INDEX IF NOT EXISTS ix_finding_state ON finding (residency, tenant, state, severity, last_seen, id);

CREATE TABLE IF NOT EXISTS finding_change (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    finding_id UUID NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    actor VARCHAR(255) NOT NULL, 
    before VARCHAR(32) NOT NULL, 
    after VARCHAR(32) NOT NULL, 
    revision INTEGER NOT NULL, 
    comment VARCHAR(2000) NOT NULL, 
    batch UUID, 
    exported BOOLEAN NOT NULL, 
    CONSTRAINT pk_finding_change PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN finding_change.actor IS 'system, a user, a key or a link';

COMMENT ON COLUMN finding_change.batch IS 'file of the change data that it was claimed for';

CREATE INDEX IF NOT EXISTS ix_finding_change_at ON finding_change (residency, tenant, at);

CREATE INDEX IF NOT EXISTS ix_finding_change_export ON finding_change (residency, batch) WHERE NOT exported;

CREATE INDEX IF NOT EXISTS ix_finding_change_finding ON finding_change (residency, finding_id, revision);

CREATE TABLE IF NOT EXISTS gap (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    partition VARCHAR(255) NOT NULL, 
    resource_key UUID NOT NULL, 
    resource_id VARCHAR(1024) NOT NULL, 
    part VARCHAR(500) NOT NULL, 
    label VARCHAR(500) NOT NULL, 
    outcome VARCHAR(32) NOT NULL, 
    reason VARCHAR(64) NOT NULL, 
    detail VARCHAR(500) NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_gap PRIMARY KEY (residency, id), 
    CONSTRAINT ck_gap_outcome CHECK (outcome IN ('skipped', 'failed'))
);

CREATE INDEX IF NOT EXISTS ix_gap_connection ON gap (residency, connection, partition, outcome, reason);

CREATE INDEX IF NOT EXISTS ix_gap_resource ON gap (residency, resource_key);

CREATE TABLE IF NOT EXISTS inbox (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    source VARCHAR(32) NOT NULL, 
    partition VARCHAR(255) NOT NULL, 
    generation INTEGER NOT NULL, 
    kind VARCHAR(32) NOT NULL, 
    resource_key UUID NOT NULL, 
    version BIGINT NOT NULL, 
    body BYTEA NOT NULL, 
    shard SMALLINT NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    lease UUID, 
    attempts INTEGER NOT NULL, 
    reason VARCHAR(500) NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_inbox PRIMARY KEY (residency, id), 
    CONSTRAINT ck_inbox_kind CHECK (kind IN ('changed', 'deleted', 'sync', 'exposure', 'revoked')), 
    CONSTRAINT ck_inbox_source CHECK (source IN ('webhook', 'sync', 'reread')), 
    CONSTRAINT ck_inbox_state CHECK (state IN ('ready', 'done', 'dead'))
);

COMMENT ON COLUMN inbox.body IS 'the event, encrypted';

CREATE INDEX IF NOT EXISTS ix_inbox_claim ON inbox (residency, shard, due_at) WHERE state = 'ready';

CREATE INDEX IF NOT EXISTS ix_inbox_connection ON inbox (residency, connection, state, partition);

CREATE INDEX IF NOT EXISTS ix_inbox_dead ON inbox (residency, created_at) WHERE state = 'dead';

CREATE INDEX IF NOT EXISTS ix_inbox_expiry ON inbox (residency, expires_at);

CREATE TABLE IF NOT EXISTS job (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    queue VARCHAR(32) NOT NULL, 
    key VARCHAR(500) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    body BYTEA, 
    requests INTEGER NOT NULL, 
    held_until TIMESTAMP WITH TIME ZONE, 
    shard SMALLINT NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    lease UUID, 
    attempts INTEGER NOT NULL, 
    reason VARCHAR(500) NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_job PRIMARY KEY (residency, id), 
    CONSTRAINT ck_job_state CHECK (state IN ('ready', 'done', 'dead'))
);

COMMENT ON COLUMN job.key IS 'names the work: one row for one thing to do';

COMMENT ON COLUMN job.body IS 'arguments, encrypted; never content';

COMMENT ON COLUMN job.requests IS 'how often it was asked for; more during a run means run again';

COMMENT ON COLUMN job.held_until IS 'when the app may be asked again; asking for the job does not help';

CREATE INDEX IF NOT EXISTS ix_job_claim ON job (residency, queue, shard, due_at) WHERE state = 'ready';

CREATE INDEX IF NOT EXISTS ix_job_expiry ON job (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_job_state ON job (residency, state, queue);

CREATE TABLE IF NOT EXISTS ledger (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    partition VARCHAR(255) NOT NULL, 
    generation INTEGER NOT NULL, 
    shard SMALLINT NOT NULL, 
    listed BIGINT NOT NULL, 
    scanned BIGINT NOT NULL, 
    skipped BIGINT NOT NULL, 
    failed BIGINT NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_ledger PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN ledger.shard IS 'writers add to different rows; readers sum';

CREATE INDEX IF NOT EXISTS ix_ledger_connection ON ledger (residency, connection, partition, generation);

CREATE TABLE IF NOT EXISTS quota (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    period VARCHAR(7) NOT NULL, 
    taken BIGINT NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_quota PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN quota.period IS 'the month, as 2026-11';

COMMENT ON COLUMN quota.taken IS 'bytes spent or lent to nodes in blocks';

CREATE INDEX IF NOT EXISTS ix_quota_expiry ON quota (residency, expires_at);

CREATE TABLE IF NOT EXISTS rate_budget (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    bucket VARCHAR(128) NOT NULL, 
    tokens FLOAT NOT NULL, 
    refilled_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    blocked_until TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_rate_budget PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN rate_budget.tokens IS 'left at `refilled_at`';

COMMENT ON COLUMN rate_budget.blocked_until IS 'as the app asked';

CREATE TABLE IF NOT EXISTS receipt (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    alert_id UUID NOT NULL, 
    attempt INTEGER NOT NULL, 
    result VARCHAR(32) NOT NULL, 
    recipient VARCHAR(320) NOT NULL, 
    reference VARCHAR(500) NOT NULL, 
    detail VARCHAR(500) NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_receipt PRIMARY KEY (residency, id), 
    CONSTRAINT ck_receipt_result CHECK (result IN ('delivered', 'retry', 'failed', 'resolved'))
);

CREATE INDEX IF NOT EXISTS ix_receipt_alert ON receipt (residency, alert_id);

CREATE TABLE IF NOT EXISTS request_log (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    key_id UUID NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    endpoint VARCHAR(64) NOT NULL, 
    method VARCHAR(8) NOT NULL, 
    status SMALLINT NOT NULL, 
    code INTEGER NOT NULL, 
    bytes BIGINT NOT NULL, 
    items INTEGER NOT NULL, 
    findings INTEGER NOT NULL, 
    microseconds BIGINT NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_request_log PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN request_log.code IS 'of the error body; 0 for none';

CREATE INDEX IF NOT EXISTS ix_request_log_expiry ON request_log (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_request_log_tenant ON request_log (residency, tenant, at);

CREATE TABLE IF NOT EXISTS resource (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    resource_id VARCHAR(1024) NOT NULL, 
    partition VARCHAR(255) NOT NULL, 
    parent_key UUID, 
    container VARCHAR(255) NOT NULL, 
    version BIGINT NOT NULL, 
    deleted BOOLEAN NOT NULL, 
    listed_in INTEGER NOT NULL, 
    scanned_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_resource PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN resource.listed_in IS 'generation of the sync that last listed it';

CREATE INDEX IF NOT EXISTS ix_resource_parent ON resource (residency, parent_key);

CREATE INDEX IF NOT EXISTS ix_resource_partition ON resource (residency, connection, partition, listed_in);

CREATE TABLE IF NOT EXISTS saved_view (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    user_id UUID NOT NULL, 
    name VARCHAR(100) NOT NULL, 
    query VARCHAR(1000) NOT NULL, 
    sort VARCHAR(32) NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_saved_view PRIMARY KEY (residency, id)
);

CREATE INDEX IF NOT EXISTS ix_saved_view_user ON saved_view (residency, user_id);

CREATE TABLE IF NOT EXISTS scan_result (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    body BYTEA NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_scan_result PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN scan_result.body IS 'findings as the API answers them, encrypted';

CREATE INDEX IF NOT EXISTS ix_scan_result_expiry ON scan_result (residency, expires_at);

CREATE TABLE IF NOT EXISTS schedule (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    name VARCHAR(255) NOT NULL, 
    next_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    last_at TIMESTAMP WITH TIME ZONE, 
    state JSONB NOT NULL, 
    CONSTRAINT pk_schedule PRIMARY KEY (residency, id)
);

CREATE TABLE IF NOT EXISTS sign_in_attempt (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    failures INTEGER NOT NULL, 
    locked_until TIMESTAMP WITH TIME ZONE, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_sign_in_attempt PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN sign_in_attempt.failures IS 'in a row, for one name, known or not';

CREATE INDEX IF NOT EXISTS ix_sign_in_attempt_expiry ON sign_in_attempt (residency, expires_at);

CREATE TABLE IF NOT EXISTS stored_rule (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    kind VARCHAR(32) NOT NULL, 
    name VARCHAR(128) NOT NULL, 
    body BYTEA NOT NULL, 
    revision INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_stored_rule PRIMARY KEY (residency, id), 
    CONSTRAINT ck_stored_rule_kind CHECK (kind IN ('rule', 'policy'))
);

COMMENT ON COLUMN stored_rule.body IS 'as the API takes it, encrypted';

CREATE INDEX IF NOT EXISTS ix_stored_rule_tenant ON stored_rule (residency, tenant, kind);

CREATE TABLE IF NOT EXISTS suppression (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    fingerprint VARCHAR(64) NOT NULL, 
    family VARCHAR(64) NOT NULL, 
    verdict VARCHAR(32) NOT NULL, 
    actor VARCHAR(255) NOT NULL, 
    comment VARCHAR(2000) NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_suppression PRIMARY KEY (residency, id), 
    CONSTRAINT ck_suppression_verdict CHECK (verdict IN ('false_positive', 'accepted', 'confirmed'))
);

CREATE INDEX IF NOT EXISTS ix_suppression_fingerprint ON suppression (residency, tenant, fingerprint);

CREATE TABLE IF NOT EXISTS sync_partition (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    partition VARCHAR(255) NOT NULL, 
    label VARCHAR(255) NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    reason VARCHAR(500) NOT NULL, 
    cursor BYTEA, 
    generation INTEGER NOT NULL, 
    estimate BIGINT, 
    pages BIGINT NOT NULL, 
    started_at TIMESTAMP WITH TIME ZONE, 
    finished_at TIMESTAMP WITH TIME ZONE, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_sync_partition PRIMARY KEY (residency, id), 
    CONSTRAINT ck_sync_partition_state CHECK (state IN ('waiting', 'reading', 'done', 'failed'))
);

COMMENT ON COLUMN sync_partition.cursor IS 'where the next page starts, encrypted';

COMMENT ON COLUMN sync_partition.generation IS 'grows with each reading from the beginning';

CREATE INDEX IF NOT EXISTS ix_sync_partition_connection ON sync_partition (residency, connection, partition, generation);

CREATE TABLE IF NOT EXISTS tally (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    connection VARCHAR(128) NOT NULL, 
    day VARCHAR(10) NOT NULL, 
    dimension VARCHAR(16) NOT NULL, 
    value VARCHAR(255) NOT NULL, 
    shard SMALLINT NOT NULL, 
    found BIGINT NOT NULL, 
    closed BIGINT NOT NULL, 
    living BIGINT NOT NULL, 
    seconds BIGINT NOT NULL, 
    CONSTRAINT pk_tally PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN tally.day IS 'ISO date, or empty for what stands now';

COMMENT ON COLUMN tally.shard IS 'writers add to different rows; readers sum';

COMMENT ON COLUMN tally.living IS 'open and acknowledged';

COMMENT ON COLUMN tally.seconds IS 'from first seen to closed, summed';

CREATE INDEX IF NOT EXISTS ix_tally_day ON tally (residency, tenant, dimension, day, value, connection, living, found, closed, seconds);

CREATE INDEX IF NOT EXISTS ix_tally_value ON tally (residency, tenant, dimension, value, day);

CREATE TABLE IF NOT EXISTS tenant (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    status VARCHAR(32) NOT NULL, 
    tier VARCHAR(32) NOT NULL, 
    rate FLOAT, 
    burst INTEGER, 
    monthly_bytes BIGINT, 
    signing_secret BYTEA NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_tenant PRIMARY KEY (residency, id), 
    CONSTRAINT ck_tenant_status CHECK (status IN ('active', 'suspended'))
);

COMMENT ON COLUMN tenant.rate IS 'requests a second; the tier''s when null';

COMMENT ON COLUMN tenant.burst IS 'the tier''s when null';

COMMENT ON COLUMN tenant.monthly_bytes IS 'the tier''s when null';

COMMENT ON COLUMN tenant.signing_secret IS 'signs result webhooks; encrypted';

CREATE TABLE IF NOT EXISTS upload (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    key_id UUID NOT NULL, 
    state VARCHAR(32) NOT NULL, 
    size BIGINT NOT NULL, 
    chunk_size INTEGER NOT NULL, 
    media_type VARCHAR(255) NOT NULL, 
    request BYTEA, 
    result_id UUID, 
    reason VARCHAR(500) NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_upload PRIMARY KEY (residency, id), 
    CONSTRAINT ck_upload_state CHECK (state IN ('open', 'finished', 'scanning', 'done', 'failed'))
);

COMMENT ON COLUMN upload.request IS 'policy and metadata of the scan, encrypted';

CREATE INDEX IF NOT EXISTS ix_upload_expiry ON upload (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_upload_tenant ON upload (residency, tenant, state);

CREATE TABLE IF NOT EXISTS upload_piece (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    upload_id UUID NOT NULL, 
    start BIGINT NOT NULL, 
    size INTEGER NOT NULL, 
    body BYTEA NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_upload_piece PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN upload_piece.body IS 'encrypted; gone after the scan';

CREATE INDEX IF NOT EXISTS ix_upload_piece_expiry ON upload_piece (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_upload_piece_upload ON upload_piece (residency, upload_id, start);

CREATE TABLE IF NOT EXISTS usage (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    key_id UUID NOT NULL, 
    endpoint VARCHAR(64) NOT NULL, 
    day VARCHAR(10) NOT NULL, 
    shard SMALLINT NOT NULL, 
    requests BIGINT NOT NULL, 
    errors BIGINT NOT NULL, 
    bytes BIGINT NOT NULL, 
    findings BIGINT NOT NULL, 
    microseconds BIGINT NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_usage PRIMARY KEY (residency, id)
);

COMMENT ON COLUMN usage.shard IS 'nodes add to different rows; readers sum';

CREATE INDEX IF NOT EXISTS ix_usage_expiry ON usage (residency, expires_at);

CREATE INDEX IF NOT EXISTS ix_usage_tenant ON usage (residency, tenant, day);

CREATE TABLE IF NOT EXISTS used_link (
    residency VARCHAR(32) NOT NULL, 
    id UUID NOT NULL, 
    tenant VARCHAR(64) NOT NULL, 
    purpose VARCHAR(32) NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_used_link PRIMARY KEY (residency, id)
);

CREATE INDEX IF NOT EXISTS ix_used_link_expiry ON used_link (residency, expires_at);

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING alembic_version.version_num;

