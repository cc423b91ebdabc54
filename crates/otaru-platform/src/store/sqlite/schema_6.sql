-- Schema 6: a package is for several products.

-- Whose devices a package is for, in the order in which they were named.
CREATE TABLE package_products (
    package  INTEGER NOT NULL REFERENCES packages (id),
    position INTEGER NOT NULL,
    product  TEXT NOT NULL REFERENCES products (key),
    PRIMARY KEY (package, position)
) STRICT, WITHOUT ROWID;
INSERT INTO package_products SELECT id, 0, product FROM packages;
CREATE INDEX packages_by_product ON package_products (product, package);

-- A device's name alone does not tell any more which one was skipped.
ALTER TABLE skips RENAME TO skips_of_one_product;
CREATE TABLE skips (
    campaign INTEGER NOT NULL REFERENCES campaigns (id),
    product  TEXT NOT NULL,           -- there may be no such product,
    device   TEXT NOT NULL,           -- nor such a device
    reason   TEXT NOT NULL,           -- JSON
    PRIMARY KEY (campaign, product, device)
) STRICT, WITHOUT ROWID;
INSERT INTO skips
    SELECT s.campaign, p.product, s.device, s.reason
    FROM skips_of_one_product s JOIN campaigns c ON c.id = s.campaign JOIN packages p ON p.id = c.package;
DROP TABLE skips_of_one_product;

ALTER TABLE packages DROP COLUMN product;
