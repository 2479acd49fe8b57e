-- After PostgreSQL was restored to an older point, each platform stays shut until
-- it is read whole and a steward has opened it.

-- +goose Up
ALTER TABLE platforms ADD COLUMN restored_at timestamptz, -- when the hub noticed, last; null: never
    ADD COLUMN opened_at timestamptz,                      -- since then; null: still shut
    ADD COLUMN opened_by text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE platforms DROP COLUMN restored_at, DROP COLUMN opened_at, DROP COLUMN opened_by;
