-- Schema 4: attempts, answers and validity. What a campaign holds its tasks to is kept with each of them, as timeout_ms is.

ALTER TABLE campaigns ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN retry_interval_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN answer_timeout_ms INTEGER;
ALTER TABLE campaigns ADD COLUMN valid_for_ms INTEGER;

ALTER TABLE tasks ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN retry_interval_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN answer_timeout_ms INTEGER;
ALTER TABLE tasks ADD COLUMN valid_for_ms INTEGER;
ALTER TABLE tasks ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tasks ADD COLUMN retry_at INTEGER;
ALTER TABLE tasks ADD COLUMN answered_at INTEGER;
-- tasks.deadline_at is from now on whenever time changes the task next, in any open state.
