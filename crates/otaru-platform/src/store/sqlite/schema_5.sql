-- Schema 5: devices that ask over HTTP.

-- The text by which a device asks for its name before it knows that.
ALTER TABLE devices ADD COLUMN serial TEXT;
CREATE UNIQUE INDEX devices_by_serial ON devices (product, serial) WHERE serial IS NOT NULL;

-- Tokens by which devices name their tasks. An old one is kept, so that its device hears that it is old.
CREATE TABLE task_tokens (
    token    TEXT PRIMARY KEY,
    task     INTEGER NOT NULL REFERENCES tasks (id),
    given_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX task_tokens_by_task ON task_tokens (task, given_at);

-- Whether a device was brought to the version that it runs.
CREATE INDEX succeeded_tasks ON tasks (device, module, version) WHERE state = 'succeeded';
