-- A read that merely confirms what we wrote need not be followed by another look
-- at the row, unless the row was looked at between the write and the read: then
-- what should be there may have changed to what was still shown.

-- +goose Up
ALTER TABLE targets ADD COLUMN again boolean NOT NULL DEFAULT true;
ALTER TABLE targets ALTER COLUMN again SET DEFAULT false;

-- +goose Down
ALTER TABLE targets DROP COLUMN again;
