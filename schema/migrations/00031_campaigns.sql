-- Campaigns page by page, and cheaper storage of what the stream writes most.

-- +goose Up

-- A campaign looks at every row of a platform. Most of them show already what they
-- should: these are found page by page, and a target is stored for each as it
-- stands, instead of one that is due first and looked at alone.
CREATE TABLE campaigns (
    platform text PRIMARY KEY REFERENCES platforms,
    cursor   text NOT NULL DEFAULT '',        -- rows up to this key were looked at
    since    timestamptz NOT NULL DEFAULT now()
);

-- Nothing is planned by these.
ALTER TABLE records ALTER COLUMN fence SET STATISTICS 0, ALTER COLUMN position SET STATISTICS 0, ALTER COLUMN rev SET STATISTICS 0,
    ALTER COLUMN former_id SET STATISTICS 0, ALTER COLUMN first_seen SET STATISTICS 0;
ALTER TABLE residents ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN rev SET STATISTICS 0, ALTER COLUMN created_at SET STATISTICS 0,
    ALTER COLUMN updated_at SET STATISTICS 0;

-- Master records are long enough to be compressed, and are read and written more
-- often than anything else that is. A server without lz4 keeps its own way.
-- +goose StatementBegin
DO $$
BEGIN
    ALTER TABLE residents ALTER COLUMN master SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
-- +goose StatementEnd

-- +goose Down
ALTER TABLE residents ALTER COLUMN master SET COMPRESSION default;
ALTER TABLE residents ALTER COLUMN name SET STATISTICS -1, ALTER COLUMN rev SET STATISTICS -1, ALTER COLUMN created_at SET STATISTICS -1,
    ALTER COLUMN updated_at SET STATISTICS -1;
ALTER TABLE records ALTER COLUMN fence SET STATISTICS -1, ALTER COLUMN position SET STATISTICS -1, ALTER COLUMN rev SET STATISTICS -1,
    ALTER COLUMN former_id SET STATISTICS -1, ALTER COLUMN first_seen SET STATISTICS -1;
INSERT INTO targets (platform, key, record_id, resident_id, state, due_at, since)
    SELECT r.platform, r.key, r.id, r.resident_id, 'due', now(), now() FROM campaigns c JOIN records r ON r.platform = c.platform
    WHERE r.key > c.cursor AND NOT r.deleted AND r.resident_id IS NOT NULL ON CONFLICT DO NOTHING;
DROP TABLE campaigns;
