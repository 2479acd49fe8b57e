package table

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"heji/connectors"
	"heji/connectors/spec"
	"heji/connectors/table/dialect"
)

// Every class of a driver's error has a sentence with a code, nothing in it is
// left open, and the driver's own words are not in it.
func TestEveryFaultHasItsCode(t *testing.T) {
	for _, x := range []struct {
		fault dialect.Fault
		code  string
		is    error
	}{
		{dialect.Fault{Class: dialect.Certificate, Certificate: dialect.CertificateExpired, From: "2020-01-01", Until: "2021-01-01"}, "db_certificate_expired", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Certificate, Certificate: dialect.CertificateUnknown}, "db_certificate_unknown", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Certificate, Certificate: dialect.CertificateName}, "db_certificate_name", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Certificate, Certificate: dialect.CertificateUse}, "db_certificate_use", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Certificate, Certificate: dialect.CertificateRefused}, "db_certificate_refused", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Certificate, Certificate: dialect.CertificateNone}, "db_certificate_none", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Slow}, "db_slow", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Credentials, Code: "SQLSTATE 28P01"}, "db_login", connectors.ErrCredentials},
		{dialect.Fault{Class: dialect.Rights, Code: "SQLSTATE 42501"}, "db_rights", connectors.ErrCredentials},
		{dialect.Fault{Class: dialect.NoDatabase}, "db_gone", connectors.ErrLayout},
		{dialect.Fault{Class: dialect.Throttled}, "db_full", connectors.ErrThrottled},
		{dialect.Fault{Class: dialect.Deadlock}, "db_undone", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.LockWait}, "db_held", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.ReadOnly}, "db_read_only", connectors.ErrReadOnly},
		{dialect.Fault{Class: dialect.Layout}, "db_layout", connectors.ErrLayout},
		{dialect.Fault{Class: dialect.Required}, "db_layout", connectors.ErrLayout},
		{dialect.Fault{Server: true, Code: "error 7"}, "db_reports", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Unreachable}, "db_unreachable", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Unreachable, Host: "db.example"}, "db_no_host", connectors.ErrUnreachable},
		{dialect.Fault{Class: dialect.Unreachable, Closed: "10.0.0.1:5432"}, "db_closed", connectors.ErrUnreachable},
	} {
		c := &common{platform: &spec.Platform{ID: "clinic"}, settings: Settings{Table: "persons"}, forget: func() {},
			fault: func(error) dialect.Fault { return x.fault }}
		err := c.failed(context.Background(), "reading", errors.New("the driver's own words"))
		trouble := connectors.AsTrouble(err)
		require.NotNil(t, trouble, x.code)
		require.Equal(t, x.code, trouble.Code)
		require.ErrorIs(t, err, x.is)
		require.NotRegexp(t, `[{}]`, err.Error())
		require.NotContains(t, err.Error(), "own words")
		require.Contains(t, err.Error(), x.fault.Code)
	}
}
