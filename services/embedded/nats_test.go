package embedded

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func startNATSIn(t *testing.T, o Options) *NATS {
	t.Helper()
	n, err := StartNATS(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Stop() })
	return n
}

func open(t *testing.T, n *NATS) jetstream.JetStream {
	t.Helper()
	conn, err := n.Connect()
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return js
}

func TestJetStreamKeepsWhatWasPublished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := t.Context()
	n := startNATSIn(t, Options{Dir: dir})
	js := open(t, n)
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	require.NoError(t, err)
	_, err = js.Publish(ctx, "s.a", []byte("kept"))
	require.NoError(t, err)
	require.NoError(t, n.Stop())

	n = startNATSIn(t, Options{Dir: dir})
	s, err := open(t, n).Stream(ctx, "S")
	require.NoError(t, err)
	m, err := s.GetMsg(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, "kept", string(m.Data))
	require.NoError(t, n.Stop())

	info, err := os.Stat(filepath.Join(dir, JetStreamFolder))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "messages are closed to others")

	require.NoError(t, os.RemoveAll(filepath.Join(dir, JetStreamFolder)))
	n = startNATSIn(t, Options{Dir: dir})
	_, err = open(t, n).Stream(ctx, "S")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound, "thrown away, and the server starts all the same")
}

func TestUnreadableJetStreamIsPutAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := filepath.Join(dir, JetStreamFolder)
	require.NoError(t, os.MkdirAll(store, 0o700))
	// A file where the account's folder should be.
	require.NoError(t, os.WriteFile(filepath.Join(store, "$G"), []byte("not a folder"), 0o600))
	n := startNATSIn(t, Options{Dir: dir})
	_, err := open(t, n).CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	require.NoError(t, err)
}

func TestNATSListensOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	require.Empty(t, startNATSIn(t, Options{Dir: t.TempDir()}).URL())

	n := startNATSIn(t, Options{Dir: t.TempDir(), NATSListen: "127.0.0.1:0"})
	conn, err := natsgo.Connect(n.URL())
	require.NoError(t, err)
	conn.Close()

	_, err = StartNATS(t.Context(), Options{Dir: t.TempDir(), NATSListen: "0.0.0.0:4222"})
	require.ErrorContains(t, err, "not a loopback address")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	dir := t.TempDir()
	began := time.Now()
	_, err = StartNATS(t.Context(), Options{Dir: dir, NATSListen: taken.Addr().String()})
	require.ErrorContains(t, err, "address already in use")
	require.Less(t, time.Since(began), 10*time.Second, "a hopeless start fails at once")
	require.NoDirExists(t, filepath.Join(dir, JetStreamFolder+".unreadable"), "and JetStream's files are not blamed")
}

func TestNATSFolderInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startNATSIn(t, Options{Dir: dir})
	_, err := StartNATS(t.Context(), Options{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)
}

func TestStartAndStopBoth(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		e, err := Start(t.Context(), Options{Dir: dir, Throwaway: true})
		require.NoError(t, err)
		require.NoError(t, connect(t, e.Postgres.DSN("")).Ping(t.Context()))
		require.NotNil(t, open(t, e.NATS))
		require.NoError(t, e.Stop())
	}
	_, err := Start(t.Context(), Options{})
	require.ErrorContains(t, err, "Options.Dir is empty")
}
