-- The words that the search box looks in have a blank before and after each, so
-- that the index finds words by their first two letters.

-- +goose Up
UPDATE residents SET search = ' ' || btrim(search) || ' ' WHERE search <> '' AND search NOT LIKE ' %';

-- +goose Down
UPDATE residents SET search = btrim(search);
