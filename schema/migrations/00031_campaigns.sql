-- A campaign looks at every row of a platform. Most of them show already what they
-- should: these are found page by page, and a target is stored for each as it
-- stands, instead of one that is due first and looked at alone.

-- +goose Up
CREATE TABLE campaigns (
    platform text PRIMARY KEY REFERENCES platforms,
    cursor   text NOT NULL DEFAULT '',        -- rows up to this key were looked at
    since    timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
INSERT INTO targets (platform, key, record_id, resident_id, state, due_at, since)
    SELECT r.platform, r.key, r.id, r.resident_id, 'due', now(), now() FROM campaigns c JOIN records r ON r.platform = c.platform
    WHERE r.key > c.cursor AND NOT r.deleted AND r.resident_id IS NOT NULL ON CONFLICT DO NOTHING;
DROP TABLE campaigns;
