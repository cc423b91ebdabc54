-- Schema 2: files over MQTT, and remote configuration.

ALTER TABLE packages ADD COLUMN sent_over TEXT NOT NULL DEFAULT 'http';

-- The last versions of each product's configuration; devices get the newest.
CREATE TABLE configs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    product    TEXT NOT NULL REFERENCES products (key),
    sha256     BLOB NOT NULL REFERENCES files (sha256),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX configs_by_product ON configs (product, id);

-- Products whose configuration is switched off.
CREATE TABLE configs_off (
    product TEXT PRIMARY KEY REFERENCES products (key)
) STRICT, WITHOUT ROWID;

-- What became of the configuration on each device that was ever to be told of one.
CREATE TABLE device_configs (
    device     INTEGER PRIMARY KEY REFERENCES devices (id),
    config     INTEGER NOT NULL,      -- it may not be kept any more
    state      TEXT NOT NULL,
    code       INTEGER,
    ordered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX waiting_configs ON device_configs (device) WHERE state = 'waiting';
