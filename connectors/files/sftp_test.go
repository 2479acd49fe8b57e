package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"heji/connectors"
	"heji/connectors/conformance"
	"heji/connectors/spec"
)

// behind opens a platform whose folders are behind the server.
func behind(t *testing.T, yaml, state string) *acknowledger {
	t.Helper()
	p, err := spec.Parse("platform.yaml", []byte(yaml), secrets)
	require.NoError(t, err)
	c, err := Open(context.Background(), p, connectors.Environment{Dir: state})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c.(*acknowledger)
}

func person(o *office, t *testing.T, n int) {
	for i := range n {
		o.Insert(t, map[string]string{"id": fmt.Sprintf("P%05d", i), "xm": fmt.Sprintf("测试%d", i), "sjhm": "13900000000", "sfzh": fmt.Sprintf("N%d", i)})
	}
}

// Never an unknown host key: the sentence says what to compare and what to
// write, and no password has left by then.
func TestHostKeys(t *testing.T) {
	s := newServer(t)
	o := newOffice(t, "csv", false)
	o.Publish(t)
	right := ssh.FingerprintSHA256(s.host.PublicKey())
	stranger, _ := newKey(t)
	public := func(k ssh.Signer) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey()))) }
	known := func(lines ...string) string {
		path := filepath.Join(t.TempDir(), "known_hosts")
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		return path
	}
	for _, test := range []struct {
		name, pin string
		says      []string // empty: accepted
	}{
		{"fingerprint", `, host_key: "` + right + `"`, nil},
		{"public key", `, host_key: "` + public(s.host) + `"`, nil},
		{"one of several", `, host_key: ["` + ssh.FingerprintSHA256(stranger.PublicKey()) + `", "` + right + `"]`, nil},
		{"known_hosts", ", known_hosts: " + known(knownhosts.Line([]string{s.address}, s.host.PublicKey())), nil},
		{"nothing pinned", "", []string{"is not known yet", right, "by telephone", "host_key: " + right}},
		{"another key", `, host_key: "` + ssh.FingerprintSHA256(stranger.PublicKey()) + `"`, []string{"shows another host key than the pinned one", right, "in between"}},
		{"known_hosts of others", ", known_hosts: " + known(knownhosts.Line([]string{"files.example"}, s.host.PublicKey())), []string{"is not known yet", right}},
		{"known_hosts with another key", ", known_hosts: " + known(knownhosts.Line([]string{s.address}, stranger.PublicKey())), []string{"shows another host key", right}},
		{"revoked", ", known_hosts: " + known("@revoked * "+public(s.host)), []string{"revoked"}},
		{"no such file", ", known_hosts: /nowhere/known_hosts", []string{"known_hosts cannot be used"}},
		{"no fingerprint", ", host_key: MD5:00", []string{"must be a fingerprint"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tried := s.passes.Load()
			yaml := strings.Replace(o.yaml(), "connect:\n", "connect:\n  sftp: {address: \""+s.address+"\", user: heji, password: \"${SFTP_PASSWORD}\""+test.pin+"}\n", 1)
			err := behind(t, yaml, t.TempDir()).Check(context.Background())
			if len(test.says) == 0 {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			for _, says := range test.says {
				require.Contains(t, err.Error(), says)
			}
			require.Equal(t, tried, s.passes.Load(), "no password is sent to a stranger")
		})
	}
	t.Run("the pinned key beside a preferred one", func(t *testing.T) {
		s := newServer(t, func(s *server) { s.second = rsaKey(t) })
		yaml := strings.Replace(o.yaml(), "connect:\n", "connect:\n  sftp: {address: \""+s.address+"\", user: heji, password: \"${SFTP_PASSWORD}\", host_key: \""+public(s.second)+"\"}\n", 1)
		require.NoError(t, behind(t, yaml, t.TempDir()).Check(context.Background()))
	})
}

