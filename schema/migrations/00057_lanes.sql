-- Which of several resolvers takes a record first. The records of one person are
-- nearly always in one lane, so that resolvers rarely want the same rows: one that
-- does leaves the person to the other, who then writes the master record twice.
--
-- It is a saving and nothing more: whoever finds nothing in his lane takes what
-- there is.

-- +goose Up
ALTER TABLE records ADD COLUMN lane smallint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE records DROP COLUMN lane;
