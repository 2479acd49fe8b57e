-- What a write found and wrote is kept encrypted, for a set time; in the clear
-- it stands only as long as the write is open.

-- +goose Up
ALTER TABLE intents ADD COLUMN sealed text;   -- journal.Content, encrypted; null: not called, or kept long enough
CREATE INDEX intents_sealed ON intents (at) WHERE sealed IS NOT NULL;

-- Of a finished write the statement needs the attributes, and whether the
-- platform's own was given back.
-- +goose StatementBegin
CREATE FUNCTION blanked(fields jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, CASE WHEN value->>'s' = 'own' THEN '{"s": "own"}'::jsonb ELSE '{}'::jsonb END), '{}')
    FROM jsonb_each(fields)
$$;
-- +goose StatementEnd
UPDATE intents SET fields = blanked(fields) WHERE state NOT IN ('open', 'queued', 'doubt');

-- +goose Down
DROP FUNCTION blanked;
DROP INDEX intents_sealed;
ALTER TABLE intents DROP COLUMN sealed;
