package hub_test

import (
	"testing"

	"heji/services/embedded/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func pgtestDSN(t *testing.T) string { return pgtest.DSN(t) }
