-- Schema 3: registration and gateways.

-- Which devices of a product may register themselves with its secret, and whether one that was seen may again.
ALTER TABLE products ADD COLUMN registration TEXT NOT NULL DEFAULT 'off';
ALTER TABLE products ADD COLUMN register_again INTEGER NOT NULL DEFAULT 0;

-- The gateway that a device is behind: whose session may speak for it once it has logged in there.
ALTER TABLE devices ADD COLUMN gateway INTEGER REFERENCES devices (id);
CREATE INDEX devices_by_gateway ON devices (gateway) WHERE gateway IS NOT NULL;
