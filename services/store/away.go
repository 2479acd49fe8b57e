package store

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Away reports whether an error says that the database is not there, or cannot
// work now: it stopped, the line broke, it has no place or no connection left, or
// it is a standby. Asked again later, the same works. What was being saved when a
// line broke may have been saved: whoever sends it again sends the same key.
func Away(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case strings.HasPrefix(pg.Code, "08"), // the connection failed
			strings.HasPrefix(pg.Code, "53"),   // no memory, no disk, too many connections
			strings.HasPrefix(pg.Code, "57P0"), // it is stopping, starting, or was killed
			pg.Code == "25006":                 // it takes no writes
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}