func TestLogins(t *testing.T) {
	signer, own := newKey(t)
	s := newServer(t, func(s *server) { s.client = signer })
	o := newOffice(t, "csv", false)
	o.Publish(t)
	_, stranger := newKey(t)
	mine, other, locked := keyFile(t, own, ""), keyFile(t, stranger, ""), keyFile(t, stranger, "opens")
	for _, test := range []struct{ name, with, says string }{
		{"key", "key: " + mine, ""},
		{"password", "password: \"${SFTP_PASSWORD}\"", ""},
		{"wrong password", "password: wrong-one", "does not accept the account heji with connect.sftp.password"},
		{"wrong key", "key: " + other, "does not accept the account heji with connect.sftp.key"},
		{"locked key", "key: " + locked, "give connect.sftp.passphrase"},
		{"wrong passphrase", "key: " + locked + ", passphrase: shuts", "passphrase does not open the key file"},
		{"no key in it", "key: " + filepath.Join(o.dir, "in", "full_20260101.csv"), "holds no private key"},
		{"no such key", "key: /nowhere/key", "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			yaml := strings.Replace(o.yaml(), "connect:\n", "connect:\n"+s.block(test.with), 1)
			err := behind(t, yaml, t.TempDir()).Check(context.Background())
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, connectors.ErrCredentials)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "wrong-one")
			require.NotContains(t, err.Error(), "shuts")
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		yaml := strings.Replace(o.yaml(), "connect:\n", "connect:\n"+strings.Replace(s.withPassword(), s.address, "127.0.0.1:1", 1), 1)
		err := behind(t, yaml, t.TempDir()).Check(context.Background())
		require.ErrorIs(t, err, connectors.ErrUnreachable)
		require.ErrorContains(t, err, "127.0.0.1:1 does not answer")
	})
}

// A fetch that breaks off goes on where it was, and nothing of it is given out
// before the whole file is here.
func TestFetchGoesOn(t *testing.T) {
	s := newServer(t)
	o := newOffice(t, "csv", false)
	person(o, t, 40000)
	o.Publish(t)
	info, err := os.Stat(filepath.Join(o.dir, "in", "full_20260101.csv"))
	require.NoError(t, err)
	yaml := strings.Replace(strings.Replace(o.yaml(), "page: 7", "page: 500", 1), "connect:\n", "connect:\n"+s.withPassword(), 1)
	c := behind(t, yaml, t.TempDir())
	s.cutOut.Store(info.Size() * 2 / 3)
	batches, at, err := read(c.reader, nil)
	require.ErrorIs(t, err, connectors.ErrUnreachable)
	require.ErrorContains(t, err, "full_20260101.csv cannot be fetched")
	require.Empty(t, batches)
	require.Nil(t, at)

	s.fetched.Store(0)
	batches, at, err = read(c.reader, nil)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 40000)
	require.True(t, batches[len(batches)-1].Complete)
	require.Less(t, s.fetched.Load(), info.Size()*2/3, "what was here already is not fetched again")

	require.NoError(t, c.Confirm(context.Background(), at))
	require.FileExists(t, filepath.Join(o.dir, "in", "processed", "full_20260101.csv"))
	_, _, err = read(c.reader, at)
	require.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(c.drive.(*remote).cache, "*", "*"))
	require.NoError(t, err)
	require.Empty(t, left, "no copy of people's data stays")
}

// A file that is being written while it is fetched is not read.
func TestFileGrowsWhileFetched(t *testing.T) {
	s := newServer(t)
	o := newOffice(t, "csv", false)
	person(o, t, 10)
	o.Publish(t)
	c := behind(t, strings.Replace(o.yaml(), "connect:\n", "connect:\n"+s.withPassword(), 1), t.TempDir())
	path := filepath.Join(o.dir, "in", "full_20260101.csv")
	found, err := c.waiting(context.Background())
	require.NoError(t, err)
	require.Len(t, found, 1)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("more\r\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = c.drive.local(context.Background(), path, found[0].identity)
	require.ErrorContains(t, err, "changed while it was fetched")
	require.NoError(t, os.Truncate(path, 5))
	found[0].Size = 1000
	_, err = c.drive.local(context.Background(), path, found[0].identity)
	require.ErrorContains(t, err, "changed while it was fetched")
}

// Without a done marker a remote file counts as whole once it was seen unchanged
// for long enough.
func TestStableBehindSFTP(t *testing.T) {
	s := newServer(t)
	o := newOffice(t, "csv", false)
	person(o, t, 3)
	o.Publish(t)
	yaml := strings.Replace(strings.Replace(o.yaml(), "done_marker: .ok", "done_marker: stable", 1), "connect:\n", "connect:\n"+s.withPassword(), 1)
	c := behind(t, yaml, t.TempDir())
	now := time.Now()
	c.folder.now = func() time.Time { return now }
	batches, _, err := read(c.reader, nil)
	require.NoError(t, err)
	require.Empty(t, batches)
	now = now.Add(11 * time.Second)
	batches, _, err = read(c.reader, nil)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 3)
}

