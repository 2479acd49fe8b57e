-- Room for what is written again.
--
-- A record is written when it is taken in and when it is resolved, and once or twice
-- more with each write to its platform. Where the page of the row has room, the last
-- of these need no new entry in any index, and the old versions make room for the
-- next. Half a page is left free for that; without it the second version took
-- another page anyway.
--
-- Nobody finds a target by its record: (platform, key) says the same.

-- +goose Up
ALTER TABLE records SET (fillfactor = 55);
ALTER TABLE targets SET (fillfactor = 85);
DROP INDEX targets_record;

-- +goose Down
CREATE INDEX targets_record ON targets (record_id);
ALTER TABLE targets RESET (fillfactor);
ALTER TABLE records RESET (fillfactor);
