package table

import (
	"context"
	"errors"
	"fmt"

	"heji/connectors"
	"heji/connectors/table/dialect"
)

// failed turns an error of the driver into a sentence. The driver's own words
// stay out: they quote addresses, passwords and values (I9). The server's own
// number stays, for whoever looks it up.
func (c *common) failed(ctx context.Context, doing string, err error) error {
	say := func(code, number string, more ...string) error {
		if number != "" {
			number = " (" + number + ")"
		}
		return connectors.NewTrouble(code, append(more, "platform", c.platform.ID, "doing", doing, "number", number)...)
	}
	if ctx.Err() != nil {
		if errors.Is(context.Cause(ctx), errSlow) {
			return say("db_slow", "")
		}
		return fmt.Errorf("%s: %s: %w", c.platform.ID, doing, context.Cause(ctx))
	}
	f := c.fault(err)
	switch {
	case f.Class == dialect.Certificate:
		return say("db_certificate_"+f.Certificate, "", "from", f.From, "until", f.Until)
	case f.Class == dialect.Slow:
		return say("db_slow", f.Code)
	case f.Class == dialect.Credentials:
		return say("db_login", f.Code)
	case f.Class == dialect.Rights:
		return say("db_rights", f.Code, "table", c.settings.Table)
	case f.Class == dialect.NoDatabase:
		return say("db_gone", f.Code)
	case f.Class == dialect.Throttled:
		return say("db_full", f.Code)
	case f.Class == dialect.Deadlock:
		return say("db_undone", f.Code)
	case f.Class == dialect.LockWait:
		return say("db_held", f.Code)
	case f.Class == dialect.ReadOnly:
		return say("db_read_only", f.Code)
	case f.Class == dialect.Layout, f.Class.Refused():
		c.forget()
		return say("db_layout", f.Code)
	case f.Server && f.Code != "":
		return say("db_reports", f.Code)
	case f.Host != "":
		return say("db_no_host", f.Code, "host", f.Host)
	case f.Closed != "":
		return say("db_closed", f.Code, "address", f.Closed)
	}
	return say("db_unreachable", f.Code)
}

// site answers what the sentence about a refused row needs.
type site interface {
	// ruled are the columns of an index or constraint.
	ruled(ctx context.Context, rule string) []string
	// length is the longest text of a column; 0: no limit.
	length(column string) int
	// unfit is the column whose value is none of its type, where it can be told.
	unfit(ctx context.Context, set map[string]string) string
}

// refusal says why a row was refused, or false where err is no statement about
// the row.
func (c *common) refusal(ctx context.Context, s site, write connectors.Write, err error) (column, reason string, ok bool) {
	f := c.fault(err)
	column = f.Column
	if column == "" && f.Rule != "" {
		column = preferred(s.ruled(ctx, f.Rule), write.Set)
	}
	switch f.Class {
	case dialect.Required:
		reason = "the platform requires a value here"
	case dialect.Duplicate:
		reason = "another row already has this value (" + f.Rule + ")"
	case dialect.Reference:
		reason = "the platform knows no entry for this value (" + f.Rule + ")"
	case dialect.Check:
		reason = "the value breaks the platform's rule " + f.Rule
		if f.Rule == "" {
			reason = "the value breaks a rule of the platform (" + f.Code + ")"
		}
	case dialect.TooLong:
		if column == "" {
			column = tooLong(s, write.Set)
		}
		reason = "the value is longer than the platform's column"
	case dialect.BadValue:
		// The message quotes the value; which column it was for, it may not say.
		if column == "" {
			column = s.unfit(ctx, write.Set)
		}
		reason = "the value is not of the column's type"
	case dialect.Charset:
		reason = "the value holds a character that the platform's column cannot hold"
	case dialect.Rights:
		reason = "the database user has no right to change this"
	case dialect.ReadOnly:
		reason = "the database takes no changes here"
	case dialect.Computed:
		reason = "the platform computes this column itself"
	case dialect.Spoken:
		reason = connectors.Reason(f.Words, write.Set, write.If, write.Natural)
	default:
		return "", "", false
	}
	return column, reason, true
}

// preferred is the first column that we set, else the first.
func preferred(names []string, set map[string]string) string {
	for _, n := range names {
		if _, ours := set[n]; ours {
			return n
		}
	}
	if len(names) > 0 {
		return names[0]
	}
	return ""
}

func tooLong(s site, set map[string]string) string {
	for _, name := range sorted(set) {
		if n := s.length(name); n > 0 && len([]rune(set[name])) > n {
			return name
		}
	}
	return ""
}
