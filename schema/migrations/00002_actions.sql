-- What people do in one go. An action makes decisions, takes others back, or
-- both; undoing it takes back exactly what it made and makes again what it took
-- back. So every decision names who, when and why, and can be undone as a whole.

-- +goose Up
CREATE TABLE actions (
    id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind   text NOT NULL CHECK (kind IN ('same', 'not_same', 'later', 'keep', 'field', 'split', 'unmerge', 'revoke', 'undo')),
    who    text NOT NULL,
    why    text NOT NULL DEFAULT '',
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    undoes uuid REFERENCES actions           -- undo: what it undid
);
CREATE UNIQUE INDEX actions_undoes ON actions (undoes) WHERE undoes IS NOT NULL;

ALTER TABLE decisions ADD COLUMN action uuid, ADD COLUMN revoked_action uuid, ADD COLUMN later_until timestamptz;
UPDATE decisions SET action = gen_random_uuid(),
    revoked_action = CASE WHEN revoked_at IS NOT NULL THEN gen_random_uuid() END;
INSERT INTO actions (id, kind, who, why, at) SELECT action, kind, who, why, at FROM decisions;
INSERT INTO actions (id, kind, who, at) SELECT revoked_action, 'revoke', revoked_by, revoked_at FROM decisions WHERE revoked_at IS NOT NULL;
ALTER TABLE decisions ALTER COLUMN action SET NOT NULL,
    ADD FOREIGN KEY (action) REFERENCES actions, ADD FOREIGN KEY (revoked_action) REFERENCES actions;
CREATE INDEX decisions_action ON decisions (action);
CREATE INDEX decisions_revoked_action ON decisions (revoked_action) WHERE revoked_action IS NOT NULL;
-- The history of a record's actions asks for those that were revoked, too.
CREATE INDEX decisions_a_all ON decisions (a_platform, a_key);
CREATE INDEX decisions_b_all ON decisions (b_platform, b_key);

-- again: by undoing, a decision that was revoked is made again. Whoever undoes the
-- action that made the first one takes the second one back, too.
ALTER TABLE decisions ADD COLUMN again bigint REFERENCES decisions;
CREATE INDEX decisions_again ON decisions (again) WHERE again IS NOT NULL;

-- later: the pair leaves the review queue until then. It hangs on the records'
-- names and not on the edge, which every resolution writes anew.
ALTER TABLE decisions DROP CONSTRAINT decisions_kind_check;
ALTER TABLE decisions ADD CONSTRAINT decisions_kind_check CHECK (kind IN ('same', 'not_same', 'later', 'keep', 'field')),
    ADD CONSTRAINT decisions_later_check CHECK ((kind = 'later') = (later_until IS NOT NULL));
ALTER TABLE edges DROP COLUMN later_until;

-- +goose Down
ALTER TABLE edges ADD COLUMN later_until timestamptz;
DROP INDEX decisions_a_all, decisions_b_all;
DELETE FROM decisions WHERE kind = 'later';
ALTER TABLE decisions DROP CONSTRAINT decisions_later_check, DROP CONSTRAINT decisions_kind_check;
ALTER TABLE decisions ADD CONSTRAINT decisions_kind_check CHECK (kind IN ('same', 'not_same', 'keep', 'field'));
ALTER TABLE decisions DROP COLUMN action, DROP COLUMN revoked_action, DROP COLUMN later_until, DROP COLUMN again;
DROP TABLE actions;
