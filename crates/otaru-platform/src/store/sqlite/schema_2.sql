-- Schema 2: files over MQTT.

ALTER TABLE packages ADD COLUMN sent_over TEXT NOT NULL DEFAULT 'http';
