-- Schema 7: who chooses the moment, and how long an answer may take if nobody said so.

ALTER TABLE campaigns ADD COLUMN policy TEXT NOT NULL DEFAULT 'standard';
ALTER TABLE tasks ADD COLUMN policy TEXT NOT NULL DEFAULT 'standard';

-- From now on NULL is as the device's vendor documents it, and 0 is for ever; a task has NULL for that.
UPDATE campaigns SET answer_timeout_ms = 0 WHERE answer_timeout_ms IS NULL;
