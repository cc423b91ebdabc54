-- Schema 1. Times are milliseconds since 1970 (UTC). Ids with AUTOINCREMENT are never given twice.

CREATE TABLE products (
    key        TEXT PRIMARY KEY,
    dialect    TEXT NOT NULL,
    secret     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    product      TEXT NOT NULL REFERENCES products (key),
    name         TEXT NOT NULL,
    secret       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER,
    UNIQUE (product, name)
) STRICT;

-- What each module of a device runs, as it last reported.
CREATE TABLE running (
    device      INTEGER NOT NULL REFERENCES devices (id),
    module      TEXT NOT NULL,
    version     TEXT NOT NULL,
    reported_at INTEGER NOT NULL,
    PRIMARY KEY (device, module)
) STRICT, WITHOUT ROWID;

-- Files that were taken; their bytes are elsewhere, under the same SHA-256.
CREATE TABLE files (
    sha256   BLOB PRIMARY KEY,
    md5      BLOB NOT NULL,
    size     INTEGER NOT NULL CHECK (size > 0),
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One version may have several packages: kinds of hardware within a product, or one file and several.
CREATE TABLE packages (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    product       TEXT NOT NULL REFERENCES products (key),
    module        TEXT NOT NULL,
    version       TEXT NOT NULL,
    extra         TEXT,
    digest_method TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE package_files (
    package  INTEGER NOT NULL REFERENCES packages (id),
    position INTEGER NOT NULL,
    name     TEXT NOT NULL,
    sha256   BLOB NOT NULL REFERENCES files (sha256),
    PRIMARY KEY (package, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE campaigns (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    package         INTEGER NOT NULL REFERENCES packages (id),
    listed          INTEGER,          -- how many devices were listed; NULL: all devices of the product
    source_versions TEXT NOT NULL,    -- separated by blanks, which no version holds
    timeout_ms      INTEGER NOT NULL,
    state           TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    ended_at        INTEGER
) STRICT;

-- Devices that a campaign asked for and gave no task.
CREATE TABLE skips (
    campaign INTEGER NOT NULL REFERENCES campaigns (id),
    device   TEXT NOT NULL,           -- a name; there may be no such device
    reason   TEXT NOT NULL,           -- JSON
    PRIMARY KEY (campaign, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign          INTEGER NOT NULL REFERENCES campaigns (id),
    package           INTEGER NOT NULL REFERENCES packages (id),
    device            INTEGER NOT NULL REFERENCES devices (id),
    module            TEXT NOT NULL,
    version           TEXT NOT NULL,
    source_version    TEXT,
    state             TEXT NOT NULL,
    progress          INTEGER NOT NULL,
    reason            TEXT,
    timeout_ms        INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    notified_at       INTEGER,
    first_progress_at INTEGER,
    deadline_at       INTEGER,        -- only while in progress
    updated_at        INTEGER NOT NULL,
    revision          INTEGER NOT NULL
) STRICT;

-- A device has at most one open task for each module.
CREATE UNIQUE INDEX open_tasks ON tasks (device, module)
    WHERE state IN ('confirm', 'queued', 'notified', 'in_progress');
CREATE INDEX tasks_by_campaign ON tasks (campaign);
CREATE INDEX tasks_by_state ON tasks (campaign, state);
CREATE INDEX task_deadlines ON tasks (deadline_at) WHERE deadline_at IS NOT NULL;

CREATE TABLE tokens (
    name       TEXT PRIMARY KEY,
    sha256     BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE platform_secrets (
    name   TEXT PRIMARY KEY,
    secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
