-- Which model the partition was made with, and the way from one to the next.

-- +goose Up

-- The models that were in force, the one that is, and the one that is being
-- prepared. The model is data: a program uses what stands here, not what it
-- ships. The parity of the generation is the lowest bit of every blocking key
-- that was made with it, so that keys of two models never meet.
CREATE TABLE models (
    generation  integer PRIMARY KEY,
    version     text NOT NULL,
    body        text NOT NULL,               -- the model's file
    digest      text NOT NULL,               -- of version and body
    engine      integer NOT NULL,            -- linkage.Engine of the program that brought it
    shipped     text NOT NULL,               -- digest of what that program shipped: what a person has decided about
    phase       text NOT NULL CHECK (phase IN ('preparing', 'resolving', 'in_force', 'replaced', 'cancelled')),
    cursor      bigint NOT NULL DEFAULT 0,   -- records up to this id are done in this phase
    who         text NOT NULL DEFAULT '',
    asked_at    timestamptz NOT NULL DEFAULT now(),
    forced_at   timestamptz,                 -- since when it is, or was, in force
    done_at     timestamptz                  -- since when every record follows it, or when it was cancelled
);
CREATE UNIQUE INDEX models_next ON models ((1)) WHERE phase = 'preparing';
CREATE UNIQUE INDEX models_force ON models ((1)) WHERE phase IN ('resolving', 'in_force');

-- The generation of the model under which a record was last resolved.
ALTER TABLE records ADD COLUMN model integer NOT NULL DEFAULT 0;

-- Keys that were made before models were numbered become those of generation 0.
UPDATE records SET keys = ARRAY(SELECT k & ~1::bigint FROM unnest(keys) k),
    old_keys = ARRAY(SELECT k & ~1::bigint FROM unnest(old_keys) k) WHERE keys <> '{}' OR old_keys <> '{}';
DELETE FROM hot_keys WHERE key & 1 = 1 AND EXISTS (SELECT FROM hot_keys h WHERE h.key = hot_keys.key & ~1::bigint);
UPDATE hot_keys SET key = key & ~1::bigint WHERE key & 1 = 1;

-- +goose Down
DROP TABLE models;
ALTER TABLE records DROP COLUMN model;