// A server that stops answering is left after the stall time, and at once when
// the context ends.
func TestSlowServer(t *testing.T) {
	s := newServer(t)
	o := newOffice(t, "csv", false)
	o.Publish(t)
	yaml := strings.Replace(o.yaml(), "connect:\n", "connect:\n"+s.block("password: \"${SFTP_PASSWORD}\", stall: 3s"), 1)
	c := behind(t, yaml, t.TempDir())
	_, _, err := read(c.reader, nil)
	require.NoError(t, err)
	s.held.Store(true)
	_, err = c.drive.stat(context.Background(), o.dir)
	require.ErrorIs(t, err, connectors.ErrUnreachable)

	patient := behind(t, strings.Replace(yaml, "stall: 3s", "stall: 10m", 1), t.TempDir())
	s.held.Store(false)
	_, _, err = read(patient.reader, nil)
	require.NoError(t, err)
	s.held.Store(true)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- patient.Pull(ctx, nil, func(connectors.Batch) error { return nil }) }()
	cancel()
	select {
	case err := <-done:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(time.Minute):
		t.Fatal("a slow server held the connector")
	}
	s.held.Store(false)
	_, _, err = read(patient.reader, nil)
	require.NoError(t, err, "the next one connects again")
}

func batchOf(n int) []connectors.Write {
	var out []connectors.Write
	for i := range n {
		out = append(out, connectors.Write{Intent: fmt.Sprintf("i%d", i), Batch: "b7", Key: fmt.Sprintf("P%05d", i),
			Set: map[string]string{"xm": strings.Repeat("名", 50)}})
	}
	return out
}

// A connection that breaks anywhere in an upload leaves nothing under the final
// name that is not whole, and the same batch becomes the same one file.
func TestUploadBreaksAnywhere(t *testing.T) {
	s := newServer(t)
	writes := batchOf(400)
	measure := func() int64 { // what one whole push sends
		o := newOffice(t, "csv", false)
		c := behind(t, strings.Replace(o.yaml(), "connect:\n", "connect:\n"+s.withPassword(), 1), t.TempDir())
		require.NoError(t, c.Check(context.Background()))
		before := s.in.Load()
		_, err := c.Push(context.Background(), writes)
		require.NoError(t, err)
		return s.in.Load() - before
	}()
	broke := map[string]int{}
	for step := int64(1); step <= 16; step++ {
		o := newOffice(t, "csv", false)
		yaml := strings.Replace(o.yaml(), "connect:\n", "connect:\n"+s.withPassword(), 1)
		state := t.TempDir()
		c := behind(t, yaml, state)
		require.NoError(t, c.Check(context.Background()))
		at := measure * step / 10
		if step > 8 {
			at = measure - (16-step)*50 // close to its end: where it gets its name
		}
		s.cutIn.Store(max(at, 1))
		out, err := c.Push(context.Background(), writes)
		s.cutIn.Store(0)
		switch {
		case err != nil:
			broke["not done"]++
			require.ErrorIs(t, err, connectors.ErrUnreachable)
		case out[0].Status == connectors.Doubt:
			broke["in doubt"]++
		default:
			broke["whole"]++
		}
		names, err := filepath.Glob(filepath.Join(o.dir, "out", "heji_*"))
		require.NoError(t, err)
		for _, name := range names {
			require.Len(t, o.load(t, name), 401, "a file under its final name is whole")
		}
		// The platform may fetch it at once: the same batch must not come again.
		fetched := len(names) == 1 && step%2 == 0
		if fetched {
			require.NoError(t, os.Remove(names[0]))
		}
		again := behind(t, yaml, state) // as after a restart
		out, err = again.Push(context.Background(), writes)
		require.NoError(t, err)
		require.Equal(t, connectors.Queued, out[399].Status)
		entries, err := os.ReadDir(filepath.Join(o.dir, "out"))
		require.NoError(t, err)
		if fetched {
			require.Empty(t, entries, "what was fetched is not dropped twice")
			continue
		}
		require.Len(t, entries, 1, "one file, and nothing left of a broken upload")
		require.Equal(t, "heji_b7.csv", entries[0].Name())
		require.Len(t, o.load(t, filepath.Join(o.dir, "out", "heji_b7.csv")), 401)
	}
	require.Positive(t, broke["not done"])
	require.Positive(t, broke["in doubt"])
}

