-- Lists of people that staff bring as a file.

-- +goose Up
CREATE TABLE imports (
    id       uuid PRIMARY KEY,
    who      text NOT NULL,               -- who brought it: nobody else sees it
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    name     text NOT NULL,               -- of the file
    roster   jsonb NOT NULL,              -- roster.Roster: its columns, and what they mean
    sight    jsonb,                       -- store.Sight of who brought it; null: everybody
    state    text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'running', 'stopped', 'done', 'undone')),
    done_at  timestamptz,
    undone_by text,
    undone_at timestamptz
);
CREATE INDEX imports_running ON imports (at) WHERE state = 'running';

-- One line of a file: waiting; made: an entry; same: the entry is there already;
-- bad: a person has to look at it; undone, kept (changed since, so not undone).
CREATE TABLE import_rows (
    import   uuid NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    line     integer NOT NULL,
    cells    text[],                      -- null once it is entered, or kept long enough
    state    text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'made', 'same', 'bad', 'undone', 'kept')),
    key      text,                        -- the desk record: made from what the line says
    problems jsonb,                       -- of a bad one: attribute and problem, never the value
    PRIMARY KEY (import, line)
);
CREATE INDEX import_rows_key ON import_rows (key) WHERE key IS NOT NULL;
CREATE INDEX import_rows_waiting ON import_rows (import, line) WHERE state = 'waiting';

-- +goose Down
DROP TABLE import_rows, imports;
