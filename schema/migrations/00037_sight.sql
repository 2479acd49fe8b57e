-- Who sees whom: follows who is responsible for whom.

-- +goose Up
-- The area and the dwelling of an address, as schema.Address writes it.
CREATE FUNCTION area_of(address text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT nullif(split_part(address, '|', 5), '') $$;
CREATE FUNCTION dwelling_of(address text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE WHEN split_part(address, '|', 8) <> '' AND split_part(address, '|', 10) <> ''
        THEN coalesce(nullif(split_part(address, '|', 7), ''), split_part(address, '|', 5)) || '|' || split_part(address, '|', 8)
            || '|' || split_part(address, '|', 9) || '|' || split_part(address, '|', 10) END $$;
ALTER TABLE residents
    ADD COLUMN home_area      text GENERATED ALWAYS AS (area_of(master->'residence'->>'v')) STORED,
    ADD COLUMN home_dwelling  text GENERATED ALWAYS AS (dwelling_of(master->'residence'->>'v')) STORED,
    ADD COLUMN hukou_area     text GENERATED ALWAYS AS (area_of(master->'hukou_address'->>'v')) STORED,
    ADD COLUMN hukou_dwelling text GENERATED ALWAYS AS (dwelling_of(master->'hukou_address'->>'v')) STORED;
CREATE INDEX residents_home_area ON residents (home_area) WHERE redirect_to IS NULL AND ended_at IS NULL;
CREATE INDEX residents_hukou_area ON residents (hukou_area) WHERE redirect_to IS NULL AND ended_at IS NULL;
CREATE INDEX residents_home_dwelling ON residents (home_dwelling) WHERE home_dwelling IS NOT NULL AND redirect_to IS NULL AND ended_at IS NULL;
CREATE INDEX residents_hukou_dwelling ON residents (hukou_dwelling) WHERE hukou_dwelling IS NOT NULL AND redirect_to IS NULL AND ended_at IS NULL;
CREATE INDEX responsibilities_dwelling ON responsibilities (dwelling) WHERE dwelling IS NOT NULL;

-- The resident that an id stands for now.
CREATE FUNCTION living_resident(former uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    WITH RECURSIVE f(id, redirect_to, depth) AS (
        SELECT id, redirect_to, 0 FROM residents WHERE id = former
        UNION ALL SELECT r.id, r.redirect_to, f.depth + 1 FROM residents r JOIN f ON r.id = f.redirect_to WHERE f.depth < 100)
    SELECT id FROM f WHERE redirect_to IS NULL $$;

-- What was given for a resident by name on a day, those ids included that were
-- merged into another.
CREATE FUNCTION named_lines(on_day date) RETURNS TABLE (line bigint, resident uuid) LANGUAGE sql STABLE AS $$
    SELECT n.id, CASE WHEN r.redirect_to IS NULL THEN r.id ELSE living_resident(r.id) END
    FROM responsibilities n JOIN residents r ON r.id = n.resident_id
    WHERE on_day BETWEEN n.valid_from AND coalesce(n.valid_to, 'infinity') $$;

-- Who answers for a resident on a day: for each domain and basis the one named
-- for the resident, else for the dwelling, else for the area.
CREATE FUNCTION answering(resident uuid, home_area text, home_dwelling text, hukou_area text, hukou_dwelling text, on_day date)
RETURNS TABLE (domain text, body text, basis text, scope text) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE former(id) AS (
            SELECT resident UNION SELECT r.id FROM residents r JOIN former f ON r.redirect_to = f.id),
        place(basis, area, dwelling) AS (VALUES ('residence', home_area, home_dwelling), ('hukou', hukou_area, hukou_dwelling)),
        fits AS (
            SELECT r.*, CASE WHEN r.resident_id IS NOT NULL THEN 'resident' WHEN r.dwelling IS NOT NULL THEN 'dwelling' ELSE 'area' END AS scope
            FROM responsibilities r JOIN place p ON p.basis = r.basis
            WHERE (r.resident_id IN (SELECT id FROM former) OR r.dwelling = p.dwelling OR r.area = p.area)
                AND on_day BETWEEN r.valid_from AND coalesce(r.valid_to, 'infinity'))
    SELECT DISTINCT ON (f.domain, f.basis) f.domain, f.body, f.basis, f.scope FROM fits f
    ORDER BY f.domain, f.basis, array_position(ARRAY['resident', 'dwelling', 'area'], f.scope), f.valid_from DESC, f.id DESC $$;

-- For whom somebody works. Accounts and tokens that are there already see what
-- they saw; a new one sees nobody until it is said whom.
ALTER TABLE accounts
    ADD COLUMN everywhere boolean NOT NULL DEFAULT true,
    ADD COLUMN bodies text[] NOT NULL DEFAULT '{}',
    ADD COLUMN domains text[] NOT NULL DEFAULT '{}';          -- empty: all
ALTER TABLE accounts ALTER COLUMN everywhere SET DEFAULT false;
ALTER TABLE tokens
    ADD COLUMN everywhere boolean NOT NULL DEFAULT true,
    ADD COLUMN bodies text[] NOT NULL DEFAULT '{}',
    ADD COLUMN domains text[] NOT NULL DEFAULT '{}',
    -- The queue is about pairs of any community.
    ADD CONSTRAINT tokens_review_everywhere CHECK (everywhere OR NOT scopes @> '{review}');
ALTER TABLE tokens ALTER COLUMN everywhere SET DEFAULT false;

-- Whose numbers are in sight, of whom, after a reason was given. The audit trail
-- keeps it; this is only how long.
CREATE TABLE reveals (
    viewer      text NOT NULL,               -- session/… or token/…
    resident_id uuid NOT NULL REFERENCES residents,
    until       timestamptz NOT NULL,
    PRIMARY KEY (viewer, resident_id)
);
CREATE INDEX reveals_until ON reveals (until);

-- Requests of one community to look after a resident of another.
CREATE TABLE handovers (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id uuid NOT NULL REFERENCES residents,
    hint        text NOT NULL,               -- first four characters of the number that was asked for
    body        text NOT NULL REFERENCES bodies, -- that asks
    asked_by    text NOT NULL,
    residence   text NOT NULL,               -- where the resident lives now
    hukou       boolean NOT NULL,            -- the hukou moves as well
    why         text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'refused', 'withdrawn')),
    answered_by text,
    answer_why  text,
    answered_at timestamptz
);
CREATE UNIQUE INDEX handovers_open ON handovers (resident_id, body) WHERE state = 'open';
CREATE INDEX handovers_asked_by ON handovers (asked_by);

-- How often somebody asked where a number is registered, within the hour.
CREATE TABLE claim_tries (
    who text NOT NULL,
    hit boolean NOT NULL,
    at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX claim_tries_who ON claim_tries (who, at);

-- A second factor that is being set up, and what lets somebody in who has lost
-- theirs. The secrets are sealed with the installation's keys.
ALTER TABLE accounts ADD COLUMN totp_new text NOT NULL DEFAULT '';
CREATE TABLE account_codes (
    account bigint NOT NULL REFERENCES accounts,
    hash    bytea NOT NULL,                  -- SHA-256
    used_at timestamptz,
    PRIMARY KEY (account, hash)
);

-- +goose Down
DROP TABLE account_codes;
ALTER TABLE accounts DROP COLUMN totp_new;
DROP TABLE claim_tries, handovers;
DROP TABLE reveals;
ALTER TABLE tokens DROP CONSTRAINT tokens_review_everywhere, DROP COLUMN everywhere, DROP COLUMN bodies, DROP COLUMN domains;
ALTER TABLE accounts DROP COLUMN everywhere, DROP COLUMN bodies, DROP COLUMN domains;
DROP FUNCTION answering, named_lines, living_resident;
DROP INDEX responsibilities_dwelling;
ALTER TABLE residents DROP COLUMN home_area, DROP COLUMN home_dwelling, DROP COLUMN hukou_area, DROP COLUMN hukou_dwelling;
DROP FUNCTION area_of, dwelling_of;
