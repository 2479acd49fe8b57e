-- What the stream writes for every record, made cheaper.

-- +goose Up

-- A master record is read whole and written whole: as jsonb it is taken apart
-- and put together again each time. Its fields can be asked for all the same.
ALTER TABLE residents ALTER COLUMN master DROP DEFAULT;
ALTER TABLE residents ALTER COLUMN master TYPE json USING master::json;
ALTER TABLE residents ALTER COLUMN master SET DEFAULT '{}';

-- As in records, nothing is checked of a target that the transaction itself
-- makes sure of: a campaign makes one for every row of a platform. Records and
-- residents are never removed.
ALTER TABLE targets DROP CONSTRAINT targets_platform_fkey, DROP CONSTRAINT targets_record_id_fkey,
    DROP CONSTRAINT targets_anchor_id_fkey, DROP CONSTRAINT targets_resident_id_fkey;

-- +goose Down
ALTER TABLE targets ADD FOREIGN KEY (platform) REFERENCES platforms, ADD FOREIGN KEY (record_id) REFERENCES records,
    ADD FOREIGN KEY (anchor_id) REFERENCES records, ADD FOREIGN KEY (resident_id) REFERENCES residents;
ALTER TABLE residents ALTER COLUMN master DROP DEFAULT;
ALTER TABLE residents ALTER COLUMN master TYPE jsonb USING master::jsonb;
ALTER TABLE residents ALTER COLUMN master SET DEFAULT '{}';
