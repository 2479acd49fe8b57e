-- How often the processes have said that they live: it only grows. A process that
-- finds less than it has seen is on a database that was put back to an older point.

-- +goose Up
CREATE TABLE heartbeat (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    beat bigint NOT NULL
);
INSERT INTO heartbeat (beat) VALUES (0);

-- +goose Down
DROP TABLE heartbeat;
