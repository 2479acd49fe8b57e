-- What the stream writes for every record, made cheaper.

-- +goose Up

-- As in records, nothing is checked of a target that the transaction itself
-- makes sure of: a campaign makes one for every row of a platform. Records and
-- residents are never removed.
ALTER TABLE targets DROP CONSTRAINT targets_platform_fkey, DROP CONSTRAINT targets_record_id_fkey,
    DROP CONSTRAINT targets_anchor_id_fkey, DROP CONSTRAINT targets_resident_id_fkey;

-- How far a run's messages are acknowledged. Beside pull_runs, because a take-in
-- holds that line while it works, and whoever publishes would stand in line.
CREATE TABLE pull_published (
    platform text NOT NULL,
    fence    bigint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (platform, fence)
);
INSERT INTO pull_published SELECT platform, fence, published FROM pull_runs WHERE published > 0;
ALTER TABLE pull_runs DROP COLUMN published;

-- Nothing is planned by what these hold, and to count it is most of the work of
-- an ANALYZE, which a growing table sees every few seconds.
ALTER TABLE records ALTER COLUMN state SET STATISTICS 0, ALTER COLUMN flags SET STATISTICS 0,
    ALTER COLUMN anchors SET STATISTICS 0, ALTER COLUMN keys SET STATISTICS 0, ALTER COLUMN old_keys SET STATISTICS 0,
    ALTER COLUMN features SET STATISTICS 0;
ALTER TABLE record_keys ALTER COLUMN keys SET STATISTICS 0;
ALTER TABLE residents ALTER COLUMN master SET STATISTICS 0, ALTER COLUMN search SET STATISTICS 0;

-- +goose Down
ALTER TABLE residents ALTER COLUMN master SET STATISTICS -1, ALTER COLUMN search SET STATISTICS -1;
ALTER TABLE record_keys ALTER COLUMN keys SET STATISTICS -1;
ALTER TABLE records ALTER COLUMN state SET STATISTICS -1, ALTER COLUMN flags SET STATISTICS -1,
    ALTER COLUMN anchors SET STATISTICS -1, ALTER COLUMN keys SET STATISTICS -1, ALTER COLUMN old_keys SET STATISTICS -1,
    ALTER COLUMN features SET STATISTICS -1;
ALTER TABLE pull_runs ADD COLUMN published bigint NOT NULL DEFAULT 0;
UPDATE pull_runs r SET published = p.position FROM pull_published p WHERE p.platform = r.platform AND p.fence = r.fence;
DROP TABLE pull_published;
ALTER TABLE targets ADD FOREIGN KEY (platform) REFERENCES platforms, ADD FOREIGN KEY (record_id) REFERENCES records,
    ADD FOREIGN KEY (anchor_id) REFERENCES records, ADD FOREIGN KEY (resident_id) REFERENCES residents;
