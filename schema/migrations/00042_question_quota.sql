-- How many questions a day may have, as it stood when the last one was counted: the
-- page of platforms says "37 of 200".

-- +goose Up
ALTER TABLE question_days ADD COLUMN per_day integer NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE question_days DROP COLUMN per_day;
