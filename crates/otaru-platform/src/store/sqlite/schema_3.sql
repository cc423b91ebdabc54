-- Schema 3: registration.

-- Which devices of a product may register themselves with its secret, and whether one that was seen may again.
ALTER TABLE products ADD COLUMN registration TEXT NOT NULL DEFAULT 'off';
ALTER TABLE products ADD COLUMN register_again INTEGER NOT NULL DEFAULT 0;