// What an upload that broke off left behind is removed when another batch comes.
func TestUploadsThatBrokeOffAreRemoved(t *testing.T) {
	s := newServer(t)
	o := newOffice(t, "csv", false)
	yaml := strings.Replace(o.yaml(), "connect:\n", "connect:\n"+s.withPassword(), 1)
	c := behind(t, yaml, t.TempDir())
	require.NoError(t, c.Check(context.Background()))
	s.cutIn.Store(100 << 10)
	_, err := c.Push(context.Background(), batchOf(2000))
	require.ErrorIs(t, err, connectors.ErrUnreachable)
	s.cutIn.Store(0)
	require.FileExists(t, filepath.Join(o.dir, "out", ".heji_b7.csv.tmp"))
	other := batchOf(1)
	other[0].Batch = "b8"
	_, err = c.Push(context.Background(), other)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(o.dir, "out", ".heji_b7.csv.tmp"))
	require.FileExists(t, filepath.Join(o.dir, "out", "heji_b8.csv"))
}

// Where nothing may be moved, the cursor remembers what was read.
func TestReadOnlyServer(t *testing.T) {
	s := newServer(t)
	o := newOffice(t, "csv", false)
	person(o, t, 3)
	o.Publish(t)
	s.readOnly.Store(true)
	yaml := o.yaml()
	yaml = yaml[:strings.Index(yaml, "  outbox:")] + yaml[strings.Index(yaml, "fields:"):strings.Index(yaml, "agreement:")]
	yaml = strings.Replace(yaml, "connect:\n", "connect:\n"+s.withPassword(), 1)
	open := func(yaml string) *reader {
		p, err := spec.Parse("platform.yaml", []byte(yaml), secrets)
		require.NoError(t, err)
		c, err := Open(context.Background(), p, connectors.Environment{Dir: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		return c.(*reader)
	}
	c := open(yaml)
	batches, at, err := read(c, nil)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 3)
	err = c.Confirm(context.Background(), at)
	require.ErrorContains(t, err, "write processed: stay")

	c = open(strings.Replace(yaml, "page: 7", "page: 7\n  processed: stay", 1))
	require.NoError(t, c.Confirm(context.Background(), at))
	batches, _, err = read(c, at)
	require.NoError(t, err)
	require.Empty(t, batches, "it was read before")
	o.Publish(t)
	batches, at, err = read(c, at)
	require.NoError(t, err)
	require.Len(t, rowsOf(batches), 3, "the next delivery is read")
	batches, _, err = read(c, at)
	require.NoError(t, err)
	require.Empty(t, batches)
}

func TestConformanceSFTP(t *testing.T) {
	swap := func(from, to string) func(string) string {
		return func(y string) string { return strings.Replace(y, from, to, 1) }
	}
	stranger, _ := newKey(t)
	s := newServer(t)
	h := conformance.Harness{Env: secrets, Queued: true, Batched: true, Refuses: true, Vanishing: true, Incremental: true, MidCursors: true,
		Bad: []conformance.Bad{
			{Name: "WrongPassword", YAML: swap("${SFTP_PASSWORD}", "another"), Says: "does not accept the account"},
			{Name: "NoHostKey", YAML: func(y string) string {
				return strings.Replace(y, ", host_key: \""+ssh.FingerprintSHA256(s.host.PublicKey())+"\"", "", 1)
			}, Says: "the host key of the machine"},
			{Name: "OtherHostKey", YAML: swap(ssh.FingerprintSHA256(s.host.PublicKey()), ssh.FingerprintSHA256(stranger.PublicKey())), Says: "another host key"},
			{Name: "NoServer", YAML: swap(s.address, "127.0.0.1:1"), Says: "does not answer"},
			{Name: "NoUser", YAML: swap("user: heji, ", ""), Says: "connect.sftp.user are needed"},
			{Name: "NoFolder", YAML: swap("/in\n", "/inn\n"), Says: "cannot be read"},
			{Name: "NoOutbox", YAML: swap("/out,", "/outt,"), Says: "nothing can be written into the folder"},
			{Name: "NoColumn", YAML: swap("column: sjhm", "column: sjh"), Says: "has no column sjh"},
		}}
	h.New = func(t *testing.T) (conformance.Platform, string) {
		o := newOffice(t, "csv", true)
		return o, strings.Replace(o.yaml(), "connect:\n", "connect:\n"+s.withPassword(), 1)
	}
	conformance.Run(t, h)
}
